"""The oracle's column: same names, same rule, never worse than what was moved."""

from __future__ import annotations

import pytest

from meshsim.metrics import figures
from meshsim.metrics.central import central, ratios
from meshsim.observation import Observation
from support.spaces import nodes, square
from support.synthetic import observe


def test_its_figures_have_our_names() -> None:
    seen = observe(square(60, 1), nodes([2] * 30 + [8] * 30), 1)
    best = central(seen)
    assert best is not None
    table = best.figures()
    assert set(table) <= set(figures(seen))
    assert table["served_share"] == 1.0
    assert len(best.delay_s) == len(best.depths) == 59


def test_the_moved_tree_is_behind_the_oracle() -> None:
    seen = observe(square(60, 2), nodes([2] * 30 + [8] * 30), 2)
    best = central(seen)
    assert best is not None
    found = ratios(figures(seen), best.figures())
    assert found["delay_p50_over_oracle"] is not None
    assert found["delay_p99_over_oracle"] is not None
    assert found["delay_p99_over_oracle"] >= 1.0


def test_a_run_without_trees_has_no_oracle() -> None:
    assert central(Observation("x", 1, square(3, 1), nodes([1] * 3))) is None


def test_ratios_need_both() -> None:
    assert ratios({"delay_p50_ms": 12.0}, {"delay_p50_ms": 10.0}) == {
        "delay_p50_over_oracle": pytest.approx(1.2)
    }
    assert ratios({}, {"delay_p50_ms": 10.0}) == {}
