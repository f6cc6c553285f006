"""Curves are short, monotone, and say what the figures say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.metrics.central import central
from meshsim.report.series import POINTS, distribution, histogram, series, thinned
from support.reports import observation


@given(st.lists(st.floats(0, 1e6) | st.just(math.inf), max_size=400))
def test_a_distribution_rises_to_the_share_that_ended(values: list[float]) -> None:
    line = distribution(values)
    assert len(line) <= POINTS
    assert line == sorted(line)
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        assert line[-1][0] == pytest.approx(max(finite), rel=1e-5)
        assert line[-1][1] == pytest.approx(len(finite) / len(values), rel=1e-5)
    else:
        assert line == []


def test_a_histogram_shares_out_all_values() -> None:
    assert histogram([1, 2, 2, 4]) == [[1, 0.25], [2, 0.5], [4, 0.25]]
    assert histogram([]) == []


def test_thinning_keeps_both_ends() -> None:
    line = [[float(n), 0.0] for n in range(1_000)]
    short = thinned(line)
    assert len(short) == POINTS
    assert (short[0], short[-1]) == (line[0], line[-1])
    assert thinned(line[:5]) == line[:5]


def test_all_curves_of_a_run() -> None:
    seen = observation()
    lines = series(seen, central(seen))
    assert set(lines["delay_ms"]) == {"ours", "direct", "oracle", "ancestor"}
    assert set(lines["stretch"]) == {"ours", "oracle"}
    assert set(lines["depth"]) == {"ours", "oracle", "ancestor"}
    assert set(lines["repair_ms"]) == {"one", "ancestor"}
    assert set(lines["control"]) == {"probe", "routing", "link"}
    assert lines["marks"] == [[605.0, "one"]]
    assert sum(share for _, share in lines["depth"]["ours"]) == pytest.approx(1)


def test_control_is_a_rate_per_node() -> None:
    seen = observation()
    rates = {rate for _, rate in series(seen, None)["control"]["routing"]}
    assert rates == {40.0}


def test_faults_without_labels_make_one_line() -> None:
    seen = observation()
    seen.faults = [type(f)(f.time_s, f.kind, f.nodes) for f in seen.faults]
    seen.ancestor = None
    assert set(series(seen, None)["repair_ms"]) == {"ours"}
    assert series(seen, None)["marks"] == [[605.0, "crash"]]


def test_who_is_served_over_time_ends_where_the_figure_stands() -> None:
    line = series(observation(), None)["served"]["ours"]
    assert line[0] == [0.0, 0.0]
    assert line[-1][1] == 1.0
