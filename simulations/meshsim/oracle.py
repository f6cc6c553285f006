"""What an all-knowing mesh could have done: the yardstick beside every figure.

Two questions.  How long is the shortest path over the links that the overlay chose,
when only capable nodes forward?  All pairs at once: one relaxation of every link for
every source is one numpy expression, and a path has few hops, so some ten rounds
settle it (networkx gives the graph and checks the sums in the tests).

And how good could the tree be?  A central heuristic for the degree-bounded tree, the
problem being NP-hard (RFC 0012 section 5.2): attach in four phases, nodes with many
slots first, each time the outside node with the least delay through a free slot; then
improve in passes, for every node the best move or swap, weighted by what hangs below.
It lives in `meshsim.oracle_tree`; here are the graphs, the paths and the stretch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import networkx as nx
import numpy as np

from meshsim.observation import Flags, Floats, Ints, OverlayShot, Population, Space

CAPABLE_SLOTS = 3
"""Nodes with fewer slots listen and do not re-advertise (RFC 0010)."""
SOURCES_MAX = 400
"""Sources of the all-pairs question; above, a fixed sample: 10,000 x 400 is plenty."""
ROUNDS_MAX = 64


def overlay_graph(shot: OverlayShot, space: Space) -> nx.Graph:
    """The links as a graph; `delay_s` of an edge is the mean of both ways."""
    graph = nx.Graph()
    graph.add_nodes_from(np.flatnonzero(shot.alive).tolist())
    round_trips: dict[int, Floats] = {}
    for one, other in shot.pairs.tolist():
        if shot.alive[one] and shot.alive[other]:
            if one not in round_trips:
                round_trips[one] = round_trips_s(one, space)
            delay_s = float(round_trips[one][other]) / 2
            graph.add_edge(one, other, delay_s=delay_s)
    return graph


def path_delays_s(graph: nx.Graph, population: Population, source: int) -> Floats:
    """Delays from `source` to every node over forwarding nodes; infinite if cut off."""
    row: Floats = all_path_delays_s(graph, population, np.array([source]))[0]
    return row


def all_path_delays_s(graph: nx.Graph, population: Population, sources: Ints) -> Floats:
    """Delays from each of `sources` (rows) to every node (columns).

    A path passes only through nodes with `CAPABLE_SLOTS`; it may begin and end at any
    node.  Every node that passes media on, the source too, adds its hop.
    """
    size = len(population.slots)
    neighbours, delays = _padded(graph, size)
    capable = population.slots >= CAPABLE_SLOTS
    rows = np.arange(len(sources))
    best = np.full((len(sources), size), np.inf)
    best[rows, sources] = 0.0
    for _ in range(ROUNDS_MAX):
        passed = best + population.hop_s
        passed[:, ~capable] = np.inf
        passed[rows, sources] = population.hop_s[sources]
        after = best.copy()
        for column in range(neighbours.shape[1]):
            through = passed[:, neighbours[:, column]] + delays[:, column]
            np.minimum(after, through, out=after)
        if np.array_equal(after, best):
            return best
        best = after
    return best


def _padded(graph: nx.Graph, size: int) -> tuple[Ints, Floats]:
    """Neighbours of each node as rows of one width; padding is infinitely far."""
    width = max((degree for _, degree in graph.degree()), default=0)
    neighbours = np.zeros((size, width), np.int64)
    delays = np.full((size, width), np.inf)
    for node in graph:
        for column, (other, edge) in enumerate(graph[node].items()):
            neighbours[node, column] = other
            delays[node, column] = edge["delay_s"]
    return neighbours, delays


@dataclass(frozen=True, slots=True)
class PathStretch:
    """How much longer the paths of an overlay are than the direct ones.

    `stretch` has one row per pair that is connected and has a direct path;
    `unreachable` counts the pairs without a path.
    """

    stretch: Floats
    unreachable: int
    pairs: int


def path_stretch(
    shot: OverlayShot, space: Space, population: Population
) -> PathStretch:
    """The stretch of all ordered pairs of nodes alive, or of a sample of sources.

    Of the links alone, without what nodes on the way add: it judges who is linked to
    whom, and the study's figures are of this kind.
    """
    graph = overlay_graph(shot, space)
    idle = replace(population, hop_s=np.zeros(len(population.hop_s)))
    alive = np.flatnonzero(shot.alive)
    sources = _spread(alive, SOURCES_MAX)
    found, unreachable = [], 0
    paths = all_path_delays_s(graph, idle, sources)
    for row, source in enumerate(sources.tolist()):
        direct = space.direct_s(source)[alive]
        path = paths[row][alive]
        asked = (alive != source) & np.isfinite(direct) & (direct > 0)
        reached = asked & np.isfinite(path)
        unreachable += int(np.count_nonzero(asked & ~reached))
        found.append(path[reached] / direct[reached])
    stretch = np.concatenate(found) if found else np.zeros(0)
    return PathStretch(stretch, unreachable, len(stretch) + unreachable)


def _spread(values: Ints, most: int) -> Ints:
    """At most `most` of the values, evenly spaced: the same ones in every run."""
    if len(values) <= most:
        return values
    return values[np.linspace(0, len(values) - 1, most).astype(np.int64)]


def tree_delays_s(
    parent: Ints, origin: int, space: Space, population: Population
) -> Floats:
    """Delay from the origin along the tree; infinite outside of it or in a cycle."""
    delay = np.full(len(parent), np.inf)
    delay[origin] = 0.0
    children = children_of(parent)
    waiting = [origin]
    while waiting:
        node = waiting.pop()
        below = [child for child in children.get(node, ()) if child != origin]
        if not below:
            continue
        passed = delay[node] + population.hop_s[node]
        delay[below] = passed + space.one_way_s(node)[below]
        waiting.extend(below)
    return delay


def tree_depths(parent: Ints, origin: int) -> Ints:
    """Edges between each node and the origin; -1 outside of the tree."""
    depth = np.full(len(parent), -1, np.int64)
    depth[origin] = 0
    children = children_of(parent)
    waiting = [origin]
    while waiting:
        node = waiting.pop()
        for child in children.get(node, ()):
            if child != origin:
                depth[child] = depth[node] + 1
                waiting.append(child)
    return depth


def children_of(parent: Ints) -> dict[int, list[int]]:
    """The children of each node that has any, in the order of their numbers."""
    children: dict[int, list[int]] = {}
    for child in np.flatnonzero(parent >= 0).tolist():
        children.setdefault(int(parent[child]), []).append(child)
    return children


def nearest_round_trips_s(
    node: int, space: Space, allowed: Flags, count: int
) -> Floats:
    """The `count` least round trips from `node` to nodes that are `allowed`."""
    candidates = np.flatnonzero(allowed)
    away = candidates[candidates != node]
    return np.sort(round_trips_s(node, space)[away])[:count]


def round_trips_s(node: int, space: Space) -> Floats:
    """There and back, from `node` to every node."""
    return space.one_way_s(node) + space.one_way_to_s(node)
