"""A scenario under the draft protocol, observed like ours (RFC 0012 section 10).

World, workload and faults are those of the scenario, from the same streams of chance,
so nodes, places, uplinks and publishers are the same.  The draft has no maintenance: it
is as good after a minute as after an hour.  So its clock is wound forward: what happens
after the first minute happens earlier by what the scenario takes to settle, and the run
ends `LENGTH_S` after that minute.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from meshsim import links, world
from meshsim import observation as o
from meshsim.ancestor import AncestorMesh
from meshsim.draft import Variant
from meshsim.engine import collector_paused
from meshsim.errors import ScenarioError
from meshsim.faults import Fault
from meshsim.network import Kind
from meshsim.scenario import Scenario
from meshsim.space import population_of, space_of
from meshsim.strikes import Faults
from meshsim.workload import Play

SETTLED_S = 60.0
LENGTH_S = 180.0
SAMPLE_S = 5.0
PACKETS_PER_S_MAX = 10.0  # its gaps are seconds long
GAP_WINDOW_S = 30.0
SERVED_WITHIN_S = 1.0


def hurried(scenario: Scenario) -> Scenario:
    """The scenario without the time in which the draft would only wait."""
    ahead_s = max(scenario.settle_s - SETTLED_S, 0.0)

    def earlier(at_s: float | None) -> float | None:
        if at_s is None or at_s <= SETTLED_S:
            return at_s
        return max(at_s - ahead_s, SETTLED_S)

    def sure(at_s: float) -> float:
        return earlier(at_s) or 0.0

    return replace(
        scenario,
        settle_s=min(scenario.settle_s, SETTLED_S),
        duration_s=min(scenario.duration_s - ahead_s, SETTLED_S + LENGTH_S),
        arrivals=replace(
            scenario.arrivals,
            late_at_s=min(scenario.arrivals.late_at_s, SETTLED_S / 2.0),
            late_over_s=min(scenario.arrivals.late_over_s, SETTLED_S / 4.0),
        ),
        faults=tuple(
            replace(fault, at_s=sure(fault.at_s), until_s=earlier(fault.until_s))
            for fault in scenario.faults
        ),
        churn=tuple(
            replace(churn, at_s=sure(churn.at_s), until_s=earlier(churn.until_s))
            for churn in scenario.churn
        ),
    )


def observe(scenario: Scenario, seed: int) -> o.Observation:
    """Run the scenario under the draft; `ScenarioError` for an unknown variant."""
    return AncestorRun(hurried(scenario), seed).play()


class AncestorRun:
    """One run of the draft and what was seen of it."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        names = [variant.value for variant in Variant]
        if scenario.ancestor.variant not in names:
            raise ScenarioError(
                f"ancestor.variant={scenario.ancestor.variant!r} is unknown; "
                f"expected {', '.join(names)}"
            )
        self.scenario = scenario
        built = world.build(scenario, seed)
        self.engine, self.network = built.engine, built.network
        self.packets_per_s = min(scenario.media.packets_per_s, PACKETS_PER_S_MAX)
        copies = [spec.copies for spec in built.population]
        chance = built.engine.stream("links")
        self.mesh = AncestorMesh(
            built.engine,
            built.network,
            links.ideal(built.network.paths, copies, chance),
            [spec.kind for spec in built.population],
            Variant(scenario.ancestor.variant),
            self.packets_per_s,
            copies,
        )
        self.mesh.told, self.mesh.before = self._packet, self._before
        self.mesh.made = self._made
        self.seen = o.Observation(
            scenario.name,
            seed,
            space_of(built.network.paths),
            population_of(built.population),
            parameters={"nodes": scenario.nodes, "model": scenario.paths.model},
            title=scenario.title,
            steady=(scenario.settle_s, scenario.duration_s),
        )
        self._last: dict[tuple[int, str], float] = {}
        self._gaps: dict[tuple[int, str], tuple[int, float, float | None]] = {}
        self._due = self._got = self._twice = self._early = 0

    def play(self) -> o.Observation:
        """From the first event to the last."""
        scenario, engine, seen = self.scenario, self.engine, self.seen
        self.plays = Play(engine, self.mesh)
        self.plays.schedule(scenario.workload)
        Faults(engine, self.mesh).schedule(scenario.faults)
        engine.at(SAMPLE_S, self._sample)
        engine.at(scenario.settle_s, self._settled)
        wall = time.monotonic()
        with collector_paused():
            engine.run_until(scenario.duration_s)
        self._shots("")
        self._close(len(seen.faults))
        seen.loops = [
            o.Loop(o.LoopKind.ROUTE, start, end if end < engine.now else None)
            for start, end in self.mesh.loops
        ]
        seen.packets = self._packets()
        seen.simulated_s, seen.events = engine.now, engine.events
        seen.wall_s = time.monotonic() - wall
        return seen

    # --- what happens ------------------------------------------------------------

    def _made(self, name: str, now: float) -> None:
        if now >= self.scenario.settle_s:
            self._due += len(self._watching(name))

    def _packet(self, node: int, name: str, first: bool, now: float) -> None:
        steady = now >= self.scenario.settle_s
        if not first:
            self._twice += steady
            return
        self._got += steady
        key = (node, name)
        gap = self._gaps.get(key)
        if gap is not None and now > gap[1]:
            silence_s = now - self._last.get(key, gap[1])
            self._gaps[key] = (gap[0], gap[1], max(gap[2] or 0.0, silence_s))
        self._last[key] = now

    def _before(self, fault: Fault, hit: Sequence[int], now: float) -> None:
        """Note who hangs below those who are about to be hit."""
        number = len(self.seen.faults)
        self.seen.faults.append(o.Fault(now, fault.what.value, tuple(hit), fault.label))
        gone = set(hit)
        for name in self.mesh.streams():
            parents = self.mesh.parents(name)
            for node in self._watching(name):
                above = ancestors(parents, node)
                if node not in gone and gone.intersection(above):
                    self._gaps.setdefault((node, name), (number, now, None))
        self.engine.after(GAP_WINDOW_S, self._close, number)

    def _close(self, fault: int) -> None:
        """End the gaps of faults up to `fault`."""
        now = self.engine.now
        alive = set(self.mesh.alive())
        for key, (number, _, longest_s) in list(self._gaps.items()):
            if number > fault:
                continue
            del self._gaps[key]
            silent = now - self._last.get(key, 0.0) > GAP_WINDOW_S / 2.0
            if key[0] in alive:
                gap_s = None if silent else longest_s
                self.seen.repairs.append(o.Repair(number, key[0], gap_s))

    def _watching(self, name: str) -> list[int]:
        return [m.index for m in self.mesh.members if m.awake and name in m.watching]

    # --- samples -----------------------------------------------------------------

    def _sample(self) -> None:
        now = self.engine.now
        wanted = [
            (n, name) for name in self.mesh.streams() for n in self._watching(name)
        ]
        served = sum(
            now - self._last.get(key, -9.0) < SERVED_WITHIN_S for key in wanted
        )
        self.seen.served.append(o.ServedSample(now, len(wanted), served))
        octets = self.network.octets
        sums = {
            "routing": sum(octets[Kind.CONTROL]),
            "media": sum(octets[Kind.MEDIA]),
        }
        self.seen.traffic.append(o.TrafficSample(now, len(self.mesh.alive()), sums))
        self.engine.after(SAMPLE_S, self._sample)

    def _settled(self) -> None:
        self._early = self.network.packets[Kind.MEDIA]
        self._shots("settled")

    def _shots(self, label: str) -> None:
        """Links and trees as they are now."""
        now, size = self.engine.now, self.scenario.nodes
        alive = np.zeros(size, dtype=bool)
        alive[self.mesh.alive()] = True
        pairs = [
            (a, b) for a, row in enumerate(self.mesh.neighbours) for b in row if a < b
        ]
        shape = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        self.seen.overlays.append(o.OverlayShot(now, shape, alive, label))
        for name in self.mesh.streams():
            self.seen.trees.append(self._tree(name, label))

    def _tree(self, name: str, label: str) -> o.TreeShot:
        now, size = self.engine.now, self.scenario.nodes
        parents = self.mesh.parents(name)
        parent = [o.NOBODY if above is None else above for above in parents]
        subscribed, served = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
        for node in self._watching(name):
            subscribed[node] = True
            served[node] = now - self._last.get((node, name), -9.0) < SERVED_WITHIN_S
        origin = self.plays.publishers[name]
        row = np.array(parent, dtype=np.int64)
        return o.TreeShot(now, name, origin, row, subscribed, served, label)

    def _packets(self) -> o.Packets:
        rates = [stream.bitrate_bps for stream in self.scenario.streams] or [2_500_000]
        octets = max(rates) / 8.0 / self.packets_per_s
        received = self.network.packets[Kind.MEDIA] - self._early
        return o.Packets(
            self._due, self._got, self._twice, received, round(self._got * octets)
        )


def ancestors(parents: list[int | None], node: int) -> dict[int, None]:
    """All above `node`, nearest first; a cycle is walked once."""
    found: dict[int, None] = {}
    above = parents[node]
    while above is not None and above not in found:
        found[above] = None
        above = parents[above]
    return found
