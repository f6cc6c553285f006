"""Many `Distribution` machines in a tiny network with virtual time.

Links have a delay and are FIFO; a dial takes three round trips; routes are shortest
paths, told at once; offers travel one hop.  The plane is a model of RFC 0011 section 8:
packets with numbers, two ingress legs, duplicate suppression, a history, the sequence
heartbeat and the keep-alive in closed form, the switch to the standby by itself.

`Net.check` runs after every event and holds what must hold at any instant.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from meshproto.config.distribution import DistributionConfig
from meshproto.distribution import Distribution, OffersToTell, TreeUse
from meshproto.distribution.events import LoopCut
from meshproto.events import Event
from meshproto.ids import NodeId, ShortId, StreamId, short_id
from meshproto.outputs import Outbox, Probe, Send
from meshproto.wire.control import schema
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.peer import MediaAddress, PeerRecord, Reach
from support.tree_plane import STREAM, Carried, PlaneModel

RATE_BPS = 2_500_000
DOWN_S = 0.75
EPOCH = 1_700_000_000_000


def node_id(number: int) -> NodeId:
    return NodeId(b"node" + number.to_bytes(8, "big"))


class Host:
    """One node: the machine, its plane, its surroundings."""

    def __init__(
        self,
        net: Net,
        number: int,
        where: tuple[float, float],
        slots: float,
        config: DistributionConfig,
    ) -> None:
        self.net = net
        self.id = node_id(number)
        self.where = where
        self.alive = True
        self.up_bps = slots * RATE_BPS / config.uplink_share + 1.0
        self.relays = slots >= 3
        self.links: dict[NodeId, None] = {}
        self.dialling: dict[NodeId, None] = {}
        self.heard: dict[NodeId, dict[NodeId, tuple[Offer, ...]]] = {}
        self.told: dict[NodeId, tuple[Offer, ...]] = {}
        self.streams: dict[StreamId, Carried] = {}
        self.events: list[tuple[float, Event]] = []
        self.used: dict[NodeId, bool] = {}
        self.outbox = Outbox()
        self.wakes = 0
        self.armed: float | None = None
        self.publisher_quiet = False
        self.held_back: dict[NodeId, int] = {}
        self.record = PeerRecord(
            self.id,
            EPOCH,
            1,
            (MediaAddress(b"\x0a" + number.to_bytes(3, "big"), 5000),),
            (),
            Reach.DIRECT,
            int(slots),
            int(slots),
            "",
            "",
            (where[0], where[1], 0.0, 0.0),
        )
        self.brain = Distribution(
            self.id,
            EPOCH + number,
            config,
            self.outbox,
            random.Random(f"{net.seed}/{number}"),
            self,
        )

    # --- Surroundings

    def linked(self, node: NodeId) -> bool:
        return node in self.links

    def neighbours(self) -> Iterable[NodeId]:
        return self.links

    def rtt_s(self, node: NodeId) -> float | None:
        return self.net.rtt(self.id, node)

    def next_hop(self, origin: NodeId) -> NodeId | None:
        return self.net.next_hop(self, origin)

    def offers(
        self, origin: NodeId, stream: StreamId
    ) -> Sequence[tuple[NodeId, Offer]]:
        return [
            (node, offer)
            for node, offers in self.heard.get(origin, {}).items()
            if node in self.links
            for offer in offers
            if offer.stream == stream
        ]

    def ways(self, origin: NodeId) -> Sequence[NodeId]:
        hops = [(node, self.net.hosts[node]) for node in self.links]
        return [
            node
            for node, host in hops
            if host.relays and self.net.next_hop(host, origin) not in {None, self.id}
        ]

    def peer(self, node: NodeId) -> PeerRecord | None:
        host = self.net.hosts.get(node)
        return None if host is None else host.record

    def find(self, short: ShortId) -> PeerRecord | None:
        node = self.net.shorts.get(short)
        return None if node is None else self.net.hosts[node].record

    def sample(self, count: int) -> Sequence[PeerRecord]:
        records = [host.record for host in self.net.hosts.values()]
        return self.net.random.sample(records, min(count, len(records)))

    def dial(self, node: NodeId | PeerRecord, through: NodeId | None) -> bool:
        del through
        target = node.node if isinstance(node, PeerRecord) else node
        if target not in self.dialling:
            self.dialling[target] = None
            self.net.later(3 * self.net.rtt(self.id, target), self._dialled, target)
        return True

    def _dialled(self, target: NodeId) -> None:
        self.dialling.pop(target, None)
        other = self.net.hosts.get(target)
        if not self.alive:
            return
        if other is None or not other.alive or self.net.cut(self.id, target):
            self.net.input(self, self.brain.dial_failed, target)
        elif target not in self.links:
            self.net.link(self.id, target)
        else:
            self.net.input(self, self.brain.neighbour_up, target)

    def uplink_bps(self) -> float:
        return self.up_bps

    def waiting(self, node: NodeId) -> int:
        return self.held_back.get(node, 0)

    def history(self, stream: StreamId) -> tuple[int, int] | None:
        carried = self.streams.get(stream)
        if carried is None or carried.newest < 0:
            return None
        return max(0, carried.newest - 20), carried.newest


class Net(PlaneModel):
    """Hosts, links, time, and the rules that must hold."""

    def __init__(
        self,
        seed: int = 1,
        config: DistributionConfig | None = None,
        loss: float = 0.0,
        grace_s: float = 1.5,
    ) -> None:
        self.seed = seed
        self.random = random.Random(f"net/{seed}")
        self.config = DistributionConfig() if config is None else config
        self.loss = loss
        self.grace_s = grace_s
        self.now = 0.0
        self.order = 0
        self.heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self.hosts: dict[NodeId, Host] = {}
        self.shorts: dict[ShortId, NodeId] = {}
        self.arrival: dict[tuple[NodeId, NodeId], float] = {}
        self.severed: dict[frozenset[NodeId], None] = {}
        self.extra: dict[frozenset[NodeId], float] = {}
        self.routes: dict[NodeId, dict[NodeId, NodeId]] = {}
        self.records: Counter[str] = Counter()
        self.octets = 0
        self.packets = 0
        self.cycle_since: dict[StreamId, float] = {}
        self.cycles = 0
        self.violations: list[str] = []
        self.path_delay_s = 0.0
        self.drop: Callable[[NodeId, NodeId, int], bool] | None = None

    # --- building

    def add(self, slots: float = 8, where: tuple[float, float] | None = None) -> Host:
        if where is None:
            where = (self.random.uniform(0, 0.1), self.random.uniform(0, 0.1))
        host = Host(self, len(self.hosts) + 1, where, slots, self.config)
        self.hosts[host.id] = host
        self.shorts[short_id(host.id)] = host.id
        return host

    def link(self, a: NodeId, b: NodeId) -> None:
        one, other = self.hosts[a], self.hosts[b]
        if b in one.links or not (one.alive and other.alive):
            return
        one.links[b] = other.links[a] = None
        self.routes.clear()
        for host, peer in ((one, other), (other, one)):
            for origin, offers in host.told.items():
                self._offer_heard(peer, host.id, origin, offers)
        self.input(one, one.brain.neighbour_up, b)
        self.input(other, other.brain.neighbour_up, a)
        self._routes_changed()

    def mesh(self, degree: int) -> None:
        """Link everybody to its nearest capable nodes and to two random ones."""
        for host in list(self.hosts.values()):
            others = [h for h in self.hosts.values() if h is not host and h.relays]
            others.sort(key=lambda other: self.rtt(host.id, other.id))
            chosen = others[: degree - 2] + self.random.sample(
                others, min(2, len(others))
            )
            for other in chosen:
                self.link(host.id, other.id)

    def unlink(self, a: NodeId, b: NodeId) -> None:
        """The link is gone at once at both ends (a goodbye)."""
        one, other = self.hosts[a], self.hosts[b]
        one.links.pop(b, None)
        other.links.pop(a, None)
        self.routes.clear()
        for host, node in ((one, b), (other, a)):
            for offers in host.heard.values():
                offers.pop(node, None)
            if host.alive:
                self.input(host, host.brain.neighbour_down, node)
        self._routes_changed()

    def sever(self, a: NodeId, b: NodeId) -> None:
        """Nothing passes any more; both notice after a while."""
        self.severed[frozenset((a, b))] = None
        self.later(DOWN_S, self._notice_cut, a, b)

    def _notice_cut(self, a: NodeId, b: NodeId) -> None:
        if frozenset((a, b)) in self.severed and b in self.hosts[a].links:
            self.unlink(a, b)

    def heal(self, a: NodeId, b: NodeId) -> None:
        self.severed.pop(frozenset((a, b)), None)
        self.link(a, b)

    def kill(self, node: NodeId) -> None:
        """Silent death; neighbours notice after a while."""
        host = self.hosts[node]
        host.alive = False
        self.routes.clear()
        self.later(DOWN_S, self._notice_death, node)

    def _notice_death(self, node: NodeId) -> None:
        for other in list(self.hosts[node].links):
            self.unlink(node, other)

    def cut(self, a: NodeId, b: NodeId) -> bool:
        return frozenset((a, b)) in self.severed

    # --- time

    def later(self, delay_s: float, verb: Callable[..., None], *args: Any) -> None:
        self.order += 1
        heapq.heappush(self.heap, (self.now + delay_s, self.order, verb, args))

    def run(self, until: float, *, checks: bool = True) -> None:
        while self.heap and self.heap[0][0] <= until:
            self.now, _, verb, args = heapq.heappop(self.heap)
            verb(*args)
            if checks:
                self.check()
        self.now = until

    def run_for(self, seconds: float, *, checks: bool = True) -> None:
        self.run(self.now + seconds, checks=checks)

    def input(self, host: Host, verb: Callable[..., None], *args: Any) -> None:
        verb(*args, self.now)
        self.drain(host)

    def drain(self, host: Host) -> None:
        while (output := host.outbox.poll()) is not None:
            if isinstance(output, Send):
                self._send(host, output)
            elif isinstance(output, Probe):
                self._probe(host, output)
            elif isinstance(output, Event):
                host.events.append((self.now, output))
            else:
                self._delta(host, output)
        for change in host.brain.take_changes():
            if isinstance(change, OffersToTell):
                self._offers_told(host, change)
            elif isinstance(change, TreeUse):
                host.used[change.neighbour] = change.in_use
        self._arm(host)

    def _arm(self, host: Host) -> None:
        at = host.brain.next_timeout()
        if at is not None and (host.armed is None or at < host.armed):
            host.armed = at
            self.later(max(0.0, at - self.now), self._wake, host, at)

    def _wake(self, host: Host, at: float) -> None:
        if host.armed != at or not host.alive:
            return
        host.armed = None
        host.wakes += 1
        self.input(host, host.brain.handle_timeout)

    # --- network

    def rtt(self, a: NodeId, b: NodeId) -> float:
        one, other = self.hosts[a], self.hosts.get(b)
        if other is None:
            return 0.2
        extra = self.extra.get(frozenset((a, b)), 0.0) if self.extra else 0.0
        return 0.002 + math.dist(one.where, other.where) + extra

    def _send(self, host: Host, send: Send) -> None:
        assert send.neighbour in host.links, f"send without link: {send.record}"
        coded = schema.encode(send.record)
        copy = schema.decode(coded)
        assert copy is not None
        name = type(send.record).__name__
        self.records[name] += 1
        delay_s = self.rtt(host.id, send.neighbour) / 2
        while self.loss and self.random.random() < self.loss:
            delay_s += 2 * self.rtt(host.id, send.neighbour)
        if name == "Path":
            delay_s += self.path_delay_s
        key = (host.id, send.neighbour)
        at = max(self.now + delay_s, self.arrival.get(key, 0.0))
        self.arrival[key] = at
        self.later(at - self.now, self._arrive, host.id, send.neighbour, copy)

    def _arrive(self, source: NodeId, target: NodeId, record: schema.Record) -> None:
        host = self.hosts[target]
        if host.alive and source in host.links and not self.cut(source, target):
            self.input(host, host.brain.receive, source, record)

    def _probe(self, host: Host, probe: Probe) -> None:
        for other in self.hosts.values():
            if other.record.media[0] == probe.address:
                rtt_s = self.rtt(host.id, other.id) if other.alive else None
                self.later(rtt_s or 0.5, self._probed, host, probe.token, rtt_s)

    def _probed(self, host: Host, token: int, rtt_s: float | None) -> None:
        if host.alive:
            self.input(host, host.brain.probed, token, rtt_s)

    def next_hop(self, host: Host, origin: NodeId) -> NodeId | None:
        table = self.routes.get(origin)
        if table is None:
            table = self.routes[origin] = self._shortest(origin)
        return table.get(host.id)

    def _shortest(self, origin: NodeId) -> dict[NodeId, NodeId]:
        hops: dict[NodeId, NodeId] = {}
        if origin not in self.hosts or not self.hosts[origin].alive:
            return hops
        best = {origin: 0.0}
        heap = [(0.0, origin)]
        while heap:
            metric, node = heapq.heappop(heap)
            if metric > best[node] or not (node == origin or self.hosts[node].relays):
                continue
            for other in self.hosts[node].links:
                if not self.hosts[other].alive or self.cut(node, other):
                    continue
                longer = metric + self.rtt(node, other) / 2 + 0.001
                if longer < best.get(other, math.inf):
                    best[other], hops[other] = longer, node
                    heapq.heappush(heap, (longer, other))
        hops.pop(origin, None)
        return hops

    def _routes_changed(self) -> None:
        for host in self.hosts.values():
            if host.alive:
                for origin in list(host.heard):
                    self.later(0.1, self._tell_route, host, origin)

    def _tell_route(self, host: Host, origin: NodeId) -> None:
        if host.alive:
            self.input(host, host.brain.route_changed, origin)

    def _offers_told(self, host: Host, change: OffersToTell) -> None:
        host.told[change.origin] = change.offers if host.relays else ()
        for node in host.links:
            delay_s = self.rtt(host.id, node) / 2 + 0.02
            args = (self.hosts[node], host.id, change.origin, host.told[change.origin])
            self.later(delay_s, self._offer_heard, *args)

    def _offer_heard(
        self, host: Host, source: NodeId, origin: NodeId, offers: tuple[Offer, ...]
    ) -> None:
        if host.alive and source in host.links:
            host.heard.setdefault(origin, {})[source] = offers
            self.input(host, host.brain.offers_changed, origin)

    # --- rules

    def check(self) -> None:
        """What holds at any instant."""
        for host in self.hosts.values():
            if not host.alive:
                continue
            for stream, carried in host.streams.items():
                if carried.active != host.brain.parent(stream):
                    self.violations.append(f"{self.now}: plane and brain differ")
                if carried.twice:
                    self.violations.append(f"{self.now}: packet twice")
        cycle = self.find_cycle()
        if cycle is None:
            self.cycle_since.pop(STREAM, None)
            return
        if STREAM not in self.cycle_since:
            self.cycles += 1
        since = self.cycle_since.setdefault(STREAM, self.now)
        if self.now - since > self.grace_s:
            self.violations.append(f"{self.now}: cycle since {since}: {cycle}")

    def find_cycle(self, stream: StreamId = STREAM) -> list[NodeId] | None:
        """Nodes that are each other's active parents, agreed at both ends."""
        above: dict[NodeId, NodeId] = {}
        for host in self.hosts.values():
            carried = host.streams.get(stream)
            if not host.alive or carried is None or carried.active is None:
                continue
            other = self.hosts[carried.active].streams.get(stream)
            if other is not None and host.id in other.legs:
                above[host.id] = carried.active
        done: set[NodeId] = set()
        for start in above:
            line: dict[NodeId, None] = {}
            node: NodeId | None = start
            while node is not None and node not in done:
                if node in line:
                    nodes = list(line)
                    return nodes[nodes.index(node) :]
                line[node] = None
                node = above.get(node)
            done.update(line)
        return None

    def served(self, within_s: float = 0.5, stream: StreamId = STREAM) -> list[Host]:
        """Subscribed hosts that got a packet a moment ago."""
        return [
            host
            for host in self.hosts.values()
            if host.alive
            and (carried := host.streams.get(stream)) is not None
            and carried.got
            and self.now - carried.got[-1][0] <= within_s
        ]

    def happened(self, kind: type[Event]) -> list[tuple[float, Host, Event]]:
        found = [
            (at, host, event)
            for host in self.hosts.values()
            for at, event in host.events
            if isinstance(event, kind)
        ]
        return sorted(found, key=lambda entry: entry[0])

    @property
    def loops_cut(self) -> int:
        return len(self.happened(LoopCut))
