"""The ideal overlay: capable, bounded, connected, near and far."""

from __future__ import annotations

import random
import statistics

import networkx as nx

from meshsim import latency, links, topology
from meshsim.paths import round_trip
from meshsim.population import MIXES, draw

SIZE = 300


def overlay() -> tuple[latency.Sites, list[int], list[list[int]]]:
    chance = random.Random(1)
    population = draw(MIXES["study"], SIZE, chance)
    paths = latency.planetlab([node.access_s for node in population], chance)
    copies = [node.copies for node in population]
    return paths, copies, links.ideal(paths, copies, chance)


def test_links_are_mutual_bounded_and_join_everybody() -> None:
    _, _, rows = overlay()
    assert all(node in rows[peer] for node in range(SIZE) for peer in rows[node])
    assert all(len(row) <= links.ACCEPT_MAX for row in rows)
    assert all(row == sorted(row) and node not in row for node, row in enumerate(rows))
    graph = nx.Graph([(a, b) for a in range(SIZE) for b in rows[a]])
    assert nx.is_connected(graph)
    assert len(graph) == SIZE


def test_one_end_of_every_link_is_capable() -> None:
    _, copies, rows = overlay()
    for node, row in enumerate(rows):
        for peer in row:
            assert max(copies[node], copies[peer]) >= links.CAPABLE_COPIES


def test_nodes_have_the_links_that_they_want_and_thin_ones_fewer() -> None:
    _, copies, rows = overlay()
    thin = [len(row) for row, n in zip(rows, copies, strict=True) if n < 4]
    able = [len(row) for row, n in zip(rows, copies, strict=True) if n >= 4]
    assert min(thin) >= links.LINKS_THIN
    assert statistics.mean(able) >= links.LINKS


def test_paths_over_the_overlay_are_short() -> None:
    paths, _, rows = overlay()
    graph = nx.Graph()
    for a, row in enumerate(rows):
        for b in row:
            graph.add_edge(a, b, rtt=round_trip(paths, a, b))
    far = nx.single_source_dijkstra_path_length(graph, 0, weight="rtt")
    stretch = [far[n] / round_trip(paths, 0, n) for n in range(1, SIZE)]
    assert statistics.median(stretch) < 1.3


def test_where_not_everybody_is_in_reach_the_links_are_all_there_are() -> None:
    chance = random.Random(1)
    ring = topology.along_edges(topology.generate("ring", 9, chance), chance, 9)
    assert links.ideal(ring, [8] * 9, chance)[0] == [1, 8]


def test_without_enough_capable_nodes_anybody_will_do() -> None:
    chance = random.Random(1)
    paths = latency.planetlab([0.0] * 30, chance)
    rows = links.ideal(paths, [1] * 30, chance)
    assert all(len(row) >= links.LINKS_THIN for row in rows)
