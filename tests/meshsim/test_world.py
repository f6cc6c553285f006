"""A world is built from a scenario and a seed, part by part."""

from __future__ import annotations

import random
from pathlib import Path

import networkx as nx
import pytest

from meshsim.errors import ScenarioError
from meshsim.latency import Sites
from meshsim.scenario import PathsSpec, parse
from meshsim.topology import Graph
from meshsim.world import World, build, paths_of


def world(seed: int = 1, nodes: int = 40, more: str = "") -> World:
    text = f'title = "x"\nnodes = {nodes}\nduration_s = 10\n{more}'
    return build(parse(text, "x"), seed)


def test_a_world_has_all_parts_in_the_size_asked_for() -> None:
    made = world()
    assert len(made.population) == made.network.size == made.network.paths.size == 40
    assert made.addresses.node_at(made.addresses.of(39)) == 39
    assert made.engine.now == 0.0


def test_the_same_seed_builds_the_same_world_and_another_does_not() -> None:
    def looks(seed: int) -> tuple[object, ...]:
        made = world(seed)
        return made.population, [made.network.rtt(0, n) for n in range(40)]

    assert looks(1) == looks(1) != looks(2)


def test_the_latency_model_does_not_change_who_the_nodes_are() -> None:
    cities = world(more='[paths]\nmodel = "cities"')
    assert cities.population == world().population
    assert cities.network.rtt(0, 1) != world().network.rtt(0, 1)


def test_uplinks_are_serialised_when_asked_for() -> None:
    made = world(more="[population]\nserialise = true")
    for _ in range(1000):
        made.network.send(0, 1, 1100, 2, print)  # type: ignore[arg-type]
    assert made.network.dropped["queue full"] > 0
    assert world().network.dropped == {}


def test_weather_reaches_the_network() -> None:
    made = world(more="[weather]\nloss = 1.0")
    assert not made.network.send(0, 1, 10, 0, print)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        (PathsSpec("planetlab"), Sites),
        (PathsSpec("ring"), Graph),
        (PathsSpec("ring", reach="all"), Sites),
        (PathsSpec("topohub:sndlib/germany50", reach="all"), Sites),
    ],
)
def test_paths_come_from_many_sources(spec: PathsSpec, kind: type) -> None:
    paths = paths_of(spec, [0.01] * 60, random.Random(1))
    assert isinstance(paths, kind)
    assert paths.size == 60


def test_uniform_paths_are_uniform() -> None:
    paths = paths_of(PathsSpec("uniform", one_way_s=0.03), [0.0] * 3, random.Random(1))
    assert paths.one_way(0, 2) == 0.03


def test_a_researcher_brings_files(tmp_path: Path) -> None:
    (tmp_path / "rtt.csv").write_text("0,10\n10,0\n")
    nx.write_graphml(nx.path_graph(4), tmp_path / "g.graphml")
    paths = paths_of(PathsSpec(str(tmp_path / "rtt.csv")), [0.0] * 5, random.Random(1))
    assert paths.size == 5
    graph = PathsSpec(str(tmp_path / "g.graphml"))
    assert paths_of(graph, [0.0] * 4, random.Random(1)).reachable(0) == [1]
    with pytest.raises(ScenarioError, match="has 4 nodes"):
        paths_of(graph, [0.0] * 5, random.Random(1))


def test_a_matrix_may_list_the_nodes(tmp_path: Path) -> None:
    (tmp_path / "rtt.csv").write_text("0,10,30\n10,0,20\n30,20,0\n")
    listed = PathsSpec(str(tmp_path / "rtt.csv"), listed=True)
    for seed in range(8):
        paths = paths_of(listed, [0.0] * 3, random.Random(seed))
        assert [paths.one_way(0, n) for n in (1, 2)] == [0.005, 0.015]
    with pytest.raises(ScenarioError, match=r"nodes=4, but .* lists 3 nodes"):
        paths_of(listed, [0.0] * 4, random.Random(1))
