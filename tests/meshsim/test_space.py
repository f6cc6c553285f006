"""Rows of delays agree with the paths they stand for."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from meshsim import topology
from meshsim.latency import cities
from meshsim.paths import Everywhere, Paths
from meshsim.population import MIXES, draw
from meshsim.space import ROWS_KEPT_MAX, PathSpace, population_of, space_of


def agree(paths: Paths) -> None:
    space = space_of(paths)
    for node in range(paths.size):
        there = [paths.one_way(node, other) for other in range(paths.size)]
        back = [paths.one_way(other, node) for other in range(paths.size)]
        there[node] = back[node] = 0.0
        np.testing.assert_allclose(space.one_way_s(node), there)
        np.testing.assert_allclose(space.one_way_to_s(node), back)


def test_sites_of_a_matrix_with_ways_that_differ() -> None:
    agree(cities([0.001 * n for n in range(40)], random.Random(1)))


def test_a_function_of_two_nodes() -> None:
    agree(Everywhere(9, lambda src, dst: 0.001 * (src + 2 * dst)))


def test_a_graph_and_its_shortest_ways() -> None:
    paths = topology.along_edges(
        topology.generate("line", 6, random.Random(2)), random.Random(2), 6
    )
    agree(paths)
    space = space_of(paths)
    assert math.isinf(space.one_way_s(0)[5])
    steps = [paths.one_way(n, n + 1) for n in range(5)]
    assert space.direct_s(0)[5] == pytest.approx(sum(steps))


def test_where_everybody_links_the_direct_way_is_the_shortest() -> None:
    space = space_of(cities([0.0] * 10, random.Random(3)))
    np.testing.assert_array_equal(space.direct_s(4), space.one_way_s(4))


def test_rows_are_remembered_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ROWS_KEPT_MAX > 1_000
    monkeypatch.setattr("meshsim.space.ROWS_KEPT_MAX", 2)
    asked: list[int] = []

    def delay_s(src: int, _dst: int) -> float:
        asked.append(src)
        return 0.01

    space = PathSpace(Everywhere(4, delay_s))
    for node in (0, 0, 1, 2, 0):
        space.one_way_s(node)[:] = 7.0  # what a caller does to a row is his own affair
    assert space.one_way_s(2)[0] == pytest.approx(0.01)
    assert len(asked) == 16  # rows 0, 1, 2, and 0 again


def test_nodes_become_columns() -> None:
    specs = draw(MIXES["study"], 50, random.Random(4))
    found = population_of(specs)
    assert found.slots.tolist() == [spec.copies for spec in specs]
    assert found.hop_s.tolist() == [spec.hop_s for spec in specs]
    assert found.names == tuple(spec.kind for spec in specs)
