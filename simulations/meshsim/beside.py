"""The ancestor beside ours: the same scenario under the draft, as an observation.

The same seed gives it the same nodes, paths, workload and faults; the overlay, which
the draft takes for granted, is the ideal one.  What it has no notion of (joins, slots,
moves) stays empty, and a gap is over all streams that a node watches (RFC 0012 section
10).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from meshsim import links, world
from meshsim.ancestor import LOOP_SAMPLE_S, AncestorMesh
from meshsim.draft import Variant
from meshsim.engine import collector_paused
from meshsim.errors import ScenarioError
from meshsim.faults import Strike
from meshsim.loops import cycle
from meshsim.network import Kind
from meshsim.observation import (
    NOBODY,
    Fault,
    Loop,
    LoopKind,
    Observation,
    Packets,
    Repair,
    ServedSample,
    TrafficSample,
    TreeShot,
)
from meshsim.scenario import Scenario
from meshsim.space import population_of, space_of
from meshsim.strikes import Faults
from meshsim.workload import Play, Stream

SAMPLE_S = 5.0
SERVED_S = 1.0
GAP_WATCHED_S = 20.0
"""How long after a fault gaps are looked for: the draft's time-out is 5 s a hop."""
LOOP_NODES = 100
"""Nodes at which loops are looked for every 50 ms; more nodes, less often."""


class Watched(AncestorMesh):
    """An ancestor that writes down what it sees."""

    seen: Observation
    made: int = 0
    due: int = 0
    sent: int = 0

    def begin(self, seen: Observation) -> None:
        """Write into `seen` from now on."""
        self.seen = seen
        self._cut: dict[int, tuple[int, float, float]] = {}
        self._loop_since = math.nan
        self._every_s = LOOP_SAMPLE_S * max(1.0, len(self.members) / LOOP_NODES)
        self._engine.after(SAMPLE_S, self._sample)

    def delivered(self, node: int, *, again: bool, now: float) -> None:
        """A packet for a viewer: the end of a gap, if there was one."""
        if not again and node in self._cut:
            fault, last, longest = self._cut[node]
            self._cut[node] = (fault, now, max(longest, now - last))
        super().delivered(node, again=again, now=now)

    def pass_on(self, src: int, dst: int, name: str, sequence: int) -> None:
        """Count every copy."""
        self.sent += 1
        super().pass_on(src, dst, name, sequence)

    def _make(self, node: int, stream: Stream, sequence: int, now: float) -> None:
        if stream.name in self.members[node].local:
            self.due += len(self._watchers(stream.name))
        super()._make(node, stream, sequence, now)

    def _watchers(self, name: str) -> list[int]:
        return [m.index for m in self.members if m.awake and name in m.watching]

    def _look(self) -> None:
        """Whether there is a loop, and since when."""
        now = self._engine.now
        looping = any(cycle(self.next_hops(name)) for name in self._streams)
        if looping and math.isnan(self._loop_since):
            self._loop_since = now
        if not looping and not math.isnan(self._loop_since):
            self.seen.loops.append(Loop(LoopKind.ROUTE, self._loop_since, now))
            self._loop_since = math.nan
        self._engine.after(self._every_s, self._look)

    def struck(self, strike: Strike) -> None:
        """A fault is about to strike: whom will it cut off?"""
        now, fault = self._engine.now, strike.fault
        number = len(self.seen.faults)
        told = Fault(now, fault.what.value, strike.hit, fault.label)
        self.seen.faults.append(told)
        hit = set(strike.hit)
        below: dict[int, None] = {}
        for name in self._streams:
            parents = self.parents(name)
            watchers = self._watchers(name)
            below |= {n: None for n in watchers if _is_below(n, parents, hit)}
        cut = [node for node in below if node not in self._cut]
        for node in cut:
            self._cut[node] = (number, self._last[node], 0.0)
        self._engine.after(GAP_WATCHED_S, self._mend, number, cut)

    def _mend(self, number: int, cut: list[int]) -> None:
        """The watch after a fault is over; who is gone is no survivor."""
        now = self._engine.now
        for node in cut:
            _, last, longest = self._cut.pop(node)
            if self.members[node].awake:
                gap_s = longest if now - last <= SERVED_S else None
                self.seen.repairs.append(Repair(number, node, gap_s))

    def _sample(self) -> None:
        now, seen = self._engine.now, self.seen
        shots = [self.shot(name) for name in self._streams]
        wanted = sum(int(shot.subscribed.sum()) for shot in shots)
        had = sum(int(shot.served.sum()) for shot in shots)
        seen.served.append(ServedSample(now, wanted, had))
        octets = self.network.octets
        seen.traffic.append(
            TrafficSample(
                now,
                len(self.alive()),
                {
                    "media": sum(octets[Kind.MEDIA]),
                    "sync": sum(octets[Kind.CONTROL]),
                },
            )
        )
        self._engine.after(SAMPLE_S, self._sample)

    def shot(self, name: str, label: str = "") -> TreeShot:
        """The tree of a stream as its members asked for it."""
        now, size = self._engine.now, len(self.members)
        parents = self.parents(name)
        parent = np.array([NOBODY if up is None else up for up in parents], np.int64)
        origin = self._streams[name]
        parent[origin] = NOBODY
        wanted = np.zeros(size, np.bool_)
        wanted[self._watchers(name)] = True
        heard = np.array([now - last <= SERVED_S for last in self._last])
        return TreeShot(now, name, origin, parent, wanted, wanted & heard, label)

    def finish(self) -> None:
        """Close the books."""
        seen = self.seen
        if not math.isnan(self._loop_since):
            seen.loops.append(Loop(LoopKind.ROUTE, self._loop_since, None))
        seen.trees.extend(self.shot(name) for name in self._streams)
        delivered, twice = sum(self.packets), sum(self.duplicates)
        seen.packets = Packets(self.due, delivered, twice, self.sent)


