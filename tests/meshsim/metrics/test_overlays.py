"""Paths, degrees and newcomers' searches: by hand."""

from __future__ import annotations

import numpy as np
import pytest

from meshsim.metrics.overlays import (
    judged_overlay,
    linkable,
    newcomer_figures,
    overlay_figures,
)
from meshsim.observation import Newcomer, Observation, OverlayShot
from support.spaces import line, nodes


def shot(pairs: list[tuple[int, int]], label: str = "", dead: int = -1) -> OverlayShot:
    alive = np.ones(5, np.bool_)
    if dead >= 0:
        alive[dead] = False
    return OverlayShot(1.0, np.array(pairs), alive, label)


def seen(*shots: OverlayShot) -> Observation:
    run = Observation("x", 1, line(5), nodes([8, 8, 2, 8, 8], hop_s=0.0))
    run.overlays.extend(shots)
    return run


LINE = [(0, 1), (1, 2), (2, 3), (3, 4)]
ROUND = [*LINE, (1, 3)]


def test_the_settled_one_is_judged_or_the_last_that_is_not_cold() -> None:
    cold, settled, last = shot(LINE, "cold"), shot(LINE, "settled"), shot(ROUND)
    assert judged_overlay(seen(cold, settled, last)) is settled
    assert judged_overlay(seen(cold, last)) is last
    assert judged_overlay(seen(cold)) is None


def test_a_thin_node_in_the_middle_cuts_the_line() -> None:
    table = overlay_figures(seen(shot(LINE)))
    assert table["overlay_unreachable"] == 8  # {0, 1} to {3, 4} and back
    table = overlay_figures(seen(shot(ROUND)))
    assert table["overlay_unreachable"] == 0
    assert table["overlay_stretch_p99"] == pytest.approx(1.0)


def test_degrees_are_of_the_living() -> None:
    table = overlay_figures(seen(shot([(0, 1), (0, 3), (0, 4)], dead=2)))
    assert (table["degree_p50"], table["degree_max"]) == (1.0, 3)


def test_a_cold_start_has_figures_of_its_own() -> None:
    table = overlay_figures(seen(shot(ROUND, "cold")))
    assert table == {
        "cold_stretch_p50": pytest.approx(1.0),
        "cold_stretch_p95": pytest.approx(1.0),
    }
    assert overlay_figures(seen()) == {}


def test_a_newcomer_is_held_against_the_nearest_capable_nodes() -> None:
    run = seen(shot(ROUND))
    assert newcomer_figures(run) == {}
    run.newcomers = [Newcomer(0, 24, 0.7, (4, 3)), Newcomer(4, 20, 0.9, (3, 1))]
    table = newcomer_figures(run)
    # 0 chose 80 and 60 ms, ideal are 20 and 60; 4 chose 20 and 60: ideal
    assert table["newcomer_excess_p90_ms"] == pytest.approx(0.9 * 30.0)
    assert table["newcomer_probes_max"] == 24
    assert table["newcomer_took_p90_s"] == pytest.approx(0.88)


def test_thin_and_dead_nodes_are_no_ideal() -> None:
    assert linkable(seen()).tolist() == [True, True, False, True, True]
    assert linkable(seen(shot(LINE, dead=3))).tolist() == [
        True,
        True,
        False,
        False,
        True,
    ]
