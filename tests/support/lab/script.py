"""One script of faults on one topology, played in virtual time and on the wire.

Hosts are points of a square.  Cables join each to the nearest ones; every other way is
a detour, so that the way over relays is shorter and every node has one parent that is
clearly the best.  Viewers come one after another, those near the origin first.  Relays
die a few in a row; then nothing happens for longer than a turn of maintenance, so that
whoever lost by it may move back.

The simulation goes first: who dies is chosen among the relays of *its* tree, and the
live mesh gets the same list.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import networkx as nx

from meshproto.config.distribution import DistributionConfig
from meshsim.faults import Fault, What, Who
from meshsim.run import Run
from meshsim.scenario import Scenario, parse
from meshsim.strikes import Faults

SIZE, SEED = 12, 2975
"""The seed is one of those of whose topologies no node has two parents that are nearly
as good: neither with all relays nor without one of them (`tests/lab/test_script.py`).
"""

SIDE_MS, NEAREST_MS = 60.0, 3.0
CABLES = 2
DETOUR = 3.0

STREAM_AT_S, VIEWERS_AT_S, VIEWER_EVERY_S = 10.0, 12.0, 1.5
SETTLE_S = 40.0
DOWN_S, DEATH_EVERY_S = 12.0, 20.0
LOOK_S = 1.5
IN_A_ROW = 3
CALM_S = 160.0
"""After the last death of a row.  Turns are up to 75 s apart, and a loss may need two:
a relay that is back joins whoever it has a link to, and its children are elsewhere.
"""

CONFIG = DistributionConfig()
HOP_MS = 1000 * CONFIG.hop_cost_s

_TEXT = """
title = "The same, live and simulated"
nodes = {nodes}
duration_s = {duration_s}
settle_s = {settle_s}
[paths]
model = "{matrix}"
listed = true
[population]
mix = "plain"
[[streams]]
name = "lab"
node = 0
at_s = {stream_at_s}
bitrate_bps = {bitrate_bps}
[[audiences]]
stream = "lab"
come = "evenly"
at_s = {viewers_at_s}
over_s = {over_s}
nodes = {order}
[media]
packets_per_s = {packets_per_s}
full_packets_per_s = {packets_per_s}
"""
Pair = tuple[int, int]
Parents = dict[int, int | None]


@dataclass
class Played:
    """What a run of the script showed: before each fault the parent of every node that
    lives, and the silences of those whose relay died, in milliseconds.
    """

    parents: list[Parents] = field(default_factory=list)
    gaps_ms: list[float] = field(default_factory=list)

    def rested(self) -> Played:
        """The same of moments at which every loss is long ago."""
        moments = enumerate(self.parents)
        return Played([found for n, found in moments if begins_row(n)], self.gaps_ms)


@dataclass(frozen=True)
class Topology:
    """Hosts 0 to `size` - 1 and the milliseconds one way of every pair a < b."""

    size: int
    one_way_ms: dict[Pair, float]

    @classmethod
    def of(cls, size: int, seed: int) -> Topology:
        """Points of a square, cables and detours."""
        chance = random.Random(seed)
        at = [
            (chance.random() * SIDE_MS, chance.random() * SIDE_MS) for _ in range(size)
        ]
        near = {
            (a, b): NEAREST_MS
            + ((at[a][0] - at[b][0]) ** 2 + (at[a][1] - at[b][1]) ** 2) ** 0.5
            for a, b in combinations(range(size), 2)
        }
        cables: set[Pair] = set()
        for node in range(size):
            own = sorted((p for p in near if node in p), key=near.__getitem__)
            cables.update(own[:CABLES])
        return cls(
            size,
            {p: ms if p in cables else DETOUR * ms for p, ms in near.items()},
        )

    def ms(self, a: int, b: int) -> float:
        """One way."""
        return self.one_way_ms[min(a, b), max(a, b)]

    def best(self, dead: Iterable[int] = ()) -> dict[int, tuple[int, float]]:
        """The parent of each node on its shortest path from the origin, and how long
        that is; nodes in the order of that.
        """
        graph = nx.Graph()
        for (a, b), ms in self.one_way_ms.items():
            graph.add_edge(a, b, weight=ms + HOP_MS)
        graph.remove_nodes_from(dead)
        length, path = nx.single_source_dijkstra(graph, 0)
        return {n: (path[n][-2], length[n]) for n in length if n}

    def parents(self) -> Parents:
        """The tree of shortest paths."""
        return {node: parent for node, (parent, _) in self.best().items()}

    def cost_ms(self, node: int, parent: int, dead: Iterable[int] = ()) -> float:
        """How far from the origin a node is below a parent on its shortest path."""
        above = self.best((*dead, node))[parent][1] if parent else 0.0
        return above + self.ms(node, parent) + HOP_MS

    def write(self, path: Path) -> None:
        """Round trips as `meshsim` reads them."""
        with path.open("w", newline="") as file:
            rows = csv.writer(file)
            for a in range(self.size):
                rows.writerow(
                    0.0 if a == b else 2 * self.ms(a, b) for b in range(self.size)
                )


def deaths(count: int) -> list[float]:
    """When relays die."""
    row_s = (IN_A_ROW - 1) * DEATH_EVERY_S + CALM_S
    return [
        SETTLE_S + number // IN_A_ROW * row_s + number % IN_A_ROW * DEATH_EVERY_S
        for number in range(count)
    ]


def begins_row(number: int) -> bool:
    """Whether the mesh had time before that death."""
    return number % IN_A_ROW == 0


def arrivals(topology: Topology) -> list[tuple[int, float]]:
    """Who watches from when on."""
    return [
        (node, VIEWERS_AT_S + number * VIEWER_EVERY_S)
        for number, node in enumerate(topology.best())
    ]


def is_worth(one_ms: float, other_ms: float) -> bool:
    """Whether a node would move for the difference (RFC 0011 section 6)."""
    least_ms = max(CONFIG.gain_share * max(one_ms, other_ms), 1000 * CONFIG.gain_s)
    return abs(one_ms - other_ms) > least_ms


def scenario(
    topology: Topology, matrix: Path, packets_per_s: int, bitrate_bps: int, count: int
) -> Scenario:
    """The script without its faults, long enough for so many."""
    coming = [node for node, _ in arrivals(topology)]
    text = _TEXT.format(
        nodes=topology.size,
        duration_s=deaths(count)[-1] + DEATH_EVERY_S,
        settle_s=SETTLE_S,
        matrix=matrix,
        stream_at_s=STREAM_AT_S,
        bitrate_bps=bitrate_bps,
        viewers_at_s=VIEWERS_AT_S,
        over_s=VIEWER_EVERY_S * len(coming),
        order=coming,
        packets_per_s=packets_per_s,
    )
    return parse(text, "lab")


def simulate(plan: Scenario, count: int, luck: int) -> tuple[Played, list[int]]:
    """Play it in virtual time, with so many deaths; what was seen, and who died.

    The next to die is the relay with most nodes below it that died least often.
    """
    run = Run(plan, luck, None)
    faults = Faults(run.engine, run.begin())
    played, victims = Played(), list[int]()
    for at_s in deaths(count):
        run.engine.run_until(at_s - LOOK_S)
        alive = (node for node in run.mesh.alive() if node)
        played.parents.append({node: run.mesh.parent(node) for node in alive})
        below = dict(run.mesh.relays())
        chosen = min(below, key=lambda node: (victims.count(node), -below[node], node))
        victims.append(chosen)
        crash = Fault(What.CRASH, at_s, Who.NODES, (chosen,))
        faults.schedule([replace(crash, for_s=DOWN_S, keep_state=True)])
    run.engine.run_until(plan.duration_s)
    for repair in run.end().repairs:
        # none came until the next death
        gap_s = DEATH_EVERY_S if repair.gap_s is None else repair.gap_s
        played.gaps_ms.append(1000 * gap_s)
    return played, victims


def agreement(one: Played, other: Played) -> float:
    """The share of (moment, node) with the same parent in both, of nodes both saw."""
    same = [
        parent is not None and before[node] == parent
        for before, after in zip(one.parents, other.parents, strict=True)
        for node, parent in after.items()
        if node in before
    ]
    return sum(same) / len(same) if same else float("nan")
