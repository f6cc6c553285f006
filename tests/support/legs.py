"""Several forwarders joined by links, in virtual time: what legs do between nodes.

`LegNet` is a fake network: each `Hop` drives one `Forwarder` as a plane would, and what
it sends to a neighbour arrives a link's delay later, unless `lose` says otherwise.
Every packet that leaves is checked: no packet index carries two different packets, and
the index in the clear header is the true one.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import Any

from meshproto.forwarding import relay_table as t
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.forwarder import Forwarder
from meshproto.forwarding.outputs import OutPacket, Repeat
from meshproto.forwarding.relay import wire
from meshproto.forwarding.table import (
    AddConsumer,
    AddProducer,
    Selection,
    TransportKind,
)
from meshproto.ids import ConsumerId, NodeId, ProducerId, StreamId, TransportId
from meshproto.wire.parameters import Codec, MediaKind
from support.forwarding import (
    OPUS,
    PUBLISHER_EXTENSIONS,
    VIEWER_EXTENSIONS,
    VIEWER_VP8,
    VP8,
    Camera,
    Received,
    read,
)

STREAM = StreamId(b"s" * 16)
PUBLISHER, MESH, VIEWER = TransportId(1), TransportId(2), TransportId(3)
PICTURE, SOUND = ProducerId(1), ProducerId(2)
AB, BC, CD, XC = 0x1000, 0x2000, 0x3000, 0x4000
"""Aliases by parent and child."""

VIEWER_OPUS = Codec(109, "opus", 48000, 2)

Lose = Callable[[str, str, bytes], bool]


def node(name: str) -> NodeId:
    """The id of a node by name."""
    return NodeId(name.encode().rjust(38, b"-"))


@dataclass
class Hop:
    """One node: its forwarder, and everything that came out of it."""

    net: LegNet
    name: str
    forwarder: Forwarder
    links: dict[TransportId, str] = field(default_factory=dict)
    ways: dict[str, TransportId] = field(default_factory=dict)
    events: list[tuple[float, Any]] = field(default_factory=list)
    viewed: list[Received] = field(default_factory=list)
    asked: list[tuple[float, TransportId, bytes]] = field(default_factory=list)
    written: dict[tuple[TransportId, int, int], bytes] = field(default_factory=dict)
    twice: set[tuple[TransportId, int, int]] = field(default_factory=set)
    sent: dict[str, int] = field(default_factory=dict)
    alive: bool = True
    armed: float | None = None

    @property
    def id(self) -> NodeId:
        return node(self.name)

    def do(self, *deltas: t.PlaneDelta) -> Hop:
        """Program the forwarder."""
        for delta in deltas:
            self.forwarder.program(delta, self.net.now)
        self.drain()
        return self

    def notices(self, *kinds: type) -> list[Any]:
        """What the brain would have been told."""
        return [event for _, event in self.events if isinstance(event, kinds)]

    def counters(self) -> dict[str, int]:
        """Counters of the stream."""
        stats: Any = self.forwarder.stats(self.net.now)
        counters: dict[str, int] = stats["streams"][STREAM.hex()]["counters"]
        return counters

    def receive(self, transport: TransportId, data: bytes, rtcp: bool) -> None:
        """A datagram arrives."""
        if not self.alive:
            return
        take = self.forwarder.receive_rtcp if rtcp else self.forwarder.receive_rtp
        take(transport, data, self.net.now)
        self.drain()

    def drain(self) -> None:
        """Flush, poll, and set the timer."""
        forwarder, now = self.forwarder, self.net.now
        for burst in forwarder.flush(now):
            for packet in burst.packets:
                self._rtp(burst.transport, packet, again=False)
        while (order := forwarder.poll_resend()) is not None:
            if isinstance(order, Repeat):
                self._rtp(order.transport, order.packet, again=True)
        while (out := forwarder.poll_rtcp()) is not None:
            self.asked.append((now, *out))
            self._send(*out, rtcp=True)
        while (event := forwarder.poll_event()) is not None:
            self.events.append((now, event))
        due = forwarder.next_timeout()
        if due is not None and (self.armed is None or due < self.armed):
            self.armed = max(due, now)
            self.net.at(self.armed, self._timeout, self.armed)

    def _timeout(self, when: float) -> None:
        if self.armed != when:
            return
        self.armed = None
        if self.alive:
            self.forwarder.handle_timeout(self.net.now)
            self.drain()

    def _rtp(self, transport: TransportId, packet: OutPacket, again: bool) -> None:
        header, payload, ssrc, index = packet
        data = header + payload
        if transport not in self.links:
            self.viewed.append(read(packet, self.net.now))
            return
        key = (transport, ssrc, index)
        assert wire.srtp_index(data) == index
        before = self.written.setdefault(key, data)
        assert before == data, "two packets under one index"
        if not again:
            assert key not in self.twice, "protected twice"
            self.twice.add(key)
        self._send(transport, data, rtcp=False)

    def _send(self, transport: TransportId, data: bytes, rtcp: bool) -> None:
        name = self.links.get(transport)
        if name is None or not self.alive:
            return
        if not rtcp:
            self.sent[name] = self.sent.get(name, 0) + 1
        self.net.carry(self, self.net.hops[name], data, rtcp)


class LegNet:
    """Nodes by name, links with a delay each, and one clock."""

    def __init__(
        self,
        *names: str,
        config: ForwardingConfig | None = None,
        make: Callable[..., Any] | None = None,
    ) -> None:
        make = make or Forwarder
        self.now = 100.0
        self.lose: Lose = lambda source, target, data: False
        self.twice: Lose = lambda source, target, data: False
        self.late: Callable[[str, str, bytes], float] = lambda a, b, data: 0.0
        self.delays: dict[tuple[str, str], float] = {}
        self._queue: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = count()
        self._ids = count(10)
        config = config or ForwardingConfig()
        self.hops = {
            name: Hop(self, name, make(config, random.Random(number)))
            for number, name in enumerate(names)
        }

    def __getitem__(self, name: str) -> Hop:
        return self.hops[name]

    def at(self, when: float, do: Callable[..., None], *args: Any) -> None:
        """Call `do` at that time."""
        heapq.heappush(self._queue, (when, next(self._count), do, args))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self._queue and self._queue[0][0] <= end:
            when, _, do, args = heapq.heappop(self._queue)
            self.now = max(self.now, when)
            do(*args)
        self.now = end

    def link(self, a: str, b: str, delay_s: float = 0.01) -> None:
        """Join two nodes; each measures the round trip."""
        for one, other in ((a, b), (b, a)):
            transport = TransportId(next(self._ids))
            hop = self.hops[one]
            hop.forwarder.add_transport(
                transport, TransportKind.RELAY, node=node(other)
            )
            hop.forwarder.set_sending(transport, True, self.now)
            hop.forwarder.measured(transport, 2 * delay_s)
            hop.links[transport] = other
            hop.ways[other] = transport
            self.delays[one, other] = delay_s

    def carry(self, source: Hop, target: Hop, data: bytes, rtcp: bool) -> None:
        """One datagram over one link."""
        a, b = source.name, target.name
        if self.lose(a, b, data):
            return
        delay_s = self.delays[a, b]
        transport = target.ways[a]
        copies = 2 if self.twice(a, b, data) else 1
        for _ in range(copies):
            when = self.now + delay_s + self.late(a, b, data)
            self.at(when, target.receive, transport, data, rtcp)

    # -- what most tests begin with

    def origin(self, name: str, sound: bool = True, rids: tuple[str, ...] = ()) -> Hop:
        """The node of the publisher: slot 0 sound, then a slot per layer."""
        hop = self.hops[name]
        hop.forwarder.add_transport(PUBLISHER, TransportKind.CLIENT)
        hop.do(
            producer(PICTURE, PUBLISHER, VP8, rids),
            producer(SOUND, PUBLISHER, OPUS),
            t.OpenStream(STREAM, origin=True),
            t.BindStream(STREAM, slots(sound, rids)),
        )
        return hop

    def relay(self, name: str, sound: bool = True, rids: tuple[str, ...] = ()) -> Hop:
        """A node that may carry the stream, with producers for viewers of its own."""
        hop = self.hops[name]
        hop.forwarder.add_transport(MESH, TransportKind.MESH)
        hop.do(
            producer(PICTURE, MESH, VP8, rids, mesh=True),
            producer(SOUND, MESH, OPUS, mesh=True),
            t.OpenStream(STREAM),
            t.BindStream(STREAM, slots(sound, rids)),
        )
        return hop

    def edge(self, parent: str, child: str, alias: int, layers: int = 0xFF) -> None:
        """An active leg, from the key-frame cache."""
        self.hops[child].do(t.SetActive(STREAM, node(parent), alias, 0))
        self.hops[parent].do(t.OpenLeg(STREAM, node(child), alias, layers))

    def standby(self, parent: str, child: str, alias: int, layers: int = 0xFF) -> None:
        """A second leg with heartbeats only."""
        self.hops[child].do(
            t.SetSecond(STREAM, node(parent), t.Second.STANDBY, alias, 0)
        )
        self.hops[parent].do(
            t.OpenLeg(STREAM, node(child), alias, layers, standby=True)
        )

    def joining(self, parent: str, child: str, alias: int, start: int) -> None:
        """A second leg that brings packets from `start` on."""
        self.hops[child].do(
            t.SetSecond(STREAM, node(parent), t.Second.JOINING, alias, start)
        )
        self.hops[parent].do(t.OpenLeg(STREAM, node(child), alias, 0xFF, start))

    def view(self, name: str) -> Hop:
        """A viewer with sound and picture at a node."""
        hop = self.hops[name]
        hop.forwarder.add_transport(VIEWER, TransportKind.LOCAL)
        hop.do(
            consumer(1, PICTURE, VIEWER_VP8),
            consumer(2, SOUND, VIEWER_OPUS),
        )
        return hop

    def film(self, name: str, seconds: float, *cameras: Camera) -> None:
        """Let the publisher at a node send for a while."""
        hop = self.hops[name]
        for camera in cameras:
            for number in range(round(seconds * camera.fps)):
                self.at(self.now + number / camera.fps, self._shoot, hop, camera)
        self.run(seconds)

    def _shoot(self, hop: Hop, camera: Camera) -> None:
        if hop.alive:
            for packet in camera.frame():
                hop.forwarder.receive_rtp(PUBLISHER, packet, self.now)
            hop.drain()


def producer(
    producer: ProducerId,
    transport: TransportId,
    codec: Codec,
    rids: tuple[str, ...] = (),
    mesh: bool = False,
) -> AddProducer:
    """A track, as it comes from its publisher or over the mesh."""
    kind = MediaKind.AUDIO if codec.name == "opus" else MediaKind.VIDEO
    extensions = wire.MESH_EXTENSIONS if mesh else PUBLISHER_EXTENSIONS
    mid = "a" if kind is MediaKind.AUDIO else "v"
    return AddProducer(producer, transport, kind, mid, (codec,), extensions, rids)


def slots(sound: bool, rids: tuple[str, ...]) -> tuple[t.Slot, ...]:
    """Slot 0 for sound, then one per layer of the picture."""
    first = (t.Slot(SOUND),) if sound else ()
    names = rids or ("",)
    return first + tuple(t.Slot(PICTURE, rid, bit) for bit, rid in enumerate(names))


def consumer(number: int, source: ProducerId, codec: Codec) -> AddConsumer:
    """A track to the node's viewer."""
    kind = MediaKind.AUDIO if codec.name == "opus" else MediaKind.VIDEO
    return AddConsumer(
        ConsumerId(number),
        source,
        VIEWER,
        kind,
        "v",
        0x5000 + number,
        None,
        (codec,),
        VIEWER_EXTENSIONS,
        Selection(),
    )


