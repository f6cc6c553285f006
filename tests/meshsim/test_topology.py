"""Topologies: generators, files of researchers, and what is wrong with them."""

from __future__ import annotations

import math
import random
from pathlib import Path

import networkx as nx
import pytest

from meshsim import topology
from meshsim.errors import ScenarioError
from meshsim.paths import round_trip
from meshsim.topology import GENERATORS, along_edges, backbone, edge_delay_s, generate


def graph(name: str, size: int = 40, seed: int = 1) -> nx.Graph:
    return generate(name, size, random.Random(seed))


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("size", [9, 40, 101])
def test_every_generator_gives_the_size_asked_for_connected(
    name: str, size: int
) -> None:
    made = graph(name, size)
    assert len(made) == size
    assert nx.is_connected(made)


@pytest.mark.parametrize("name", GENERATORS)
def test_the_same_seed_gives_the_same_graph(name: str) -> None:
    one, other = graph(name), graph(name)
    assert list(one) == list(other)
    assert list(one.edges) == list(other.edges)


def test_shapes_are_what_they_are_called() -> None:
    assert graph("line").number_of_edges() == 39
    assert sorted(dict(graph("star").degree).values()) == [1] * 39 + [39]
    assert set(dict(graph("ring").degree).values()) == {2}
    assert nx.diameter(graph("grid", 36)) == 10
    assert nx.diameter(graph("line")) == 39


def test_nodes_that_are_no_neighbours_cannot_reach_each_other() -> None:
    paths = along_edges(graph("line"), random.Random(1), 40)
    assert paths.reachable(0) == [1]
    assert paths.reachable(5) == [4, 6]
    assert 0.0025 <= paths.one_way(5, 6) <= 0.060
    assert paths.one_way(5, 6) == paths.one_way(6, 5)
    assert paths.one_way(5, 7) == math.inf
    assert round_trip(paths, 5, 7) == math.inf


def test_a_backbone_reaches_everybody_over_the_shortest_way() -> None:
    line = nx.path_graph(3)
    nx.set_edge_attributes(line, {(0, 1): 10.0, (1, 2): 20.0}, "delay_ms")
    paths = backbone(line, [0.0] * 3, random.Random(1))
    a, b = paths.place.index(0), paths.place.index(2)
    assert paths.one_way(a, b) == pytest.approx(0.030)
    assert len(backbone(line, [0.0] * 50, random.Random(1)).place) == 50


def test_directed_graphs_have_directed_delays() -> None:
    directed = nx.DiGraph()
    directed.add_edge("a", "b", delay_ms=5)
    directed.add_edge("b", "a", delay_ms=50)
    directed.add_edge("b", "c", delay_ms=1)
    directed.add_edge("c", "c", delay_ms=1)
    paths = along_edges(directed, random.Random(1), 3)
    assert paths.one_way(0, 1) == 0.005
    assert paths.one_way(1, 0) == 0.050
    assert paths.one_way(2, 1) == math.inf


@pytest.mark.parametrize(
    ("data", "delay_s"),
    [
        ({"delay_s": 0.5}, 0.5),
        ({"delay_ms": 7}, 0.007),
        ({"latency": "8"}, 0.008),
        ({"dist": 1000.0}, 0.0075),
        ({"weight": 3}, 0.003),
        ({"delay_ms": 1, "weight": 99}, 0.001),
        ({"delay_ms": 0}, 0.0005),
    ],
)
def test_edges_state_their_delay_in_several_ways(
    data: dict[str, object], delay_s: float
) -> None:
    assert edge_delay_s(data, random.Random(1)) == pytest.approx(delay_s)


@pytest.mark.parametrize("value", [-1, "soon", "nan", None, math.inf])
def test_an_impossible_delay_is_refused(value: object) -> None:
    with pytest.raises(ScenarioError, match="delay_ms="):
        edge_delay_s({"delay_ms": value}, random.Random(1))


def test_graphml_and_edge_lists_are_read(tmp_path: Path) -> None:
    ring = nx.cycle_graph(5)
    nx.set_edge_attributes(ring, 4.0, "delay_ms")
    nx.write_graphml(ring, tmp_path / "ring.graphml")
    (tmp_path / "ring.txt").write_text(
        "# a ring\n" + "".join(f"n{i} n{(i + 1) % 5} 4.0\n" for i in range(5))
    )
    for name in ("ring.graphml", "ring.txt"):
        read = topology.read_graph(tmp_path / name)
        paths = along_edges(read, random.Random(1), 5)
        assert paths.one_way(0, 1) == 0.004


def test_a_matrix_is_read_with_gaps(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("0,10,30\n10,,20\n30,20,0\n")
    half = topology.read_matrix(tmp_path / "m.csv")
    assert half[0][1] == 0.005
    assert half[1][2] == 0.010


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("m.csv", "0,1\n1\n", "square"),
        ("m.csv", "0,x\n1,0\n", "milliseconds"),
        ("m.csv", "", "square"),
        ("m.csv", None, "cannot read"),
        ("g.graphml", "<no", "neither GraphML"),
        ("g.txt", "a b c d\n", "neither GraphML"),
        ("g.txt", None, "cannot read"),
    ],
)
def test_a_bad_file_gets_one_sentence(
    tmp_path: Path, name: str, text: str | None, says: str
) -> None:
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    read = topology.read_matrix if name.endswith(".csv") else topology.read_graph
    with pytest.raises(ScenarioError, match=says) as caught:
        read(path)
    assert name in str(caught.value)


def test_topohub_has_real_networks_with_distances() -> None:
    germany = topology.from_topohub("sndlib/germany50")
    paths = along_edges(germany, random.Random(1), 50)
    delays = [paths.one_way(0, peer) for peer in paths.reachable(0) or ()]
    assert delays
    assert all(0.0 < delay < 0.01 for delay in delays)
    with pytest.raises(ScenarioError, match="topohub has no topology 'no/such'"):
        topology.from_topohub("no/such")


@pytest.mark.parametrize(
    ("name", "size", "says"),
    [
        ("torus", 10, "known are barabasi"),
        ("line", 1, "nodes=1"),
        ("line", 10**7, "nodes=10000000"),
        ("watts-strogatz", 2, "no watts-strogatz topology of 2 nodes"),
    ],
)
def test_an_impossible_topology_gets_one_sentence(
    name: str, size: int, says: str
) -> None:
    with pytest.raises(ScenarioError, match=says):
        graph(name, size)


def test_the_number_of_nodes_must_be_that_of_the_graph() -> None:
    with pytest.raises(ScenarioError, match="has 40 nodes"):
        along_edges(graph("line"), random.Random(1), 41)
