"""Directories under test: one alone, or many over real routers in virtual time."""

from __future__ import annotations

import heapq
import random
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import msgpack

from meshproto.config.directory import DirectoryConfig
from meshproto.config.gossip import DIRECTORY_TOPIC, GossipConfig
from meshproto.events import Event, Refused
from meshproto.gossip.directory import Directory
from meshproto.gossip.peers import Version
from meshproto.gossip.router import GossipRouter
from meshproto.gossip.seen import Verdict
from meshproto.gossip.state import Delivery
from meshproto.ids import NodeId, StreamId, StreamName
from meshproto.outputs import Gossip, Outbox, Send
from meshproto.wire.control import schema
from meshproto.wire.control.directory import (
    Body,
    Claim,
    DirectoryRecord,
    Media,
    Notice,
    Track,
    TrackKind,
    build_body,
    build_media,
    build_notices,
)
from support.gossip import Records, node_id, seal, verify

AUDIO = Media(False, (Track("a", TrackKind.AUDIO, "opus", 48_000, "", ()),))
VIDEO = Media(True, (Track("v", TrackKind.VIDEO, "vp8", 90_000, "", ()),))
FAR_MS = 2**47
KEY = b"k" * 32


def claim(
    name: str = "room", origin: int = 1, counter: int = 1, key: bytes = KEY
) -> Claim:
    """A claim that the key of the stream signed."""
    bare = Claim(key, StreamName(name), node_id(origin), counter, FAR_MS)
    return replace(bare, signature=seal(bare.signer, bare.signed_part()))


def notice(
    held: Claim,
    version: int = 1,
    media: Media | None = AUDIO,
    epoch: int = 1,
    lifetime_s: int = 900,
) -> Notice:
    """What the origin of a claim says, signed; no media: the stream has ended."""
    octets = b"" if media is None else build_media(media)
    body = build_body(Body(held, epoch, version, lifetime_s, octets))
    bare = Notice(body, b"x")
    return replace(bare, signature=seal(held.origin, bare.signed_part()))


class Alone:
    """Node 0's directory; `told` is what it gossiped, `sent` its records."""

    def __init__(self, seed: int = 1, **options: Any) -> None:
        self.box = Outbox()
        self.now = 100.0
        self.told: list[bytes] = []
        self.events: list[Event] = []
        self.sent: list[tuple[NodeId, DirectoryRecord]] = []
        self.config = DirectoryConfig(**options)
        self.directory = Directory(
            node_id(0),
            1,
            self.config,
            self.box,
            random.Random(seed),
            partial(seal, node_id(0)),
            verify,
            lambda data, now: self.told.append(data),
        )
        self._numbers = count(1)

    def hear(self, *notices: Notice, author: int = 1, number: int = 0) -> Verdict:
        """A gossip message of `author`."""
        return self.bring(build_notices(list(notices)), author, number)

    def bring(self, data: bytes, author: int = 1, number: int = 0) -> Verdict:
        node = node_id(author)
        number = number or next(self._numbers)
        told = Delivery(DIRECTORY_TOPIC, data, node, node + number.to_bytes(8, "big"))
        verdict = self.directory.deliver(told, self.now)
        self.drain()
        return verdict

    def receive(self, node: NodeId, record: DirectoryRecord) -> None:
        self.directory.receive(node, record, self.now)
        self.drain()

    def announce(self, held: Claim, media: Media = AUDIO) -> StreamId:
        stream = self.directory.announce(held, media, self.now)
        self.drain()
        return stream

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (at := self.directory.next_timeout()) is not None and at <= end:
            self.now = max(at, self.now)
            self.directory.handle_timeout(self.now)
            self.drain()
        self.now = end

    def drain(self) -> None:
        while (output := self.box.poll()) is not None:
            if isinstance(output, Send):
                self.sent.append((output.neighbour, output.record))  # type: ignore[arg-type]
            else:
                assert isinstance(output, Event)
                self.events.append(output)

    def refusals(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, Refused)]


