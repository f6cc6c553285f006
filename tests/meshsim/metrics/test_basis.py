"""Quantiles, the steady window, and how long nodes lived in it."""

from __future__ import annotations

import pytest

from meshsim.metrics.basis import ms, node_hours, quantile, window_s
from meshsim.observation import Observation, TrafficSample
from support.spaces import line, nodes


def seen() -> Observation:
    return Observation("x", 1, line(4), nodes([4] * 4), simulated_s=7200.0)


def test_no_values_have_no_quantile() -> None:
    assert quantile([], 0.5) is None
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert ms(None) is None
    assert ms(0.25) == 250.0


def test_without_a_window_the_whole_run_counts() -> None:
    run = seen()
    assert window_s(run) == (0.0, 7200.0)
    assert node_hours(run) == pytest.approx(8.0)


def test_only_the_window_counts_and_those_alive_in_it() -> None:
    run = seen()
    run.steady = (3600.0, 7200.0)
    run.traffic = [
        TrafficSample(t, alive, {}) for t, alive in ((0, 4), (3600, 2), (7200, 3))
    ]
    assert node_hours(run) == pytest.approx(2.5)
