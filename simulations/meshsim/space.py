"""The latency model as whole rows: what the oracle and the metrics compute with.

The network asks for one delay at a time, numpy wants a row; `space_of` turns the paths
of a run into rows, at once where they are sites of a matrix, row by row and remembered
otherwise.  Where a graph says who can link at all, the shortest way over its edges
stands for the direct path.
"""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np

from meshsim.latency import Sites
from meshsim.observation import Floats, Population, Space
from meshsim.paths import Paths
from meshsim.population import NodeSpec

ROWS_KEPT_MAX = 2_048
"""Rows remembered of a model without sites: 160 MB of them at 10,000 nodes."""


class SiteSpace:
    """Rows over sites: delay between two sites and the access delay of both nodes."""

    __slots__ = ("_access", "_from", "_place", "_to")

    def __init__(
        self, half: Floats, place: Sequence[int], access: Sequence[float]
    ) -> None:
        self._from = np.ascontiguousarray(half)
        self._to = np.ascontiguousarray(half.T)
        self._place = np.asarray(place, np.int64)
        self._access = np.asarray(access, np.float64)

    def one_way_s(self, node: int) -> Floats:
        """Delay from `node` to every node; 0 to itself."""
        return self._row(self._from, node)

    def one_way_to_s(self, node: int) -> Floats:
        """Delay from every node to `node`."""
        return self._row(self._to, node)

    def direct_s(self, node: int) -> Floats:
        """The same as `one_way_s`: everybody reaches everybody."""
        return self._row(self._from, node)

    def _row(self, half: Floats, node: int) -> Floats:
        row: Floats = half[self._place[node]][self._place]
        row = row + self._access + self._access[node]
        row[node] = 0.0
        return row


class PathSpace:
    """Rows of any paths, asked for one by one and remembered."""

    __slots__ = ("_edges", "_from", "_paths", "_to")

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._from: dict[int, Floats] = {}
        self._to: dict[int, Floats] = {}
        self._edges: nx.DiGraph | None = None

    def one_way_s(self, node: int) -> Floats:
        """Delay from `node` to every node; infinite where no link can be."""
        row = self._from.get(node)
        if row is None:
            others = self._paths.reachable(node)
            row = np.full(self._paths.size, np.inf)
            for other in range(self._paths.size) if others is None else others:
                row[other] = self._paths.one_way(node, other)
            row[node] = 0.0
            _keep(self._from, node, row)
        return row.copy()

    def one_way_to_s(self, node: int) -> Floats:
        """Delay from every node to `node`."""
        row = self._to.get(node)
        if row is None:
            sources = range(self._paths.size)
            row = np.array([self._paths.one_way(other, node) for other in sources])
            row[node] = 0.0
            _keep(self._to, node, row)
        return row.copy()

    def direct_s(self, node: int) -> Floats:
        """Delay of the shortest way from `node` over links that can be."""
        row = self.one_way_s(node)
        if np.isfinite(row).all():
            return row
        lengths = nx.single_source_dijkstra_path_length(self._graph(), node, weight="s")
        for other, length in lengths.items():
            row[other] = length
        return row

    def _graph(self) -> nx.DiGraph:
        if self._edges is None:
            self._edges = nx.DiGraph()
            for node in range(self._paths.size):
                row = self.one_way_s(node)
                ends = np.flatnonzero(np.isfinite(row)).tolist()
                self._edges.add_weighted_edges_from(
                    ((node, end, float(row[end])) for end in ends), weight="s"
                )
        return self._edges


def _keep(rows: dict[int, Floats], node: int, row: Floats) -> None:
    if len(rows) >= ROWS_KEPT_MAX:
        del rows[next(iter(rows))]
    rows[node] = row


def space_of(paths: Paths) -> Space:
    """The paths of a run as rows."""
    if isinstance(paths, Sites):
        return SiteSpace(np.array(paths.half), paths.place, paths.access_s)
    return PathSpace(paths)


def population_of(nodes: Sequence[NodeSpec]) -> Population:
    """The nodes of a run as columns; a copy of 2.5 Mb/s is a slot."""
    return Population(
        slots=np.array([node.copies for node in nodes], np.int64),
        hop_s=np.array([node.hop_s for node in nodes], np.float64),
        names=tuple(node.kind for node in nodes),
    )
