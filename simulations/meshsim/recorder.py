"""Writes a run down: from events and deltas to an `Observation`, and to the checkers.

What the brains tell (`Event`) and what they told their planes (`RelayDelta`) comes in
as it happens; samples of the whole mesh are taken by the clock.  Nothing is computed
here that `meshsim.metrics` can compute afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from meshproto.distribution import events as tree
from meshproto.events import Event
from meshproto.forwarding import relay_table as relay
from meshproto.ids import NodeId, StreamId
from meshproto.overlay import events as overlay
from meshproto.routing import events as routing
from meshsim import observation as o
from meshsim.checkers import CYCLE_S, Broken, Checkers
from meshsim.network import Kind
from meshsim.trace import EVERYBODY, Trace
from meshsim.violation import Violation
from meshsim.ways import could_leave, delay_s

if TYPE_CHECKING:
    from meshsim.mesh import Mesh
    from meshsim.plane import SimPlane

GAP_WINDOW_S = 6.0
"""How long after a fault the longest gap between two packets is looked for."""

LINKED_S = 10.0
"""After a search its outcome is linked to, and guests are sent away."""

SETTLED_S = 60.0
"""Searches that begin earlier are not those of a newcomer in a settled mesh."""

STORY_S = 3.0
STORY_STEPS_MAX = 400
_CAUSES = {
    "move": o.Cause.MAINTENANCE,
    "aside": o.Cause.ASIDE,
    "swap": o.Cause.SWAP,
    "route": o.Cause.ROUTE,
}
_COMMITTED = frozenset({"move", "swap", "released", "aside"})


@dataclass(slots=True)
class Viewer:
    """One node's view of one stream: what was due, what came, the present gap."""

    first: int
    last_at: float
    got: int = 0
    newest: int = -1


@dataclass(slots=True)
class Gap:
    """The longest silence of a node that a fault cut off."""

    fault: int
    began_s: float
    longest_s: float = 0.0
    served: bool = False


