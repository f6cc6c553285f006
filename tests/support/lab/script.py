"""One script of faults on one topology, played in virtual time and on the wire.

Hosts are points in a square, so that most nodes have one parent that is clearly the
best.  The simulation goes first: who dies is chosen among the relays of *its* tree, and
the live mesh gets the same list.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from meshsim.run import Run
from meshsim.scenario import Scenario, parse

STREAM_AT_S, VIEWERS_AT_S = 10.0, 12.0
SETTLE_S = 90.0
EVERY_S, DOWN_S = 30.0, 12.0
SIDE_MS, NEAREST_MS = 60.0, 5.0

_TEXT = """
title = "The same, live and simulated"
nodes = {nodes}
duration_s = {duration_s}
settle_s = {settle_s}
[paths]
model = "{matrix}"
[population]
mix = "plain"
[[streams]]
name = "lab"
node = 0
at_s = {stream_at_s}
[[audiences]]
stream = "lab"
at_s = {viewers_at_s}
[media]
packets_per_s = {packets_per_s}
full_packets_per_s = {packets_per_s}
{faults}
"""
_FAULT = """
[[faults]]
what = "crash"
who = "nodes"
nodes = [{node}]
at_s = {at_s}
for_s = {down_s}
keep_state = true
"""
Pair = tuple[int, int]


@dataclass
class Played:
    """What a run of the script showed: before each fault the parent of every node that
    lives, and the silences of those whose parent died, in milliseconds.
    """

    parents: list[dict[int, int | None]] = field(default_factory=list)
    gaps_ms: list[float] = field(default_factory=list)


def delays(size: int, seed: int) -> dict[Pair, float]:
    """Milliseconds one way between points of a square, for every pair a < b."""
    chance = random.Random(seed)
    at = [(chance.random() * SIDE_MS, chance.random() * SIDE_MS) for _ in range(size)]
    return {
        (a, b): NEAREST_MS
        + ((at[a][0] - at[b][0]) ** 2 + (at[a][1] - at[b][1]) ** 2) ** 0.5
        for a, b in combinations(range(size), 2)
    }


def write_matrix(path: Path, size: int, one_way_ms: dict[Pair, float]) -> None:
    """Round trips as `meshsim` reads them."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        for a in range(size):
            rows.writerow(
                2 * one_way_ms.get((min(a, b), max(a, b)), 0.0) for b in range(size)
            )


def scenario(
    matrix: Path, size: int, packets_per_s: int, victims: list[int], faults: int
) -> Scenario:
    """The script as a scenario; room for so many faults, `victims` die first."""
    struck = "".join(
        _FAULT.format(node=node, at_s=SETTLE_S + EVERY_S * number, down_s=DOWN_S)
        for number, node in enumerate(victims)
    )
    text = _TEXT.format(
        nodes=size,
        duration_s=SETTLE_S + EVERY_S * faults,
        settle_s=SETTLE_S,
        matrix=matrix,
        stream_at_s=STREAM_AT_S,
        viewers_at_s=VIEWERS_AT_S,
        packets_per_s=packets_per_s,
        faults=struck,
    )
    return parse(text, "lab")


def simulate(
    matrix: Path, size: int, packets_per_s: int, faults: int, seed: int
) -> tuple[Played, list[int]]:
    """Play it in virtual time; what was seen, and who died in which order."""
    victims: list[int] = []
    for number in range(faults):
        # every round replays the same seed up to the next fault, and looks at the tree
        run = _until(
            scenario(matrix, size, packets_per_s, victims, faults), seed, number
        )
        below = dict(run.mesh.relays())
        candidates = sorted(below, key=lambda node: (node in victims, -below[node]))
        victims.append(candidates[0])
    played = Played()
    for number in range(faults):
        run = _until(
            scenario(matrix, size, packets_per_s, victims, faults), seed, number
        )
        played.parents.append({n: run.mesh.parent(n) for n in run.mesh.alive() if n})
    run = Run(scenario(matrix, size, packets_per_s, victims, faults), seed, None)
    seen = run.play()
    for repair in seen.repairs:
        missing = EVERY_S  # no packet until the next fault
        played.gaps_ms.append(
            1000 * (missing if repair.gap_s is None else repair.gap_s)
        )
    return played, victims


def _until(plan: Scenario, seed: int, number: int) -> Run:
    run = Run(plan, seed, None)
    run.begin()
    run.engine.run_until(SETTLE_S + EVERY_S * number - 0.5)
    return run


def agreement(one: Played, other: Played) -> float:
    """The share of (fault, node) with the same parent in both."""
    same = [
        before[node] == parent
        for before, after in zip(one.parents, other.parents, strict=True)
        for node, parent in after.items()
        if node in before
    ]
    return sum(same) / len(same) if same else float("nan")
