"""From a scenario and a seed to the parts of a run: clock, network, population.

Each part draws from its own stream of chance, so that a change of one leaves the others
as they were.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from meshsim import latency, topology
from meshsim.addresses import Addresses
from meshsim.engine import Engine
from meshsim.errors import ScenarioError
from meshsim.eventlog import EventLog
from meshsim.network import Network
from meshsim.paths import Paths, uniform
from meshsim.population import MIXES, NodeSpec, draw
from meshsim.scenario import PathsSpec, Scenario


@dataclass(frozen=True, slots=True)
class World:
    """What hosts are put into."""

    engine: Engine
    network: Network
    addresses: Addresses
    population: tuple[NodeSpec, ...]


def build(scenario: Scenario, seed: int, log: EventLog | None = None) -> World:
    """The world of a run; raises `ScenarioError` if it cannot be."""
    engine = Engine(seed, log)
    spec = scenario.population
    population = draw(
        MIXES[spec.mix],
        scenario.nodes,
        engine.stream("population"),
        spec.slots_per_node,
    )
    access = [node.access_s for node in population]
    paths = paths_of(scenario.paths, access, engine.stream("paths"))
    network = Network(engine, paths, scenario.weather.conditions())
    if spec.serialise:
        for node in population:
            network.set_uplink(node.index, node.uplink_bps)
    addresses = Addresses(scenario.nodes, spec.per_prefix)
    return World(engine, network, addresses, population)


def paths_of(
    spec: PathsSpec, access_rtt_s: list[float], chance: random.Random
) -> Paths:
    """Paths for as many nodes as there are access delays (round trips, seconds)."""
    size, model = len(access_rtt_s), spec.model
    if model in latency.MODELS:
        return latency.MODELS[model](access_rtt_s, chance)
    if model == "uniform":
        return uniform(size, spec.one_way_s)
    if model.endswith(".csv"):
        half = topology.read_matrix(Path(model))
        return latency.Sites(half, _places(spec, len(half), size, chance), access_rtt_s)
    if model.startswith("topohub:"):
        graph = topology.from_topohub(model.removeprefix("topohub:"))
    elif "/" in model or "." in model:
        graph = topology.read_graph(Path(model))
    else:
        graph = topology.generate(model, size, chance)
    if spec.reach == "all":
        return topology.backbone(graph, access_rtt_s, chance)
    return topology.along_edges(graph, chance, size)


def _places(spec: PathsSpec, rows: int, size: int, chance: random.Random) -> list[int]:
    """The row of a matrix for each node: as listed, or drawn."""
    if not spec.listed:
        return latency.evenly(rows, size, chance)
    if rows != size:
        raise ScenarioError(f"nodes={size}, but {spec.model} lists {rows} nodes")
    return list(range(size))
