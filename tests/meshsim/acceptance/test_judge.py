"""One run against the rows it feeds, many runs against the whole table."""

from __future__ import annotations

import pytest

from meshsim.acceptance import ROWS, Judged, Over, Verdict, judge_all, judge_run


def of(judged: list[Judged], figure: str, over: Over = Over.EVERY) -> Judged:
    return next(j for j in judged if j.bar.figure == figure and j.bar.over is over)


def test_a_run_is_judged_only_by_the_rows_it_feeds() -> None:
    keys = {j.row.key for j in judge_run("tight", 1_000, {})}
    assert keys == {"served-tight", "cap", "loops", "promises"}


def test_a_strange_scenario_must_still_keep_all_promises() -> None:
    judged = judge_run("mine", 10, {"tree_loops": 1, "violations": 0})
    assert of(judged, "tree_loops").verdict is Verdict.MISSED
    assert of(judged, "violations").verdict is Verdict.MET
    assert of(judged, "route_loops").verdict is Verdict.UNSEEN


def test_depth_is_judged_by_the_size_of_the_mesh() -> None:
    small = of(judge_run("settled", 1_000, {"depth_max": 12}), "depth_max")
    large = of(judge_run("large", 10_000, {"depth_max": 12}), "depth_max")
    assert (small.verdict, large.verdict) == (Verdict.MISSED, Verdict.MET)


def test_limits_on_means_wait_for_all_runs() -> None:
    assert all(j.bar.over is Over.EVERY for j in judge_run("settled", 1_000, {}))


def test_the_worst_run_counts_and_the_mean_where_it_is_asked() -> None:
    runs = [
        ("settled", 1_000, {"delay_p50_over_oracle": 1.10, "served_share": 1.0}),
        ("settled", 1_000, {"delay_p50_over_oracle": 1.28, "served_share": 1.0}),
        ("scarce", 1_000, {"served_share": 0.99}),
        ("tight", 1_000, {"served_share": 0.5}),
    ]
    judged = judge_all(runs)
    every = of(judged, "delay_p50_over_oracle")
    mean = of(judged, "delay_p50_over_oracle", Over.MEAN)
    assert (every.value, every.verdict, every.runs) == (1.28, Verdict.MET, 2)
    assert mean.value == pytest.approx(1.19)
    assert mean.verdict is Verdict.MET
    served = of(judged, "served_share")
    assert (served.worst, served.runs, served.verdict) == (0.99, 3, Verdict.MISSED)


def test_every_bar_of_the_table_is_in_the_answer_once() -> None:
    bars = sum(len(row.bars) for row in ROWS)
    judged = judge_all([])
    assert len(judged) == bars
    assert {j.verdict for j in judged} == {Verdict.UNSEEN}