class Net:
    """Directories over real routers; every message takes `DELAY_S`."""

    DELAY_S = 0.03

    def __init__(self, size: int, degree: int = 6, seed: int = 1, **options: Any):
        self.now = 0.0
        self.size = size
        self.chance = random.Random(seed)
        self.config = DirectoryConfig(**options)
        self.index = {node_id(i): i for i in range(size)}
        self.boxes = [Outbox() for _ in range(size)]
        self.routers: list[GossipRouter] = []
        self.directories: list[Directory] = []
        self.edges: dict[tuple[int, int], None] = {}
        self.flying: list[tuple[float, int, int, int, Any]] = []
        self.timers: list[tuple[float, int]] = []
        self.armed: dict[int, float] = {}
        self.count = count()
        self.octets = {"gossip": 0, "sync": 0}
        self.events: list[tuple[float, int, Event]] = []
        for i in range(size):
            self._make(i, 1)
        for i in range(size):
            for other in self.chance.sample(range(size), min(size, degree // 2)):
                if i != other and not self.linked(i, other):
                    self.link(i, other)

    def _make(self, i: int, epoch: int) -> None:
        me, box = node_id(i), self.boxes[i]
        sign, chance = partial(seal, me), random.Random(self.chance.random())
        router = GossipRouter(
            me, epoch, GossipConfig(), box, chance, sign, verify, Records()
        )
        router.join(DIRECTORY_TOPIC, self.now)

        def publish(data: bytes, now: float) -> None:
            router.publish(DIRECTORY_TOPIC, data, now)

        made = Directory(me, epoch, self.config, box, chance, sign, verify, publish)
        self.routers[i : i + 1] = [router]
        self.directories[i : i + 1] = [made]

    def restart(self, i: int, epoch: int) -> None:
        """A new process: nothing is remembered, links come up again."""
        ends = [edge for edge in self.edges if i in edge]
        for edge in ends:
            self.cut(*edge)
        self.boxes[i] = Outbox()
        self._make(i, epoch)
        for edge in ends:
            self.link(*edge)

    def linked(self, a: int, b: int) -> bool:
        return (a, b) in self.edges or (b, a) in self.edges

    def link(self, a: int, b: int) -> None:
        self.edges[a, b] = None
        for one, other, out in ((a, b, True), (b, a, False)):
            self.routers[one].peer_up(node_id(other), out, b"", Version.V1_2, self.now)
            self.directories[one].neighbour_up(node_id(other), out, self.now)
        self.drain(a)
        self.drain(b)

    def cut(self, a: int, b: int) -> None:
        self.edges.pop((a, b), None)
        for one, other in ((a, b), (b, a)):
            self.routers[one].peer_down(node_id(other), self.now)
            self.directories[one].neighbour_down(node_id(other), self.now)
            self.drain(one)

    def announce(self, i: int, held: Claim, media: Media = AUDIO) -> StreamId:
        stream = self.directories[i].announce(held, media, self.now)
        self.drain(i)
        return stream

    def unannounce(self, i: int, stream: StreamId) -> None:
        self.directories[i].unannounce(stream, self.now)
        self.drain(i)

    def knowing(self, stream: StreamId) -> int:
        """How many can resolve it."""
        return sum(d.resolve(stream) is not None for d in self.directories)

    def drain(self, i: int) -> None:
        router, directory, box = self.routers[i], self.directories[i], self.boxes[i]
        for delivery in router.take_deliveries():
            verdict = directory.deliver(delivery, self.now)
            router.validated(delivery.message_id, verdict, self.now)
        directory.take_changes()
        while (output := box.poll()) is not None:
            if isinstance(output, Gossip):
                self.octets["gossip"] += len(output.rpc)
                self._fly(i, output.neighbour, output.rpc)
            elif isinstance(output, Send):
                plain = schema.encode(output.record)
                self.octets["sync"] += len(msgpack.packb(plain))
                self._fly(i, output.neighbour, plain)
            else:
                assert isinstance(output, Event)
                self.events.append((self.now, i, output))
        for at in (router.next_timeout(), directory.next_timeout()):
            if at is not None and at < self.armed.get(i, at + 1):
                self.armed[i] = at
                heapq.heappush(self.timers, (at, i))

    def _fly(self, source: int, to: NodeId, what: Any) -> None:
        entry = (self.now + self.DELAY_S, next(self.count), source, self.index[to])
        heapq.heappush(self.flying, (*entry, what))

    def _arrive(self, source: int, to: int, what: Any) -> None:
        if not self.linked(source, to):
            return
        if isinstance(what, bytes):
            self.routers[to].receive(node_id(source), what, self.now)
        else:
            record: Any = schema.decode(what)
            self.directories[to].receive(node_id(source), record, self.now)
        self.drain(to)

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while True:
            arrival = self.flying[0][0] if self.flying else end + 1
            timer = self.timers[0][0] if self.timers else end + 1
            if min(arrival, timer) > end:
                break
            if arrival <= timer:
                self.now, _, source, to, what = heapq.heappop(self.flying)
                self._arrive(source, to, what)
                continue
            at, i = heapq.heappop(self.timers)
            if self.armed.get(i) != at:
                continue
            del self.armed[i]
            for machine in (self.routers[i], self.directories[i]):
                due = machine.next_timeout()
                if due is not None and due <= at:
                    self.now = max(at, self.now)
                    machine.handle_timeout(self.now)
            self.drain(i)
        self.now = end
