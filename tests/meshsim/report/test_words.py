"""The report in sentences: only what was measured, and nothing rounded up."""

from __future__ import annotations

import math
from dataclasses import replace

from meshsim.report.model import Report
from meshsim.report.words import sentences, verdict_line
from support.reports import report


def text(made: Report) -> str:
    return " ".join(sentences(made))


def test_a_full_report_reads_like_this() -> None:
    said = text(report(delay_p50_ms=83.2, delay_p99_ms=190.0, served_share=1.0))
    assert said.startswith("40 nodes on measured PlanetLab paths, 11.7 minutes")
    assert "Everybody who wanted to watch was served." in said
    assert "Half of the viewers get a packet within 83 ms" in said
    assert "99 in 100 within 190 ms; an all-knowing planner would reach" in said
    assert "When one relay dies, the picture of those cut off stops for" in said
    assert "circles at no time; under the draft protocol" in said


def test_a_share_is_never_rounded_up_to_all() -> None:
    said = text(report(served_share=0.99999))
    assert "99.99 % of those who wanted to watch were served." in said


def test_what_was_not_measured_is_not_said() -> None:
    bare = Report("mine", 1, {})
    assert sentences(bare) == ["A mesh, 0 minutes of the mesh's time."]


def test_a_repair_without_end_and_broken_promises() -> None:
    figures = {"one.repair_p50_ms": math.inf, "violations": 2.0}
    said = text(report(**figures))
    assert "stops for no end in the middle case" in said
    assert "2 promises were broken" in said


def test_faults_without_labels_are_told_too() -> None:
    made = report()
    plain = {n: v for n, v in made.figures.items() if not n.startswith("one.")}
    assert "When nodes fail, the picture" in text(replace(made, figures=plain))


def test_the_verdict_in_one_line() -> None:
    assert verdict_line([]).startswith("No limit")
    good = [j for j in report().judged() if j.verdict.value in {"met", "aim reached"}]
    assert verdict_line(good) == f"All {len(good)} limits that this run feeds are met."
    bad = report(tree_loops=1, route_loops=2).judged()
    assert "missed: " in verdict_line(bad)
    assert verdict_line(bad).count("route loops; tree loops at any instant") == 1
