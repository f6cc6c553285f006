"""Repairs, storms and moves: by hand."""

from __future__ import annotations

import math
import random

import pytest

from meshsim.metrics.changes import move_figures, repair_figures, repairs
from meshsim.observation import (
    Ask,
    Cause,
    Escape,
    Fault,
    Move,
    Observation,
    Repair,
    TrafficSample,
    TreeShot,
)
from support.spaces import line, nodes, square
from support.synthetic import tree_of


def seen() -> Observation:
    return Observation("x", 1, line(4), nodes([4] * 4), simulated_s=3600.0)


def test_shares_count_those_who_were_never_served_again() -> None:
    table = repair_figures([0.1, 0.15, 0.4, None])
    assert table["repair_150_share"] == 0.5
    assert table["repair_500_share"] == 0.75
    assert table["repair_2000_share"] == 0.75
    assert table["repair_p50_ms"] == pytest.approx(400.0)
    assert table["repair_p99_ms"] == math.inf
    assert repair_figures([]) == {"repairs": 0}


def test_faults_of_one_label_are_counted_together() -> None:
    run = seen()
    assert repairs(run) == {}
    run.faults = [
        Fault(10.0, "crash", (1,), "one"),
        Fault(20.0, "crash", (2,), "one"),
        Fault(30.0, "crash", (1, 2, 3), "region"),
        Fault(40.0, "flap", (1,)),
    ]
    run.repairs = [Repair(0, 3, 0.1), Repair(1, 3, 0.2), Repair(2, 0, 1.0)]
    table = repairs(run)
    assert table["repairs"] == 3
    assert table["one.repairs"] == 2
    assert table["one.repair_150_share"] == 0.5
    assert table["region.repair_500_share"] == 0.0
    assert not any(name.startswith((".", "flap")) for name in table)


def test_the_storm_is_the_worst_second_at_one_node_after_a_fault() -> None:
    run = seen()
    run.faults = [Fault(10.0, "crash", (1,), "one"), Fault(50.0, "crash", (2,), "five")]
    before = [Ask(9.9, n, 0) for n in range(9)]
    spread = [Ask(10.0 + n * 0.4, n, 0) for n in range(5)]
    elsewhere = [Ask(10.1, n, 2) for n in range(2)]
    later = [Ask(51.0 + n * 0.01, n, 3) for n in range(7)]
    run.asks = [*later, *before, *spread, *elsewhere]
    table = repairs(run)
    assert table["one.asks_peak"] == 3
    assert table["five.asks_peak"] == 7
    assert table["asks_peak"] == 7


def tree() -> TreeShot:
    return tree_of(square(4, 1), nodes([4] * 4), 0, random.Random(1))


def test_moves_are_per_node_and_hour_of_the_window() -> None:
    run = seen()
    assert move_figures(run) == {}
    run.trees = [tree()]
    run.steady = (0.0, 1800.0)
    run.traffic = [TrafficSample(0.0, 4, {}), TrafficSample(1800.0, 4, {})]
    run.moves = [
        Move(10.0, 1, Cause.MAINTENANCE, 0.01),
        Move(20.0, 2, Cause.MAINTENANCE, -0.01),
        Move(21.0, 2, Cause.SWAP, -0.01),
        Move(22.0, 2, Cause.ASIDE, -0.01),
        Move(30.0, 3, Cause.REPAIR, -0.05),
        Move(40.0, 3, Cause.ROUTE, 0.05),
        Move(2000.0, 3, Cause.SWAP, 0.01),
    ]
    table = move_figures(run)
    assert table["moves_per_node_h"] == pytest.approx(2.0)
    assert table["false_moves_per_node_h"] == pytest.approx(0.5)
    assert table["reassignments_per_node_h"] == pytest.approx(3.0)


def test_a_node_that_stays_with_a_bad_parent_never_leaves() -> None:
    run = seen()
    run.escapes = [Escape(1, 10.0, 16.0), Escape(2, 10.0, 18.5)]
    assert move_figures(run)["escape_p99_s"] == pytest.approx(8.5)
    run.escapes.append(Escape(3, 10.0, None))
    assert move_figures(run)["escape_p99_s"] == math.inf
