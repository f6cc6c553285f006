"""Topologies: graphs that say who can link at all, and files that researchers bring.

A graph topology allows exactly its edges: nodes that are not neighbours cannot reach
each other, as in a radio network or a test of routing alone.  With `reach="all"` the
graph is a backbone instead: everybody reaches everybody, over its shortest path, and
its nodes are sites to be bootstrapped like those of a latency matrix.

Graphs come from networkx generators by name (`GENERATORS`), from the optional package
topohub (`topohub:sndlib/germany50`) or from a file: GraphML, an edge list (`a b ms`),
or a square CSV matrix of round trips in milliseconds.  An edge's delay is the first of
`delay_s`, `delay_ms`, `latency` (ms), `dist` (km) or `weight` (ms) that it has; without
one it is drawn.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np

from meshsim.errors import ScenarioError
from meshsim.latency import FIBRE_KM_PER_S, SAME_SITE_RTT_S, Sites, evenly, one_way_rows

NODES_MAX = 100_000
LINK_DELAY_S = (0.0025, 0.060)
"""Where delays of edges without one are drawn from: costs 5 to 120 ms round trip."""

ROAD_DETOUR = 1.5  # cables follow roads: length of the cable per distance


class Graph:
    """Paths along the edges of a graph only; delays one way, per direction."""

    __slots__ = ("_delay_s", "size")

    def __init__(self, delay_s: Sequence[dict[int, float]]) -> None:
        """`delay_s[a][b]` for every edge; a missing direction is no path."""
        self._delay_s = delay_s
        self.size = len(delay_s)

    def one_way(self, src: int, dst: int) -> float:
        """Seconds along the edge, inf if there is none."""
        return self._delay_s[src].get(dst, math.inf)

    def reachable(self, src: int) -> Iterable[int] | None:
        """The neighbours of `src`, ascending."""
        return sorted(self._delay_s[src])


def _random_geometric(size: int, chance: random.Random) -> nx.Graph:
    """Distance is delay: the unit square is 100 ms wide."""
    radius = math.sqrt(10.0 / (math.pi * size))
    graph = nx.random_geometric_graph(size, radius, seed=chance)
    place = nx.get_node_attributes(graph, "pos")
    for a, b, data in graph.edges(data=True):
        data["delay_s"] = 0.1 * math.dist(place[a], place[b])
    return joined(graph)


GENERATORS: dict[str, Callable[[int, random.Random], nx.Graph]] = {
    "line": lambda size, _: nx.path_graph(size),
    "ring": lambda size, _: nx.cycle_graph(size),
    "star": lambda size, _: nx.star_graph(size - 1),
    "complete": lambda size, _: nx.complete_graph(size),
    "tree": lambda size, _: nx.full_rary_tree(3, size),
    "grid": lambda size, _: _grid(size),
    "random": lambda size, chance: joined(
        nx.gnm_random_graph(size, 2 * size, seed=chance)
    ),
    "regular": lambda size, chance: joined(
        nx.random_regular_graph(min(8, size - 1), size, seed=chance)
    ),
    "watts-strogatz": lambda size, chance: nx.connected_watts_strogatz_graph(
        size, min(8, size - 1), 0.1, seed=chance
    ),
    "barabasi-albert": lambda size, chance: nx.barabasi_albert_graph(
        size, min(4, size - 1), seed=chance
    ),
    "random-geometric": _random_geometric,
}
"""Graphs by name: size and luck to an undirected, connected graph."""


def _grid(size: int) -> nx.Graph:
    """The most square grid that has at least `size` cells, cut to `size`."""
    width = math.ceil(math.sqrt(size))
    whole = nx.grid_2d_graph(-(-size // width), width)
    whole.remove_nodes_from(sorted(whole)[size:])
    return joined(nx.convert_node_labels_to_integers(whole, ordering="sorted"))


def joined(graph: nx.Graph) -> nx.Graph:
    """`graph` with one edge from each later component to the first."""
    parts = sorted(nx.connected_components(graph), key=min)
    for part in parts[1:]:
        graph.add_edge(min(parts[0]), min(part))
    return graph


def generate(name: str, size: int, chance: random.Random) -> nx.Graph:
    """A graph of a named generator with `size` nodes."""
    if name not in GENERATORS:
        known = ", ".join(sorted(GENERATORS))
        raise ScenarioError(f"topology {name!r} is unknown; known are {known}")
    if not 2 <= size <= NODES_MAX:
        raise ScenarioError(f"nodes={size} is not a size from 2 to {NODES_MAX}")
    try:
        return GENERATORS[name](size, chance)
    except nx.NetworkXError as error:
        raise ScenarioError(f"no {name} topology of {size} nodes: {error}") from error


def from_topohub(key: str) -> nx.Graph:
    """A topology of the optional package topohub, such as `sndlib/germany50`."""
    try:
        import topohub  # noqa: PLC0415
    except ImportError as error:
        raise ScenarioError(
            f"topology topohub:{key} needs: pip install 'meshnode[topologies]'"
        ) from error
    try:
        data = topohub.get(key)
    except (KeyError, ValueError, OSError) as error:
        raise ScenarioError(f"topohub has no topology {key!r}") from error
    return nx.Graph(nx.node_link_graph(data, edges="edges"))


def read_graph(path: Path) -> nx.Graph:
    """A graph from a GraphML file or an edge list (`a b` or `a b milliseconds`)."""
    try:
        if path.suffix.lower() == ".graphml":
            return nx.read_graphml(path)
        return nx.read_edgelist(path, data=(("delay_ms", float),), comments="#")
    except OSError as error:
        raise ScenarioError(f"cannot read topology {path}: {error.strerror}") from error
    except Exception as error:  # why all: parsers of networkx raise many kinds
        raise ScenarioError(
            f"{path} is neither GraphML nor lines of 'a b milliseconds': {error}"
        ) from error


def read_matrix(path: Path) -> list[list[float]]:
    """One way delays (s) from a square CSV matrix of round trips in milliseconds."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [[_cell(c) for c in row] for row in csv.reader(file) if row]
    except OSError as error:
        raise ScenarioError(f"cannot read matrix {path}: {error.strerror}") from error
    except ValueError as error:
        raise ScenarioError(
            f"{path} has a cell that is no number of milliseconds: {error}"
        ) from error
    if len(rows) < 2 or any(len(row) != len(rows) for row in rows):
        raise ScenarioError(
            f"{path} has {len(rows)} rows of other lengths; expected a square matrix"
        )
    return one_way_rows(np.array(rows) / 1000.0)