def picture(key_every: int = 60) -> Camera:
    """30 pictures a second, three packets each."""
    return Camera(mid="v", key_every=key_every)


def sound() -> Camera:
    """50 packets a second."""
    return Camera(ssrc=0x2222, codec=OPUS, mid="a", fps=50, size=120)


def line(*names: str) -> LegNet:
    """Nodes in a row: the first has the publisher, the last a viewer."""
    net = LegNet(*names)
    net.origin(names[0])
    for parent, child in pairwise(names):
        net.link(parent, child)
        net.relay(child)
    net.view(names[-1])
    return net


def joined(net: LegNet, *names: str) -> None:
    """The edges of a row of nodes, from the top."""
    for number, (parent, child) in enumerate(pairwise(names)):
        net.edge(parent, child, 0x1000 * (number + 1))
    net.run(0.001)


def triangle() -> LegNet:
    """Origin a, relays b and x, both parents of c: b active, x standby."""
    net = LegNet("a", "b", "x", "c")
    net.origin("a")
    for name in "bxc":
        net.relay(name)
    for parent, child in (("a", "b"), ("a", "x"), ("b", "c"), ("x", "c")):
        net.link(parent, child)
    net.edge("a", "b", AB)
    net.edge("a", "x", 0x5000)
    net.edge("b", "c", BC)
    net.standby("x", "c", XC)
    net.view("c")
    return net


def payloads(hop: Hop) -> list[bytes]:
    """What the viewer of a node got, in order, by the serial at the end."""
    return [packet.payload[-8:] for packet in hop.viewed]


def complete(hop: Hop, *cameras: Camera) -> bool:
    """Whether the viewer got everything since its first packet, once."""
    got = payloads(hop)
    for camera in cameras:
        head = camera.ssrc.to_bytes(4, "big")
        serials = [int.from_bytes(p[4:], "big") for p in got if p[:4] == head]
        if sorted(serials) != list(range(min(serials), camera.serial + 1)):
            return False
    return len(set(got)) == len(got)
