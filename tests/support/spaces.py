"""Small latency models for tests: on a line, and on a seeded square."""

from __future__ import annotations

import random

import networkx as nx
import numpy as np

from meshsim.observation import Floats, Ints, Population
from meshsim.space import SiteSpace


def line(size: int, step_s: float = 0.01) -> SiteSpace:
    """Nodes in a row, `step_s` apart one way."""
    at = np.arange(size)
    return SiteSpace(
        np.abs(at[:, None] - at[None, :]) * step_s, range(size), [0.0] * size
    )


def square(size: int, seed: int, *, lopsided: bool = False) -> SiteSpace:
    """Nodes anywhere in a square 100 ms wide; `lopsided`: ways differ by direction."""
    chance = random.Random(seed)
    at = np.array([[chance.random(), chance.random()] for _ in range(size)])
    half: Floats = 0.1 * np.linalg.norm(at[:, None] - at[None, :], axis=2)
    if lopsided:
        half = half * np.array([[chance.uniform(1, 2)] * size for _ in range(size)])
    return SiteSpace(half, range(size), [chance.uniform(0, 0.01) for _ in range(size)])


def nodes(slots: list[int], hop_s: float = 0.001) -> Population:
    """Nodes with so many slots each."""
    names = tuple("thin" if n < 3 else "middle" if n < 16 else "strong" for n in slots)
    return Population(np.array(slots, np.int64), np.full(len(slots), hop_s), names)


def tree_graph(parent: Ints, origin: int) -> nx.DiGraph:
    """The edges of a tree from parent to child; always holds the origin."""
    graph = nx.DiGraph()
    graph.add_node(origin)
    members = np.flatnonzero(parent >= 0)
    graph.add_edges_from(zip(parent[members].tolist(), members.tolist(), strict=True))
    return graph
