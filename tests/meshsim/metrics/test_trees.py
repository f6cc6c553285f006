"""Who is served, how late, how deep, and what the way in cost: by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meshsim.metrics.trees import (
    convergence_s,
    delays_of,
    join_figures,
    judged_trees,
    served_figures,
    tree_figures,
)
from meshsim.observation import (
    NOBODY,
    Fault,
    Join,
    Observation,
    ServedSample,
    TreeShot,
)
from support.spaces import line, nodes

CHAIN = [NOBODY, 0, 1, 1, NOBODY]


def shot(
    parent: list[int], label: str = "", served: list[bool] | None = None
) -> TreeShot:
    wanted = np.ones(len(parent), np.bool_)
    had = wanted if served is None else np.array(served)
    return TreeShot(1.0, "show", 0, np.array(parent), wanted, had, label)


def seen(*shots: TreeShot) -> Observation:
    run = Observation("x", 1, line(5), nodes([1, 2, 0, 0, 4]))
    run.trees.extend(shots)
    return run


def test_the_settled_shot_is_judged_and_otherwise_the_last() -> None:
    first, settled, last = shot(CHAIN), shot(CHAIN, "settled"), shot(CHAIN)
    assert judged_trees(seen(first, settled, last)) == [settled]
    assert judged_trees(seen(first, last))[0] is last
    other = TreeShot(2.0, "b", 1, last.parent, last.subscribed, last.served)
    assert [s.stream for s in judged_trees(seen(first, other))] == ["show", "b"]


def test_delay_stretch_and_excess_of_a_chain() -> None:
    run = seen(shot(CHAIN))
    delay, direct = delays_of(run, run.trees[0])
    assert delay == pytest.approx([0.011, 0.022, 0.032])
    assert direct == pytest.approx([0.01, 0.02, 0.03])
    table = tree_figures(run)
    assert table["delay_p50_ms"] == pytest.approx(22.0)
    assert table["stretch_p50"] == pytest.approx(1.1)
    assert table["excess_p99_ms"] == pytest.approx(2.0)


def test_depth_children_and_room() -> None:
    table = tree_figures(seen(shot(CHAIN)))
    assert (table["depth_p50"], table["depth_max"]) == (2.0, 2)
    assert table["children_max"] == 2
    assert table["slots_per_subscriber"] == pytest.approx(7 / 4)


def test_what_the_checkers_counted_is_passed_on() -> None:
    run = seen()
    run.over_cap, run.over_burst = 3, 1
    assert tree_figures(run) == {"over_cap": 3, "over_burst": 1}


def test_several_trees_are_judged_together() -> None:
    second = TreeShot(
        1.0,
        "b",
        4,
        np.array([4, NOBODY, NOBODY, NOBODY, NOBODY]),
        np.array([True, False, False, False, False]),
        np.array([True, False, False, False, False]),
    )
    run = seen(shot(CHAIN), second)
    assert len(served_figures(run)) == 2
    assert served_figures(run)["served_share"] == 1.0
    assert tree_figures(run)["delay_p99_ms"] == pytest.approx(40.7, abs=1.0)


def test_the_share_of_those_who_want_and_have() -> None:
    run = seen(shot(CHAIN, served=[True, True, True, False, False]))
    assert served_figures(run)["served_share"] == pytest.approx(0.6)


def test_without_trees_the_last_sample_tells_who_is_served() -> None:
    run = seen()
    assert served_figures(run) == {}
    run.served = [ServedSample(1.0, 10, 2), ServedSample(2.0, 10, 9)]
    assert served_figures(run)["served_share"] == pytest.approx(0.9)


def test_convergence_is_when_all_were_served_and_stayed_so() -> None:
    run = seen()
    assert convergence_s(run) is None
    run.served = [ServedSample(t, 4, n) for t, n in ((1, 4), (2, 3), (3, 4), (4, 4))]
    assert convergence_s(run) == 3.0
    run.faults = [Fault(2.5, "crash", (1,))]
    assert convergence_s(run) == pytest.approx(0.5)
    run.served.append(ServedSample(5, 4, 3))
    assert convergence_s(run) == math.inf


def test_a_join_that_never_ended_is_counted_but_not_timed() -> None:
    run = seen()
    assert join_figures(run) == {}
    run.joins = [
        Join(1, 1.0, 1.010, 0, 2),
        Join(2, 1.0, 1.030, 1, 4),
        Join(3, 1.0, None, 8, 18),
    ]
    table = join_figures(run)
    assert table["joins"] == 3
    assert table["join_failures"] == 1
    assert table["refusals_per_join"] == 3.0
    assert table["messages_per_join"] == 8.0
    assert table["join_p50_ms"] == pytest.approx(20.0)