class Recorder:
    """Fills one `Observation`; `checkers` see every change of a table."""

    def __init__(
        self, observation: o.Observation, checkers: Checkers, sampled: Sequence[int]
    ) -> None:
        """`sampled` nodes have every delivery checked for a second one."""
        self.observation = observation
        self.checkers = checkers
        self.events: Counter[str] = Counter()
        self._sampled = set(sampled)
        self._viewers: dict[tuple[int, StreamId], Viewer] = {}
        self._gaps: dict[tuple[int, StreamId], Gap] = {}
        self._steps: list[o.Step] = []
        self._story_until = -1.0
        self._before: o.TreeShot | None = None
        self._connected: dict[tuple[int, StreamId], float] = {}
        self._due = self._got = 0
        self._received = self._media_octets = self._control = 0
        self._shares: dict[str, int] = {}
        self._carried: Counter[str] = Counter()
        self._escapes: dict[int, tuple[float, int | None]] = {}
        self.trace = Trace({})
        self.mesh: Mesh

    def watch(self, mesh: Mesh) -> None:
        """Look at `mesh` from now on."""
        self.mesh = mesh
        self.trace.index = mesh.index

    # --- what happens ---------------------------------------------------------------

    def event(self, node: int, event: Event, now: float) -> None:
        """A brain says what happened."""
        name = type(event).__name__
        self.events[name] += 1
        self.trace.add(now, node, event)
        match event:
            case tree.Joined():
                self._joined(node, event, now)
            case tree.ParentChanged():
                self._moved(node, event, now)
            case tree.ChildAdded(child=child, use=use):
                self._asked(node, child, o.StepKind.ACCEPTED, now, use != "standby")
            case tree.JoinRefused(child=child):
                self._asked(node, child, o.StepKind.REFUSED, now, counts=True)
            case tree.Redirected(child=child):
                self._asked(node, child, o.StepKind.REFUSED, now, counts=True)
            case tree.Orphaned():
                self._step(node, o.StepKind.NOTICES, None, now)
            case overlay.SearchEnded():
                self._searched(node, event)
            case routing.RouteSelected(origin=origin):
                self._routed(node, origin, now)

    def _joined(self, node: int, event: tree.Joined, now: float) -> None:
        refusals, messages = max(event.asked - 1, 0), 2 * event.asked
        times = (now - event.asked_s, now)
        joined = o.Join(node, *times, refusals, messages, now - event.took_s)
        self.observation.joins.append(joined)

    def _asked(
        self, node: int, child: NodeId, kind: o.StepKind, now: float, counts: bool
    ) -> None:
        asker = self.mesh.index[child]
        if counts:
            self.observation.asks.append(o.Ask(now, asker, node))
        self._step(asker, kind, node, now)

    def _step(self, node: int, kind: o.StepKind, other: int | None, now: float) -> None:
        if now <= self._story_until and len(self._steps) < STORY_STEPS_MAX:
            self._steps.append(o.Step(now, node, kind, other))

    def _moved(self, node: int, event: tree.ParentChanged, now: float) -> None:
        if event.reason in _COMMITTED:
            self.checkers.committed(event.stream, node, now)
        if event.old is None or event.new is None:
            return
        cause = _CAUSES.get(event.reason, o.Cause.REPAIR)
        mesh = self.mesh
        self._escaped(node, mesh.index[event.old], now)
        old = delay_s(mesh, mesh.index[event.old], event.stream, node)
        new = delay_s(mesh, mesh.index[event.new], event.stream, node)
        self.observation.moves.append(o.Move(now, node, cause, old - new))

    def _searched(self, node: int, event: overlay.SearchEnded) -> None:
        host = self.mesh.hosts[node]
        if host.began_at < SETTLED_S:
            return  # everybody was new: that is the cold start, judged elsewhere
        found = tuple(self.mesh.index[node] for node in event.found)
        self.mesh.engine.after(LINKED_S, self._linked, node, event, found)

    def _linked(
        self, node: int, event: overlay.SearchEnded, found: tuple[int, ...]
    ) -> None:
        host = self.mesh.hosts[node]
        linked = tuple(far.host for far in host.links.values()) if host.up else ()
        self.observation.newcomers.append(
            o.Newcomer(node, event.probes, event.took_s, found, linked)
        )

    def _routed(self, node: int, origin: NodeId, now: float) -> None:
        mesh = self.mesh

        def next_hop(at: int) -> int | None:
            host = mesh.hosts[at]
            hop = host.node.next_hop(origin) if host.up else None
            far = None if hop is None else host.by_node.get(hop)
            # why both ends: over a link to a process that ended nothing goes on
            there = None if far is None else mesh.hosts[far.host]
            alive = there is not None and far is not None and far.remote in there.links
            return there.index if alive and there is not None else None

        self.checkers.next_hops(origin, node, next_hop, now)
        distance = mesh.hosts[node].node.view.router.distance(origin)
        if distance is not None:
            serial, metric = distance
            self.checkers.feasible(node, origin, serial, metric, now)

    def table_changed(self, node: int, delta: relay.RelayDelta, now: float) -> None:
        """A plane was programmed."""
        mesh = self.mesh
        match delta:
            case relay.SetActive(stream=stream, parent=parent):
                far = None if parent is None else mesh.index[parent]
                self._active(stream, node, far, now)
            case relay.CloseStream(stream=stream):
                self.checkers.active(stream, node, None, now)
            case relay.OpenLeg(stream=stream, standby=standby):
                self._degree(node, stream, now, admitted=not standby)
            case relay.CloseLeg(stream=stream):
                self._degree(node, stream, now, admitted=False)

    def switched(self, node: int, stream: StreamId, parent: int, now: float) -> None:
        """A plane activated its standby on its own."""
        self._active(stream, node, parent, now)
        self._step(node, o.StepKind.SERVED, parent, now)

    def _active(
        self, stream: StreamId, node: int, parent: int | None, now: float
    ) -> None:
        if self.checkers.active(stream, node, parent, now):
            engine = self.mesh.engine
            engine.after(CYCLE_S, self._still, stream, node, engine.now + CYCLE_S)

    def _still(self, stream: StreamId, node: int, now: float) -> None:
        self.checkers.survives(stream, node, now)

    def _degree(
        self, node: int, stream: StreamId, now: float, *, admitted: bool
    ) -> None:
        mesh = self.mesh
        state = mesh.hosts[node].plane.streams.get(stream)
        if state is not None:
            children = sum(not leg.standby for leg in state.legs.values())
            cap = int(self.observation.population.slots[node])
            if mesh.clocks[stream].origin == node:
                cap = max(cap, 1)  # its own stream's way out (RFC 0011 section 5)
            # why one more: a swap is made before the old edge is broken (RFC 0011 6.3)
            burst = cap + cap // self.mesh.config.distribution.burst_one_in + 1
            self.checkers.degree(
                stream, node, children, cap, burst, now, admitted=admitted
            )

    def delivered(
        self, node: int, stream: StreamId, sequence: int, born: float, now: float
    ) -> None:
        """A viewer's plane took a new packet."""
        del born
        key = (node, stream)
        viewer = self._viewers.get(key)
        if viewer is None:
            viewer = self._viewers[key] = Viewer(sequence, now)
        # why not all: what was due before the count began is not counted either
        viewer.got += sequence >= viewer.first
        viewer.newest = max(viewer.newest, sequence)
        gap = self._gaps.get(key)
        if gap is not None:
            self._filled(key, gap, viewer, now)
        viewer.last_at = now
        if node in self._sampled:
            self.checkers.delivered(stream, node, sequence, now)

    def circulated(self, node: int, stream: StreamId, sequence: int) -> None:
        """A packet ran out of hops at `node`."""
        self.checkers.circulated(stream, node, sequence, self.mesh.engine.now)

    def _filled(
        self, key: tuple[int, StreamId], gap: Gap, viewer: Viewer, now: float
    ) -> None:
        silence = now - viewer.last_at
        if now > gap.began_s and silence > gap.longest_s:
            gap.longest_s = silence
            self._step(key[0], o.StepKind.SERVED, self.mesh.parent_of(*key), now)
        gap.served = now > gap.began_s

    def worsened(self, nodes: Sequence[int], now: float) -> None:
        """The paths of these to their parents are about to become longer."""
        for node in nodes:
            self._escapes[node] = (now, self.mesh.parent(node))

    def _escaped(self, node: int, left: int, now: float) -> None:
        since, parent = self._escapes.get(node, (0.0, None))
        if parent == left:
            del self._escapes[node]
            self.observation.escapes.append(o.Escape(node, since, now))

    def broke(self, kind: str, label: str, nodes: Sequence[int], now: float) -> None:
        """A fault is about to strike: who hangs below it is noted first."""
        mesh = self.mesh
        number = len(self.observation.faults)
        self.observation.faults.append(o.Fault(now, kind, tuple(nodes), label))
        hit = set(nodes)
        for stream in mesh.clocks:
            for host in mesh.hosts:
                key = (host.index, stream)
                if host.up and stream in host.watching and host.index not in hit:
                    above = mesh.ancestors(host.index, stream)
                    if hit.intersection(above) and key not in self._gaps:
                        self._gaps[key] = Gap(number, now)
        for node in nodes:
            for stream in mesh.clocks:
                self.forget(node, stream)
        self.trace.add(now, EVERYBODY, f"{kind} {label} {list(nodes)}")
        if self._before is None and nodes:
            self._tell_story(nodes, now)
        mesh.engine.after(GAP_WINDOW_S, self._close_gaps, number)

    def stopped(self, node: int) -> None:
        """The process of `node` ended, and what its plane counted with it."""
        self._count(self.mesh.hosts[node].plane)
        self.checkers.stopped(node)

    def broken(self, broken: Broken) -> None:
        """A checker found a violation: keep it with what led to it."""
        seen = self.observation
        seen.violations.append(
            Violation(
                seen.scenario,
                seen.seed,
                broken.time_s,
                broken.checker,
                broken.message,
                seen.parameters,
                self.trace.lines(broken.nodes),
            )
        )
        seen.over_cap += broken.checker == "cap"
        seen.over_burst += broken.checker == "burst"
        self.mesh.engine.touch(broken)

    def _tell_story(self, nodes: Sequence[int], now: float) -> None:
        stream = next(iter(self.mesh.clocks), None)
        if stream is None:
            return
        self._before = self.tree_shot(stream, now)
        self._story_until = now + STORY_S
        for node in nodes:
            self._step(node, o.StepKind.DIES, None, now)

    def _close_gaps(self, fault: int) -> None:
        now = self.mesh.engine.now
        for key, gap in list(self._gaps.items()):
            if gap.fault > fault:
                continue
            del self._gaps[key]
            viewer = self._viewers.get(key)
            if not self.mesh.hosts[key[0]].up:
                continue  # died meanwhile: no survivor
            lost = viewer is None or now - viewer.last_at > GAP_WINDOW_S / 2
            gap_s = None if lost or not gap.served else gap.longest_s
            self.observation.repairs.append(o.Repair(gap.fault, key[0], gap_s))

    def forget(self, node: int, stream: StreamId) -> None:
        """The viewer at `node` is gone: its count of packets is closed."""
        viewer = self._viewers.pop((node, stream), None)
        if viewer is not None:
            self._due += viewer.newest - viewer.first + 1
            self._got += viewer.got

    def steady(self) -> None:
        """The steady window begins: packets are counted from here on."""
        mesh = self.mesh
        self._due = self._got = self._received = 0
        for viewer in self._viewers.values():
            viewer.first, viewer.got = viewer.newest + 1, 0
        for host in mesh.hosts:
            if host.up:
                # why taken off: each plane's counter is added when it ends
                self._received -= host.plane.counters.received
        self._media_octets = sum(mesh.network.octets[Kind.MEDIA])

    # --- samples --------------------------------------------------------------------

    def sample(self, now: float) -> None:
        """Served nodes and traffic, at one instant."""
        mesh = self.mesh
        subscribed = served = 0
        for stream, clock in mesh.clocks.items():
            patience = max(1.0, 4 * mesh.flow.interval_s(stream))
            for host in mesh.hosts:
                if clock.running and host.up and stream in host.watching:
                    subscribed += 1
                    viewer = self._viewers.get((host.index, stream))
                    served += viewer is not None and now - viewer.last_at < patience
        self.observation.served.append(o.ServedSample(now, subscribed, served))
        self.checkers.lasting(now)
        for host in mesh.hosts:
            if host.up:
                for limit, size, maximum in host.node.sizes():
                    self.checkers.bounded(host.index, limit, size, maximum, now)
        self.observation.traffic.append(
            o.TrafficSample(now, len(mesh.alive()), self._octets())
        )

    def _octets(self) -> dict[str, int]:
        """Octets by kind; control frames split by what is in them."""
        mesh = self.mesh
        octets = mesh.network.octets
        totals = {
            "media": sum(octets[Kind.MEDIA]),
            "probe": sum(octets[Kind.PROBE]),
            "setup": sum(octets[Kind.SETUP]),
            "gossip": sum(octets[Kind.GOSSIP]),
        }
        return totals | self._split(sum(octets[Kind.CONTROL]), mesh.control_shares())

    def _split(self, control: int, shares: dict[str, int]) -> dict[str, int]:
        """What frames carried, each with its part of what is around records: that of
        the time since the last sample, for a start has other records than an hour of
        rest, whatever went before.
        """
        more = {name: n - self._shares.get(name, 0) for name, n in shares.items()}
        whole = max(sum(more.values()), 1)
        for name, share in more.items():
            self._carried[name] += (control - self._control) * share // whole
        self._control, self._shares = control, shares
        return dict(self._carried)

    def overlay_shot(self, now: float, label: str = "") -> None:
        """The links that are up."""
        mesh = self.mesh
        pairs = [
            (host.index, far.host)
            for host in mesh.hosts
            for far in host.links.values()
            if host.index < far.host
        ]
        alive = np.array([host.up for host in mesh.hosts])
        shape = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        self.observation.overlays.append(o.OverlayShot(now, shape, alive, label))

    def tree_shot(self, stream: StreamId, now: float) -> o.TreeShot:
        """The tree of one stream as the planes have it."""
        mesh = self.mesh
        clock = mesh.clocks[stream]
        size = len(mesh.hosts)
        parent = np.full(size, o.NOBODY, dtype=np.int64)
        subscribed, served = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
        patience = max(1.0, 4 * mesh.flow.interval_s(stream))
        for host in mesh.hosts:
            above = mesh.parent_of(host.index, stream)
            parent[host.index] = o.NOBODY if above is None else above
            subscribed[host.index] = host.up and stream in host.watching
            viewer = self._viewers.get((host.index, stream))
            served[host.index] = viewer is not None and now - viewer.last_at < patience
        return o.TreeShot(now, clock.name, clock.origin, parent, subscribed, served)

    def unserved(self, since_s: float, now: float, *, calm: bool) -> None:
        """Subscribers that were connected for `since_s` and got no packet in that time
        are a violation; while not `calm` it is only noted who is connected.
        """
        mesh = self.mesh
        for stream, clock in mesh.clocks.items():
            origin = mesh.hosts[clock.origin]
            live = clock.running and mesh.running(clock.origin)
            near = mesh.connected(clock.origin) if live else frozenset()
            late = []
            for host in mesh.hosts:
                key = (host.index, stream)
                if host.index not in near or host.watching.get(stream) != origin.id:
                    self._connected.pop(key, None)
                    continue
                heard = self._connected.setdefault(key, now)
                viewer = self._viewers.get(key)
                if viewer is not None:
                    heard = max(heard, viewer.last_at)
                if now - heard > since_s:
                    late.append(host.index)
            if calm:
                self.checkers.unserved(stream, late, since_s, now)

    def _count(self, plane: SimPlane) -> None:
        self._received += plane.counters.received

    def finish(self, now: float) -> None:
        """Close the books."""
        mesh, seen = self.mesh, self.observation
        slots = [int(count) for count in seen.population.slots]
        for node, (since, _) in self._escapes.items():
            if could_leave(mesh, slots, node):
                seen.escapes.append(o.Escape(node, since, None))
        for stream in mesh.clocks:
            seen.trees.append(self.tree_shot(stream, now))
        for node, stream in list(self._viewers):
            self.forget(node, stream)
        for host in mesh.hosts:
            if host.up:
                self._count(host.plane)
        sent_octets = sum(mesh.network.octets[Kind.MEDIA]) - self._media_octets
        seen.packets = o.Packets(
            due=self._due,
            delivered=self._got,
            duplicates=0,
            received=self._received,
            delivered_octets=sent_octets * self._got // max(self._received, 1),
        )
        if self._before is not None:
            steps = sorted(self._steps, key=lambda step: step.time_s)
            seen.story = o.Story(self._before, tuple(steps))
