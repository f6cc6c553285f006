"""Many runs as one page."""

from __future__ import annotations

from meshsim.acceptance import judge_all
from meshsim.report.summary import summary_page
from support.reports import report


def test_verdicts_and_runs_are_listed() -> None:
    reports = [report(1, excess_p99_ms=99.0), report(2)]
    judged = judge_all([(r.scenario, r.nodes, r.figures) for r in reports])
    text = summary_page(judged, reports)
    assert "2 runs against the acceptance table" in text
    assert text.count("<tr><th>settled</th>") == 2
    assert "excess over the direct path, p99: excess_p99_ms" in text
    assert "mean of the runs" in text
    assert "excess" in text.split("limits missed")[1]
