"""Paths by function: the same everywhere, asymmetric, or none."""

from __future__ import annotations

import math

from meshsim.paths import Everywhere, round_trip, uniform


def test_uniform_paths_are_the_same_everywhere() -> None:
    paths = uniform(3, 0.02)
    assert paths.size == 3
    assert paths.one_way(0, 2) == 0.02
    assert round_trip(paths, 0, 2) == 0.04
    assert paths.reachable(0) is None


def test_a_function_may_be_asymmetric() -> None:
    paths = Everywhere(2, lambda src, dst: 0.01 if src < dst else 0.05)
    assert paths.one_way(0, 1) == 0.01
    assert paths.one_way(1, 0) == 0.05
    assert round_trip(paths, 0, 1) == round_trip(paths, 1, 0) == 0.01 + 0.05


def test_no_path_has_no_round_trip() -> None:
    assert round_trip(uniform(2, math.inf), 0, 1) == math.inf