def _is_below(node: int, parents: list[int | None], hit: set[int]) -> bool:
    """Whether the way up from a survivor leads over one that is hit."""
    step, steps = parents[node], 0
    while node not in hit and step is not None and steps <= len(parents):
        if step in hit:
            return True
        step, steps = parents[step], steps + 1
    return False


def ancestor(
    scenario: Scenario, seed: int, progress: Callable[[float], Any] | None = None
) -> Observation:
    """Run the scenario under the draft; raises `ScenarioError`."""
    built = world.build(scenario, seed)
    engine, specs = built.engine, built.population
    copies = [spec.copies for spec in specs]
    mesh = Watched(
        engine,
        built.network,
        links.ideal(built.network.paths, copies, engine.stream("links")),
        [spec.kind for spec in specs],
        _variant(scenario.ancestor.variant),
        scenario.media.packets_per_s,
    )
    seen = Observation(
        scenario.name, seed, space_of(built.network.paths), population_of(specs)
    )
    seen.steady = (scenario.settle_s, scenario.duration_s)
    mesh.begin(seen)
    Play(engine, mesh).schedule(scenario.workload)
    Faults(engine, mesh, mesh.struck).schedule(scenario.faults)
    wall_s = time.monotonic()
    told = None if progress is None else _share(progress, scenario.duration_s)
    with collector_paused():
        engine.run_until(scenario.duration_s, told)
    if progress is not None:
        progress(1.0)
    mesh.finish()
    seen.simulated_s, seen.events = engine.now, engine.events
    seen.wall_s = time.monotonic() - wall_s
    return seen


def _share(progress: Callable[[float], Any], whole_s: float) -> Callable[[float], Any]:
    return lambda now: progress(now / whole_s)


def _variant(name: str) -> Variant:
    known = {variant.value: variant for variant in Variant}
    if name not in known:
        expected = ", ".join(known)
        raise ScenarioError(f"ancestor.variant={name!r} is none of {expected}")
    return known[name]
