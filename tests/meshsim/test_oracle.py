"""Shortest paths over an overlay, checked against networkx, and stretch."""

from __future__ import annotations

import random

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshsim.latency import cities
from meshsim.links import ideal
from meshsim.observation import NOBODY, OverlayShot, Population
from meshsim.oracle import (
    all_path_delays_s,
    children_of,
    nearest_round_trips_s,
    overlay_graph,
    path_delays_s,
    path_stretch,
    tree_delays_s,
    tree_depths,
)
from meshsim.population import MIXES, draw
from meshsim.space import population_of, space_of
from support.spaces import line, nodes, square, tree_graph


def shot(
    size: int, pairs: list[tuple[int, int]], dead: tuple[int, ...] = ()
) -> OverlayShot:
    alive = np.ones(size, np.bool_)
    alive[list(dead)] = False
    return OverlayShot(0.0, np.array(pairs, np.int64).reshape(-1, 2), alive)


def by_networkx(
    graph: nx.Graph, population: Population, source: int
) -> dict[int, float]:
    """The same question asked the slow way: edges out of nodes that may forward."""
    directed = nx.DiGraph()
    directed.add_nodes_from(graph)
    for one, other, edge in graph.edges(data=True):
        for tail, head in ((one, other), (other, one)):
            if tail == source or population.slots[tail] >= 3:
                hop_s = float(population.hop_s[tail])
                directed.add_edge(tail, head, weight=edge["delay_s"] + hop_s)
    lengths: dict[int, float] = nx.single_source_dijkstra_path_length(directed, source)
    return lengths


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 24), st.integers(0, 2**32), st.floats(0.05, 0.6))
def test_all_paths_are_those_of_dijkstra(size: int, seed: int, density: float) -> None:
    chance = random.Random(seed)
    pairs = [(a, b) for a in range(size) for b in range(a) if chance.random() < density]
    space = square(size, seed)
    population = nodes([chance.choice((0, 2, 3, 8)) for _ in range(size)])
    graph = overlay_graph(shot(size, pairs), space)
    sources = np.arange(size)
    found = all_path_delays_s(graph, population, sources)
    for source in sources.tolist():
        expected = np.full(size, np.inf)
        for node, length in by_networkx(graph, population, source).items():
            expected[node] = length
        np.testing.assert_allclose(found[source], expected)
        np.testing.assert_array_equal(
            path_delays_s(graph, population, source), found[source]
        )


def test_a_node_with_two_slots_ends_paths_but_passes_nothing_on() -> None:
    graph = overlay_graph(shot(3, [(0, 1), (1, 2)]), line(3))
    found = path_delays_s(graph, nodes([1, 2, 8]), 0)
    assert found[1] == pytest.approx(0.011)
    assert np.isinf(found[2])
    assert path_delays_s(graph, nodes([1, 3, 0]), 0)[2] == pytest.approx(0.022)


def test_links_of_the_dead_are_no_links() -> None:
    graph = overlay_graph(shot(3, [(0, 1), (1, 2)], dead=(1,)), line(3))
    assert graph.number_of_edges() == 0
    assert 1 not in graph


def test_the_delay_of_a_link_is_the_mean_of_both_ways() -> None:
    space = square(4, 1, lopsided=True)
    graph = overlay_graph(shot(4, [(0, 3)]), space)
    there, back = space.one_way_s(0)[3], space.one_way_s(3)[0]
    assert there != back
    assert graph[0][3]["delay_s"] == pytest.approx((there + back) / 2)


def test_stretch_is_path_over_direct_and_missing_paths_are_counted() -> None:
    pairs = [(0, 1), (1, 2)]
    found = path_stretch(shot(4, pairs), line(4), nodes([8, 8, 8, 8], hop_s=0.0))
    assert found.pairs == 12
    assert found.unreachable == 6  # node 3 has no link
    assert found.stretch == pytest.approx(np.ones(6))


def test_what_nodes_on_the_way_add_is_no_stretch() -> None:
    pairs = shot(3, [(0, 1), (1, 2)])
    found = path_stretch(pairs, line(3), nodes([8] * 3, hop_s=0.5))
    assert found.stretch == pytest.approx(np.ones(6))


def test_the_study_s_overlay_has_the_study_s_stretch() -> None:
    """1.15 / 1.75 / 2.28 for near and ring links, as a mean over three models."""
    chance = random.Random("overlay")
    specs = draw(MIXES["study"], 600, chance)
    paths = cities([spec.access_s for spec in specs], chance)
    linked = ideal(paths, [spec.copies for spec in specs], chance)
    pairs = [(a, b) for a, row in enumerate(linked) for b in row if a < b]
    found = path_stretch(shot(600, pairs), space_of(paths), population_of(specs))
    p50, p95, p99 = np.percentile(found.stretch, (50, 95, 99))
    assert p50 == pytest.approx(1.15, abs=0.05)
    assert p95 == pytest.approx(1.70, abs=0.20)
    assert p99 == pytest.approx(2.25, abs=0.40)


def test_stretch_of_a_ring_goes_round() -> None:
    space = square(12, 7)
    ring = shot(12, [(n, (n + 1) % 12) for n in range(12)])
    found = path_stretch(ring, space, nodes([8] * 12))
    assert found.unreachable == 0
    assert (found.stretch > 0.99).all()
    assert found.stretch.max() > 1.5


def test_a_large_overlay_is_sampled_by_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meshsim.oracle.SOURCES_MAX", 5)
    ring = shot(50, [(n, (n + 1) % 50) for n in range(50)])
    found = path_stretch(ring, square(50, 3), nodes([8] * 50))
    assert found.pairs == 5 * 49


PARENT = np.array([NOBODY, 0, 1, 1, 5, 4, NOBODY])  # 4 and 5 hold each other up


def test_delays_add_up_along_the_tree_and_a_cycle_is_outside() -> None:
    delay = tree_delays_s(PARENT, 0, line(7), nodes([8] * 7))
    assert delay[:4] == pytest.approx([0.0, 0.011, 0.022, 0.032])
    assert np.isinf(delay[4:]).all()


def test_depths_and_children() -> None:
    assert tree_depths(PARENT, 0).tolist() == [0, 1, 2, 2, -1, -1, -1]
    assert children_of(PARENT) == {0: [1], 1: [2, 3], 5: [4], 4: [5]}


def test_a_tree_as_a_graph_can_be_asked_what_it_is() -> None:
    parent = np.array([NOBODY, 0, 0, 1])
    assert nx.is_arborescence(tree_graph(parent, 0))
    assert not nx.is_arborescence(tree_graph(PARENT, 0))


def test_the_nearest_leave_out_the_node_itself_and_the_forbidden() -> None:
    allowed = np.array([True, True, False, True, True])
    found = nearest_round_trips_s(1, line(5), allowed, 2)
    assert found == pytest.approx([0.02, 0.04])
