"""A mesh of real `Control`s in one loop: real brains, real time, no sockets.

A world stands in for what lies below the driver: libp2p hosts that reach each other by
address, links that carry frames on the loop, planes that remember what they were told.
Each can be taken away, which is what the tests are about.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from meshnode.control.identity import Identity, KeyPair
from meshnode.control.libp2p import values
from meshnode.control.libp2p.multiaddress import parse_multiaddress
from meshnode.control.mesh import Control, wall_ms
from meshproto.errors import MeshError, StateError
from meshproto.forwarding.relay_table import RelayDelta
from meshproto.ids import NodeId, StreamId, TransportId
from meshproto.node import Ability, NodeConfig
from meshproto.outputs import Purpose
from meshproto.wire import peer_id
from meshproto.wire.control.peer import (
    MediaAddress,
    PeerRecord,
    build_peer,
    parse_peer,
)

RTT_S = 0.004


class LinkState(Enum):
    CONNECTED = "connected"
    RESUMED = "resumed"
    SILENT = "silent"
    CLOSED = "closed"


class FakeLink:
    """One end of a link; `peer` is the other end."""

    def __init__(self, world: World, number: int, here: NodeId, node: NodeId) -> None:
        self.id = TransportId(number)
        self.here = here
        self.node = node
        self.rtt_s: float | None = RTT_S
        self.state = LinkState.CONNECTED
        self.peer: FakeLink
        self.sent: list[bytes] = []
        self.reason = ""
        self.paces: list[float] = []
        self.check: Callable[[float | None], None] = lambda rtt_s: None
        self._world = world
        self._frame: Callable[[bytes], None] = lambda frame: None
        self._state: Callable[[Any], None] = lambda link: None

    def on_frame(self, handler: Callable[[bytes], None]) -> None:
        self._frame = handler

    def on_state(self, handler: Callable[[Any], None]) -> None:
        self._state = handler

    def on_checked(self, handler: Callable[[float | None], None]) -> None:
        self.check = handler

    def pace(self, interval_s: float) -> None:
        self.paces.append(interval_s)

    def park(self) -> None:
        self.become(LinkState.SILENT)

    def send(self, frame: bytes) -> bool:
        if self.state is LinkState.CLOSED:
            return False
        self.sent.append(frame)
        if not self._world.is_cut(self.here, self.node):
            loop = asyncio.get_running_loop()
            loop.call_later(RTT_S / 2, self.peer.arrive, frame)
        return True

    def arrive(self, frame: bytes) -> None:
        if self.state is not LinkState.CLOSED:
            self._frame(frame)

    def become(self, state: LinkState) -> None:
        self.state = state
        self._state(self)

    def close(self, reason: str = "closed") -> None:
        if self.state is LinkState.CLOSED:
            return
        self.reason = reason
        self.become(LinkState.CLOSED)
        if not self._world.is_cut(self.here, self.node):
            asyncio.get_running_loop().call_later(RTT_S / 2, self.peer.close, "closed")


class FakeMaker:
    """Sets links up at once, if a descriptor reaches the other end."""

    def __init__(self, world: World, node: NodeId, exchange: Any, accepts: Any) -> None:
        self._world = world
        self._node = node
        self._exchange = exchange
        self._accepts = accepts
        self._on_link: Callable[[Any, Purpose], None] = lambda link, purpose: None
        self.refused: Counter[str] = Counter()

    def on_link(self, handler: Callable[[Any, Purpose], None]) -> None:
        self._on_link = handler

    async def dial(self, peer: PeerRecord, purpose: Purpose) -> FakeLink:
        own = build_peer(self._world.controls[self._node].own_record())
        tree = bytes((purpose is Purpose.TREE,))
        answer = await self._exchange(peer.node, b"\1" + tree + own)
        if self._world.is_cut(self._node, peer.node):
            raise MeshError("no way")
        if answer[1:2] == b"-":
            raise StateError(answer[2:].decode())
        return self._world.take(int.from_bytes(answer[1:], "big"))

    async def answered(self, source: NodeId, payload: bytes) -> bytes | None:
        purpose = Purpose.TREE if payload[1] else Purpose.OVERLAY
        peer = parse_peer(payload[2:])
        if peer.node != source:
            return None
        label = self._accepts(peer, purpose)
        if label is not None:
            return b"\2-" + label.encode()
        here, number = self._world.link(self._node, source)
        asyncio.get_running_loop().call_soon(self._on_link, here, purpose)
        return b"\2" + number.to_bytes(4, "big")


class FakePlane:
    """Remembers the deltas; answers probes of anybody who runs."""

    def __init__(self, world: World) -> None:
        self.deltas: list[RelayDelta] = []
        self._world = world
        self.control: Control

    def program(self, deltas: Iterable[RelayDelta]) -> None:
        self.deltas.extend(deltas)

    def stream_history(self, stream: StreamId) -> tuple[int, int] | None:
        return None

    def probe(self, address: tuple[str, int], token: int) -> None:
        there = address in self._world.media
        loop = asyncio.get_running_loop()
        if there:
            loop.call_later(RTT_S, self.control.probed, token, RTT_S)
        else:
            loop.call_later(0.5, self.control.probed, token, None)


class FakeHost:
    """Connects to whoever listens at an address."""

    def __init__(self, world: World, node: NodeId, address: str) -> None:
        self.node = node
        self.addresses = (f"{address}/p2p/{peer_id.to_text(node)}",)
        self.connected: dict[NodeId, FakeHost] = {}
        self.reachable = True
        self.breaks = 0
        """So many of the next questions for a link die with their connection."""
        self._bare = address
        self._world = world
        self._event: Callable[[Any], None] = lambda event: None
        self._serve: Any = None

    async def start(self) -> None:
        self._world.hosts[self._bare] = self

    async def close(self) -> None:
        self._world.hosts.pop(self._bare, None)
        for node in tuple(self.connected):
            self.disconnect(node)

    def on_event(self, handler: Callable[[Any], None]) -> None:
        self._event = handler

    def serve_exchange(
        self, handler: Callable[[NodeId, bytes], Awaitable[bytes | None]]
    ) -> None:
        self._serve = handler

    async def connect(
        self, addresses: Sequence[str], node: NodeId | None, timeout_s: float
    ) -> NodeId:
        await asyncio.sleep(RTT_S)
        for text in addresses:
            other = self._world.hosts.get(text.partition("/p2p/")[0])
            if other is None or not other.reachable:
                continue
            if node is not None and other.node != node:
                continue
            if other.node not in self.connected:
                self.connected[other.node] = other
                other.connected[self.node] = self
                self._event(values.PeerConnected(other.node, text, True))
                other._event(values.PeerConnected(self.node, "", False))
            return other.node
        raise values.DialError("unreachable")

    def send_gossip(self, node: NodeId, rpc: bytes) -> bool:
        other = self.connected.get(node)
        if other is None:
            return False
        event = values.GossipReceived(self.node, rpc)
        asyncio.get_running_loop().call_later(RTT_S / 2, other._event, event)
        return True

    async def exchange(self, node: NodeId, payload: bytes, timeout_s: float) -> bytes:
        other = self.connected.get(node)
        if other is None:
            raise values.DialError("closed")
        await asyncio.sleep(RTT_S)
        if self.breaks and payload[:1] == b"\1":
            self.breaks -= 1
            raise values.DialError("closed")
        answer = await other._serve(self.node, payload)
        if answer is None:
            raise values.DialError("refused")
        return bytes(answer)

    def disconnect(self, node: NodeId) -> None:
        other = self.connected.pop(node, None)
        if other is not None:
            self._event(values.PeerDisconnected(node))
            other.connected.pop(self.node, None)
            other._event(values.PeerDisconnected(self.node))

    def stats(self) -> dict[str, int]:
        return {"connected": len(self.connected)}


@dataclass
class FakeLog:
    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def emit(self, event: str, **fields: object) -> bool:
        self.lines.append((event, fields))
        self.counts[event] += 1
        return True


class World:
    """Everything between the nodes; `controls` by node."""

    def __init__(self) -> None:
        self.hosts: dict[str, FakeHost] = {}
        self.controls: dict[NodeId, Control] = {}
        self.planes: dict[NodeId, FakePlane] = {}
        self.logs: dict[NodeId, FakeLog] = {}
        self.links: dict[int, FakeLink] = {}
        self.makers: dict[NodeId, FakeMaker] = {}
        self.media: dict[tuple[str, int], None] = {}
        self._cut: set[frozenset[NodeId]] = set()
        self._numbers = itertools.count(1)
        self._nodes = itertools.count(1)

    async def node(
        self,
        *bootstrap: Control,
        keys: KeyPair | None = None,
        copies: int = 8,
        config: NodeConfig | None = None,
        **settings: Any,
    ) -> Control:
        """One more node, started, that knows the addresses of `bootstrap`."""
        number = next(self._nodes)
        keys = keys or KeyPair.generate()
        address = f"/ip4/192.0.{number}.1/tcp/5000"
        contacts = [parse_multiaddress(self.address(other)) for other in bootstrap]
        plane = self.planes[keys.node] = FakePlane(self)
        log = self.logs[keys.node] = FakeLog()

        def make_links(exchange: Any, accepts: Any, _record: Any) -> FakeMaker:
            maker = FakeMaker(self, keys.node, exchange, accepts)
            self.makers[keys.node] = maker
            return maker

        media = MediaAddress(bytes((192, 0, number, 1)), 5000)
        octets = parse_multiaddress(address).to_octets()
        entry = settings.pop("entry", "")
        ability = Ability((media,), (octets,), copies=copies, entry=entry)
        self.media[f"192.0.{number}.1", 5000] = None
        control = Control(
            Identity(keys, wall_ms()),
            FakeHost(self, keys.node, address),
            plane,
            make_links,
            lambda: ability,
            log=log,
            contacts=settings.pop("contacts", contacts),
            config=config,
            **settings,
        )
        plane.control = self.controls[keys.node] = control
        await control.start()
        return control

    def address(self, control: Control) -> str:
        """Where a node hears libp2p, without its id."""
        return control.status().bootstrap[0].partition("/p2p/")[0]

    def host(self, control: Control) -> FakeHost:
        return self.hosts[self.address(control)]

    def link(self, here: NodeId, there: NodeId) -> tuple[FakeLink, int]:
        """Both ends of a new link: the end here, and the number of the other."""
        a, b = next(self._numbers), next(self._numbers)
        near, far = FakeLink(self, a, here, there), FakeLink(self, b, there, here)
        near.peer, far.peer = far, near
        self.links[a], self.links[b] = near, far
        return near, b

    def take(self, number: int) -> FakeLink:
        return self.links[number]

    def end(self, here: Control, there: Control) -> FakeLink:
        """The newest living end at `here` of the link between the two."""
        found = [
            link
            for link in self.links.values()
            if (link.here, link.node) == (here.node, there.node)
            and link.state is not LinkState.CLOSED
        ]
        return found[-1]

    def cut(self, a: Control, b: Control) -> None:
        """Nothing passes between the two any more, and nobody is told."""
        self._cut.add(frozenset((a.node, b.node)))

    def mend(self, a: Control, b: Control) -> None:
        self._cut.discard(frozenset((a.node, b.node)))

    def is_cut(self, a: NodeId, b: NodeId) -> bool:
        return frozenset((a, b)) in self._cut

    async def close(self) -> None:
        for control in self.controls.values():
            await control.close()


async def until(check: Callable[[], Any], what: str, deadline_s: float = 20.0) -> Any:
    """Wait until `check()` is true; its value, or a failure that says `what`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + deadline_s
    while not (value := check()):
        if loop.time() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        await asyncio.sleep(0.01)
    return value
