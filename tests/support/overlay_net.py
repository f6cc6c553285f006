"""Many overlays in virtual time: links that take round trips, probes that answer.

A tiny stand-in for the simulator: a heap of events, a latency function, link set-up of
three round trips (through an introducer) or eight (without).  Records go through their
wire form if `coded`.  `overlay_figures` prints the figures of the acceptance table for
more nodes and measured latencies.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from meshproto.config.overlay import OverlayConfig
from meshproto.events import Event
from meshproto.ids import NodeId
from meshproto.outputs import Dial, HangUp, Outbox, Probe, Purpose, Send
from meshproto.overlay.overlay import Overlay
from meshproto.wire.control.peer import MediaAddress, Reach
from meshproto.wire.control.schema import decode, encode

ALONE_RTTS = 8
PROBE_PATIENCE_S = 1.0
DIAL_PATIENCE_S = 3.0

Rtt = Callable[[int, int], float]


def sign(node: NodeId, data: bytes) -> bytes:
    """A stand-in for a signature: who and a checksum."""
    return node[:8] + sum(data).to_bytes(4, "big")


def verify(node: NodeId, data: bytes, signature: bytes) -> bool:
    return signature == sign(node, data)


def address(index: int, host: int = 1) -> MediaAddress:
    """A public address in a /24 of its own."""
    ip = bytes([20 + (index >> 16), index >> 8 & 255, index & 255, host])
    return MediaAddress(ip, 5000)


@dataclass
class Peer:
    """One node of the net and what it did."""

    index: int
    node: NodeId
    overlay: Overlay
    outbox: Outbox
    copies: int
    alive: bool = True
    links: dict[int, float] = field(default_factory=dict)
    trees: set[int] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    probes: int = 0
    dials: int = 0
    sends: int = 0
    wakes: int = 0
    linked_at: float | None = None
    wake_at: float = math.inf


class _Around:
    """The `Surroundings` of one peer."""

    def __init__(self, net: Net, index: int) -> None:
        self._net = net
        self._index = index

    def rtt_s(self, node: NodeId) -> float:
        return self._net.rtt_s(self._index, self._net.index[node])

    def carries_tree(self, node: NodeId) -> bool:
        return self._net.index[node] in self._net.peers[self._index].trees


class Net:
    """Overlays joined by a latency function; `partition` maps a node to its side."""

    def __init__(
        self,
        rtt_s: Rtt,
        seed: int = 1,
        config: OverlayConfig | None = None,
        coded: bool = False,
    ) -> None:
        self.rtt_s = rtt_s
        self.random = random.Random(seed)
        self.config = config or OverlayConfig()
        self.coded = coded
        self.now = 0.0
        self.peers: list[Peer] = []
        self.index: dict[NodeId, int] = {}
        self.at: dict[bytes, int] = {}
        self.side: dict[int, int] = {}
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def add(
        self,
        copies: int,
        media: MediaAddress | None = None,
        operator: str = "",
        name: bytes = b"node",
    ) -> Peer:
        """A described node that is not started yet."""
        index = len(self.peers)
        node = NodeId(name + index.to_bytes(8, "big"))
        outbox = Outbox()
        overlay = Overlay(
            *(node, 1, self.config, outbox, random.Random(self.random.random())),
            lambda data: sign(node, data),
            verify,
            _Around(self, index),
        )
        media = media or address(index)
        overlay.describe(
            *((media,), (b"",), Reach.DIRECT, copies, copies, operator, "", self.now)
        )
        peer = Peer(index, node, overlay, outbox, copies)
        self.peers.append(peer)
        self.index[node] = index
        self.at[media.ip] = index
        return peer

    def start(self, peer: Peer, bootstrap: list[Peer]) -> None:
        """Start a node that knows these."""
        records = [other.overlay.own_record() for other in bootstrap]
        peer.overlay.start(records, self.now)
        self.drain(peer)

    def later(self, delay_s: float, call: Callable[..., None], *args: Any) -> None:
        """Call in virtual time."""
        self._count += 1
        heapq.heappush(self._heap, (self.now + delay_s, self._count, call, args))

    def run(self, until_s: float) -> None:
        """Run to a point in virtual time."""
        while self._heap and self._heap[0][0] <= until_s:
            self.now, _, call, args = heapq.heappop(self._heap)
            call(*args)
        self.now = until_s

    def reaches(self, a: int, b: int) -> bool:
        """Whether packets go from one node to another."""
        both = self.peers[a].alive and self.peers[b].alive
        return both and self.side.get(a, 0) == self.side.get(b, 0)

    def cut(self, side: dict[int, int]) -> None:
        """Part the net; links across are lost after the liveness time of idle links."""
        self.side = side
        for peer in self.peers:
            for other in list(peer.links):
                if not self.reaches(peer.index, other):
                    self.later(6.0, self._unlink, peer.index, other, False)

    def crash(self, peer: Peer) -> None:
        """A node dies silently."""
        peer.alive = False
        for other in list(peer.links):
            self.later(6.0, self._unlink, other, peer.index, False)
        peer.links.clear()

    def drain(self, peer: Peer) -> None:
        """Carry out what a node wants after an input."""
        if not peer.alive:
            return
        peer.overlay.take_changes()
        while (output := peer.outbox.poll()) is not None:
            self._carry_out(peer, output)
        self._arm(peer)

    def _arm(self, peer: Peer) -> None:
        at = peer.overlay.next_timeout()
        if at is not None and at < peer.wake_at:
            peer.wake_at = at
            self.later(max(at - self.now, 0.0), self._wake, peer, at)

    def _wake(self, peer: Peer, at: float) -> None:
        if peer.wake_at != at or not peer.alive:
            return
        peer.wake_at = math.inf
        due = peer.overlay.next_timeout()
        if due is not None and due <= self.now:
            peer.wakes += 1
            peer.overlay.handle_timeout(self.now)
            self.drain(peer)
        else:
            self._arm(peer)

    def _carry_out(self, peer: Peer, output: Any) -> None:
        me = peer.index
        match output:
            case Send():
                peer.sends += 1
                to = self.index[output.neighbour]
                self.later(self.rtt_s(me, to) / 2, self._deliver, me, to, output.record)
            case Probe():
                peer.probes += 1
                to = self.at[output.address.ip]
                self._probe(me, to, output.token)
            case Dial():
                peer.dials += 1
                self._dial(me, output)
            case HangUp():
                to = self.index[output.neighbour]
                peer.links.pop(to, None)
                self.later(self.rtt_s(me, to) / 2, self._unlink, to, me, True)
            case Event():
                peer.events.append(output)

    def _deliver(self, a: int, b: int, record: Any) -> None:
        peer = self.peers[b]
        if a not in peer.links or not self.reaches(a, b):
            return
        if self.coded:
            record = decode(encode(record))
        peer.overlay.receive(self.peers[a].node, record, self.now)
        self.drain(peer)

    def _probe(self, a: int, b: int, token: int) -> None:
        if self.reaches(a, b):
            rtt_s = self.rtt_s(a, b)
            self.later(rtt_s, self._probed, a, token, rtt_s)
        else:
            self.later(PROBE_PATIENCE_S, self._probed, a, token, None)

    def _probed(self, a: int, token: int, rtt_s: float | None) -> None:
        peer = self.peers[a]
        if peer.alive:
            peer.overlay.probed(token, rtt_s, self.now)
            self.drain(peer)

    def _dial(self, a: int, dial: Dial) -> None:
        b = self.index[dial.peer.node]
        direct_s = self.rtt_s(a, b)
        if dial.through is None:
            asked_s, ready_s = 5 * direct_s, ALONE_RTTS * direct_s
        else:
            via = self.index[dial.through]
            relayed_s = self.rtt_s(a, via) + self.rtt_s(via, b)
            asked_s, ready_s = relayed_s / 2, relayed_s + 2 * direct_s
        if self.reaches(a, b):
            self.later(asked_s, self._asked, a, b, dial, ready_s - asked_s)
        else:
            self.later(DIAL_PATIENCE_S, self._failed, a, b, "timeout")

    def _asked(self, a: int, b: int, dial: Dial, rest_s: float) -> None:
        record = self.peers[a].overlay.own_record()
        why = self.peers[b].overlay.accepts(record, dial.purpose, self.now)
        if why is not None:
            self.later(self.rtt_s(a, b) / 2, self._failed, a, b, why)
        else:
            self.later(rest_s, self._up, a, b, dial)

    def _failed(self, a: int, b: int, why: str) -> None:
        peer = self.peers[a]
        if peer.alive:
            peer.overlay.dial_failed(self.peers[b].node, why, self.now)
            self.drain(peer)

    def _up(self, a: int, b: int, dial: Dial) -> None:
        if not self.reaches(a, b):
            self._failed(a, b, "timeout")
            return
        for me, to in ((b, a), (a, b)):
            peer = self.peers[me]
            peer.links.setdefault(to, self.now)
            if peer.linked_at is None:
                peer.linked_at = self.now
            node = self.peers[to].node
            peer.overlay.link_ready(node, me == a, dial.purpose, self.now)
        self.drain(self.peers[b])
        self.drain(self.peers[a])

    def _unlink(self, a: int, b: int, goodbye: bool) -> None:
        peer = self.peers[a]
        lost = peer.links.pop(b, None) is not None
        if lost and peer.alive:
            node = self.peers[b].node
            peer.overlay.link_lost(node, self.now, goodbye=goodbye)
            self.drain(peer)

    def link(self, a: Peer, b: Peer, purpose: Purpose = Purpose.OVERLAY) -> None:
        """Make a link at once, dialled by `a`."""
        self._up(a.index, b.index, Dial(b.overlay.own_record(), purpose))

    def excess_s(self, peer: Peer, old: list[Peer]) -> float:
        """How much farther the six nearest members a node measured are than the ideal.

        Predictions do not count: only what it probed or is linked to, at its true RTT.
        """
        entries = peer.overlay._state.book.remembered()
        known = [e.peer.node for e in entries if e.rtt_s is not None]
        found = sorted(self.rtt_s(peer.index, self.index[node]) for node in known)
        ideal = sorted(self.rtt_s(peer.index, p.index) for p in old if p.copies >= 4)
        if len(found) < 6:
            return math.inf
        return (sum(found[:6]) - sum(ideal[:6])) / 6

    def graph(self) -> dict[int, list[int]]:
        """The lasting overlay links of every living node."""
        return {
            peer.index: [self.index[n] for n in peer.overlay.neighbours()]
            for peer in self.peers
            if peer.alive
        }


def plane(count: int, seed: int) -> tuple[Rtt, list[float]]:
    """Nodes in a few regions on a plane, with access delays: (rtt_s, accesses)."""
    source = random.Random(f"{seed}/plane")
    hubs = [(source.uniform(0, 0.2), source.uniform(0, 0.12)) for _ in range(8)]
    spots = []
    for _ in range(count):
        x, y = source.choice(hubs)
        spots.append((source.gauss(x, 0.006), source.gauss(y, 0.006)))
    access = [source.choice((0.0005, 0.0025, 0.005)) for _ in range(count)]

    def rtt_s(a: int, b: int) -> float:
        return math.dist(spots[a], spots[b]) + access[a] + access[b] + 0.0005

    return rtt_s, access


def classes(count: int, seed: int) -> list[int]:
    """Copies per node: 60 % thin, 30 % middle, 10 % strong."""
    source = random.Random(f"{seed}/classes")
    drawn = []
    for _ in range(count):
        part = source.random()
        thin, middle = source.choice((0, 1, 2)), source.choice((4, 6, 8))
        drawn.append(thin if part < 0.6 else middle if part < 0.9 else 16)
    return drawn


def components(graph: dict[int, list[int]]) -> int:
    """How many parts a graph falls into."""
    left = dict.fromkeys(graph)
    parts = 0
    while left:
        parts += 1
        stack = [next(iter(left))]
        while stack:
            node = stack.pop()
            if node in left:
                del left[node]
                stack.extend(graph[node])
    return parts


def stretches(net: Net, sources: int, relaying: int = 3) -> Iterator[float]:
    """Path over direct round trip, from some nodes to all; thin nodes end paths."""
    graph = net.graph()
    names = list(graph)
    for source in random.Random(7).sample(names, min(sources, len(names))):
        reached = _paths(net, graph, source, relaying)
        for node in names:
            if node != source:
                direct_s = net.rtt_s(source, node)
                yield reached.get(node, math.inf) / direct_s


def _paths(
    net: Net, graph: dict[int, list[int]], source: int, relaying: int
) -> dict[int, float]:
    done: dict[int, float] = {}
    heap = [(0.0, source)]
    while heap:
        length, node = heapq.heappop(heap)
        if node in done:
            continue
        done[node] = length
        if node == source or net.peers[node].copies >= relaying:
            for other in graph[node]:
                if other in graph and other not in done:
                    heapq.heappush(heap, (length + net.rtt_s(node, other), other))
    return done


def share(values: list[float], part: float) -> float:
    """A quantile."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]
