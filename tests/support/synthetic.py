"""A stand-in for a run: an observation with everything in it, in no time.

Nodes and paths are the scenario's own; the tree is the oracle's after some moves, and
what "happened" is drawn.  Nothing of the mesh runs: it tests who reads observations.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from meshsim.observation import (
    Ask,
    Cause,
    Escape,
    Fault,
    Join,
    Lookup,
    Loop,
    LoopKind,
    Move,
    Newcomer,
    Observation,
    OverlayShot,
    Packets,
    Population,
    Repair,
    ServedSample,
    Space,
    Step,
    StepKind,
    Story,
    TrafficSample,
    TreeShot,
)
from meshsim.oracle import children_of
from meshsim.oracle_tree import central_tree
from meshsim.scenario import Scenario
from meshsim.space import population_of, space_of
from meshsim.violation import Violation
from meshsim.world import build


def simulate(
    scenario: Scenario, seed: int, progress: Callable[[float], None] | None = None
) -> Observation:
    """An observation as a host would make it; `brain.broken` gives it a violation."""
    world = build(scenario, seed)
    space, population = space_of(world.network.paths), population_of(world.population)
    seen = observe(space, population, seed, dict(scenario.brain).get("broken", False))
    seen.scenario = scenario.name
    if scenario.ancestor.compare:
        seen.ancestor = ancestor(seen, seed)
    if progress is not None:
        progress(1.0)
    return seen


def observe(
    space: Space, population: Population, seed: int, broken: bool = False
) -> Observation:
    chance = random.Random(f"{seed}/synthetic")
    size = len(population.slots)
    origin = int(np.argmax(population.slots))
    tree = tree_of(space, population, origin, chance)
    seen = Observation("synthetic", seed, space, population, title="A drawn run")
    seen.steady = (60.0, 660.0)
    seen.simulated_s, seen.wall_s, seen.events = 700.0, 3.5, 123_456
    seen.memory_bytes, seen.log_hash = 200 << 20, "c0ffee" * 8
    seen.trees.append(tree)
    seen.overlays = overlays(space, size, chance)
    seen.joins = [joined(node, chance) for node in range(size) if node != origin]
    seen.lookups = [Lookup(node, 40.0, 40.1) for node in range(size // 2)]
    seen.lookups.append(Lookup(0, 200.0, 204.0, across=True))
    seen.served = [
        ServedSample(float(t), size - 1, min(size - 1, t * size // 30))
        for t in range(0, 700, 5)
    ]
    seen.traffic = [traffic(t, size) for t in range(0, 701, 10)]
    seen.packets = Packets(100_000, 99_985, 0, 100_400, size * 600 * 312_500)
    fail(seen, tree, chance)
    seen.moves = [
        Move(chance.uniform(60, 660), chance.randrange(size), Cause.SWAP, 0.004)
        for _ in range(size // 3)
    ]
    seen.escapes = [Escape(1, 100.0, 107.5)]
    seen.newcomers = [
        Newcomer(node, 24, 0.8, tuple(n for n in range(8) if n != node))
        for node in range(size - 5, size)
    ]
    if broken:
        message = "node 3 gave packet 9 to a viewer twice"
        lines = ("1.0 node 3 joins", "2.0 packet 9")
        seen.violations.append(
            Violation("synthetic", seed, 2.0, "duplicate", message, events=lines)
        )
    return seen


def tree_of(
    space: Space, population: Population, origin: int, chance: random.Random
) -> TreeShot:
    """The oracle's tree with a tenth of its leaves moved to free slots."""
    size = len(population.slots)
    everybody = np.ones(size, np.bool_)
    parent = central_tree(origin, everybody, space, population).parent
    free = population.slots - np.bincount(parent[parent >= 0], minlength=size)
    relays = children_of(parent)
    for node in range(0, size, 10):
        rooms = [n for n in range(size) if free[n] > 0 and n in relays and n != node]
        if node != origin and node not in relays and rooms:
            free[parent[node]] += 1
            parent[node] = chance.choice(rooms)
            free[parent[node]] -= 1
    return TreeShot(600.0, "show", origin, parent, everybody, everybody, "settled")


def overlays(space: Space, size: int, chance: random.Random) -> list[OverlayShot]:
    alive = np.ones(size, np.bool_)
    shots = []
    for time_s, label, near in ((15.0, "cold", 4), (600.0, "settled", 6)):
        pairs = set()
        for node in range(size):
            ranked = np.argsort(space.one_way_s(node))[1 : near + 1].tolist()
            ranked += [chance.randrange(size) for _ in range(6)]
            pairs |= {(min(node, o), max(node, o)) for o in ranked if o != node}
        shots.append(OverlayShot(time_s, np.array(sorted(pairs)), alive, label))
    return shots


def joined(node: int, chance: random.Random) -> Join:
    asked_s = chance.uniform(5, 30)
    return Join(node, asked_s, asked_s + chance.expovariate(30), 0, 2)


def traffic(t: int, size: int) -> TrafficSample:
    rates = {"media": 312_500, "routing": 40, "probe": 900, "link": 300}
    octets = {kind: rate * t * size for kind, rate in rates.items()}
    return TrafficSample(float(t), size, octets)


def fail(seen: Observation, tree: TreeShot, chance: random.Random) -> None:
    """Kill the relay with the second most children; its children are repaired."""
    children = children_of(tree.parent)
    relays = [n for n in children if n != tree.origin]
    if not relays:
        return
    dead = max(relays, key=lambda node: len(children[node]))
    at_s = 605.0
    seen.faults.append(Fault(at_s, "crash", (dead,), "one"))
    steps = [Step(at_s, dead, StepKind.DIES)]
    for child in children[dead]:
        gap_s = chance.uniform(0.08, 0.2)
        seen.repairs.append(Repair(0, child, gap_s))
        seen.asks.append(Ask(at_s + 0.07, child, tree.origin))
        steps += [
            Step(at_s + 0.06, child, StepKind.NOTICES, dead),
            Step(at_s + 0.07, child, StepKind.ASKS, tree.origin),
            Step(at_s + gap_s - 0.01, child, StepKind.ACCEPTED, tree.origin),
            Step(at_s + gap_s, child, StepKind.SERVED, tree.origin),
        ]
    steps.sort(key=lambda step: step.time_s)
    seen.story = Story(tree, tuple(steps))


def ancestor(seen: Observation, seed: int) -> Observation:
    """The draft beside it: slower, with a loop that never ends."""
    chance = random.Random(f"{seed}/ancestor")
    old = Observation("synthetic", seed, seen.space, seen.population)
    old.simulated_s = seen.simulated_s
    old.trees = [tree_of(seen.space, seen.population, seen.trees[0].origin, chance)]
    old.faults = list(seen.faults)
    old.repairs = [Repair(0, r.node, chance.uniform(1, 5.5)) for r in seen.repairs]
    old.loops = [Loop(LoopKind.ROUTE, 605.0, None)]
    return old