def _cell(text: str) -> float:
    return float(text) if text.strip() else 0.0


def edge_delay_s(data: dict[str, Any], chance: random.Random) -> float:
    """The delay of an edge, one way in seconds; drawn if it states none."""
    for key, to_s in (
        ("delay_s", 1.0),
        ("delay_ms", 0.001),
        ("latency", 0.001),
        ("dist", ROAD_DETOUR / FIBRE_KM_PER_S),
        ("weight", 0.001),
    ):
        if key not in data:
            continue
        try:
            value = float(data[key]) * to_s
        except (TypeError, ValueError):
            value = -1.0
        if not 0.0 <= value < math.inf:
            raise ScenarioError(f"edge delay {key}={data[key]!r} is not a delay")
        return round(max(value, SAME_SITE_RTT_S / 2.0), 6)
    return round(chance.uniform(*LINK_DELAY_S), 6)


def numbered(graph: nx.Graph, chance: random.Random) -> list[dict[int, float]]:
    """The delays of a graph's edges, nodes numbered in the order of the graph."""
    number = {node: i for i, node in enumerate(graph)}
    delays: list[dict[int, float]] = [{} for _ in number]
    for a, b, data in graph.edges(data=True):
        if a == b:
            continue
        delay = edge_delay_s(data, chance)
        delays[number[a]][number[b]] = delay
        if not graph.is_directed():
            delays[number[b]][number[a]] = delay
    return delays


def along_edges(graph: nx.Graph, chance: random.Random, size: int) -> Graph:
    """Paths along the edges of `graph` only: each of its nodes is one of `size`."""
    if len(graph) != size:
        raise ScenarioError(
            f"nodes={size}, but the topology has {len(graph)} nodes; "
            "set nodes to that, or paths.reach to all"
        )
    return Graph(numbered(graph, chance))


def backbone(
    graph: nx.Graph, access_rtt_s: Sequence[float], chance: random.Random
) -> Sites:
    """Paths between all over the shortest ways of `graph`, whose nodes are sites."""
    delays = numbered(graph, chance)
    weighted = nx.DiGraph()
    weighted.add_nodes_from(range(len(delays)))
    weighted.add_weighted_edges_from(
        (a, b, delay) for a, row in enumerate(delays) for b, delay in row.items()
    )
    half = [[math.inf] * len(delays) for _ in delays]
    for a, lengths in nx.all_pairs_dijkstra_path_length(weighted):
        for b, delay in lengths.items():
            half[a][b] = round(delay, 6)
        half[a][a] = SAME_SITE_RTT_S / 2.0
    place = evenly(len(half), len(access_rtt_s), chance)
    return Sites(half, place, access_rtt_s, [str(node) for node in graph])
