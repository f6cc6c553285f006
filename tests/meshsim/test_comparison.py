"""What is a change, and what is noise."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from meshsim.comparison import Change, compare, name_of
from meshsim.report.model import Report
from support.reports import report


def changes(before: Report, after: Report, scale: float = 1.0) -> dict[str, Change]:
    found = compare([before], [after], scale)
    return {each.figure: each.change for each in found.differences}


def run(**figures: float) -> Report:
    return Report("mine", 1, figures, parameters={"nodes": 40})


def test_the_same_reports_do_not_differ() -> None:
    found = compare([report(1), report(2)], [report(2), report(1)])
    assert (found.differences, found.pairs, found.regressions) == ((), 2, [])


@pytest.mark.parametrize(
    ("figure", "before", "after", "change"),
    [
        ("delay_p50_ms", 80.0, 82.9, None),  # within 3 ms
        ("delay_p50_ms", 80.0, 87.9, None),  # within 10 %
        ("delay_p50_ms", 80.0, 89.0, Change.WORSE),
        ("delay_p50_ms", 80.0, 60.0, Change.BETTER),
        ("served_share", 1.0, 0.9995, None),
        ("served_share", 1.0, 0.98, Change.WORSE),
        ("served_share", 0.9, 1.0, Change.BETTER),
        ("one.repair_150_share", 0.86, 0.80, Change.WORSE),
        ("tree_loops", 0, 1, Change.MISSED),
        ("slots_per_subscriber", 4.0, 2.0, Change.OTHER),
        ("repair_p99_ms", 300.0, math.inf, Change.WORSE),
        ("repair_p99_ms", math.inf, 300.0, Change.BETTER),
        ("repair_p99_ms", math.inf, math.inf, None),
    ],
)
def test_a_figure_changes_in_its_own_direction(
    figure: str, before: float, after: float, change: Change | None
) -> None:
    found = changes(run(**{figure: before}), run(**{figure: after}))
    assert found == ({} if change is None else {figure: change})


def test_what_is_no_longer_measured_is_a_regression() -> None:
    assert changes(run(depth_max=7), run()) == {"depth_max": Change.GONE}
    assert changes(run(), run(depth_max=7)) == {}


def test_a_limit_that_was_met_is_news_however_small_the_change() -> None:
    before, after = report(excess_p99_ms=44.9), report(excess_p99_ms=45.1)
    assert changes(before, after) == {"excess_p99_ms": Change.MISSED}
    assert changes(after, before) == {}


def test_the_factor_widens_what_is_noise() -> None:
    before, after = run(delay_p50_ms=80.0), run(delay_p50_ms=95.0)
    assert changes(before, after, 1.0) != {}
    assert changes(before, after, 2.0) == {}


def test_only_runs_of_the_same_scenario_seed_and_parameters_are_compared() -> None:
    base = run(depth_max=7)
    others = [
        replace(base, seed=2),
        replace(base, scenario="other"),
        replace(base, parameters={"nodes": 41}),
    ]
    found = compare([base], others)
    assert found.pairs == 0
    assert found.only_before == ("mine seed 1 nodes=40",)
    assert found.only_after == tuple(name_of(other) for other in others)
