"""The trio side of the host: accepts, dials, and keeps one connection per node.

Two connections with one node happen when both dial at once, or when the node began a
new life and the old connection does not know yet.  While the older one is young and
came the other way it is a crossing: that of the dialler with the lower id survives, and
both ends agree (RFC 0013 section 2).  Otherwise the newer replaces
the older, and the owner hears of an end and a beginning.
"""

from __future__ import annotations

import functools
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import trio

from meshnode.control.identity import KeyPair
from meshnode.control.libp2p.circuit import HOP_PROTOCOL, STOP_PROTOCOL, Circuits
from meshnode.control.libp2p.connection import Connection, Handler
from meshnode.control.libp2p.dialler import Dialler
from meshnode.control.libp2p.exchange import Ask, Exchanges, request
from meshnode.control.libp2p.gossip import VERSIONS, Gossip, Tell
from meshnode.control.libp2p.identify import (
    IDENTIFY_PROTOCOL,
    PING_PROTOCOL,
    Identify,
    ping,
)
from meshnode.control.libp2p.mailbox import Outgoing
from meshnode.control.libp2p.multiaddress import parse_multiaddress
from meshnode.control.libp2p.tunnel import Tunnel
from meshnode.control.libp2p.upgrade import Upgrader
from meshnode.control.libp2p.values import (
    COUNTERS,
    LINK_PROTOCOL,
    DialError,
    HostLimits,
    HostRefused,
    PeerConnected,
    PeerDisconnected,
)
from meshnode.control.libp2p.wire import Wire
from meshproto.bucket import Bucket
from meshproto.errors import DecodeError, MeshError
from meshproto.ids import NodeId

CROSSING_S = 5.0
"""Two dials of each other may be so far apart; as long as a handshake may last."""


class Switch:
    """All connections of one life of the trio run.

    `outgoing` makes the queue of a new connection; `counters` outlive the run.
    """

    def __init__(
        self,
        keys: KeyPair,
        limits: HostLimits,
        counters: dict[str, int],
        tell: Tell,
        ask: Ask,
        crowded: Callable[[], bool],
        outgoing: Callable[[Callable[[], None]], Outgoing],
        addresses: Callable[[], Sequence[str]],
    ) -> None:
        self.me = keys.node
        self.connections: dict[NodeId, Connection] = {}
        self._limits = limits
        self._counters = counters
        self._tell = tell
        self._crowded = crowded
        self._outgoing = outgoing
        self._upgrader = Upgrader(keys)
        self._gossip = Gossip(limits.unread_octets, tell, self.count)
        exchanges = Exchanges(ask, limits, self.count, self.refuse)
        self._circuits = Circuits(
            self.connections,
            limits,
            self.count,
            self.refuse,
            lambda tunnel, source: self.begin(self._arrive, tunnel, source) and None,
        )
        identify = Identify(self.me, addresses, lambda: self.handlers)
        self.handlers: dict[str, Handler] = {
            **dict.fromkeys(VERSIONS, self._gossip.hear),
            LINK_PROTOCOL: exchanges.serve,
            IDENTIFY_PROTOCOL: identify.serve,
            PING_PROTOCOL: ping,
            HOP_PROTOCOL: self._circuits.hopped,
            STOP_PROTOCOL: self._circuits.stopped,
        }
        self._dialler = Dialler(self._upgrader, limits)
        self._half_open: Counter[str] = Counter()
        self._refusals = Bucket(
            limits.refusals_per_s, limits.refusals_per_s, trio.current_time()
        )
        self._nursery: trio.Nursery | None = None

    async def run(
        self, sockets: Sequence[socket.socket], started: Callable[[], None]
    ) -> None:
        """Listen on copies of `sockets` until `close`."""
        listeners = [
            trio.SocketListener(trio.socket.from_stdlib_socket(one.dup()))
            for one in sockets
        ]
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                serve = functools.partial(trio.serve_listeners, handler_nursery=nursery)
                nursery.start_soon(serve, self._accept, listeners)
                started()
        finally:
            for connection in self.connections.values():
                connection.abort()
            for listener in listeners:
                listener.socket.close()

    async def close(self) -> None:
        """Say goodbye to everybody, then end the run."""
        assert self._nursery is not None
        async with trio.open_nursery() as goodbyes:
            for connection in list(self.connections.values()):
                goodbyes.start_soon(connection.close)
        self._nursery.cancel_scope.cancel()

    def begin(self, job: Callable[..., Any], *arguments: Any) -> trio.CancelScope:
        """Run a coroutine function in the background; its failures are its own."""
        assert self._nursery is not None
        scope = trio.CancelScope()

        async def scoped() -> None:
            with scope:
                await job(*arguments)

        self._nursery.start_soon(scoped)
        return scope

    # what the owner wants

    async def connect(
        self, addresses: Sequence[str], node: NodeId | None, timeout_s: float
    ) -> NodeId:
        """Be connected with `node`, or with whoever is at these addresses.

        Circuits are tried after everything else, and only to a known node.
        """
        if node == self.me:
            raise DialError("self", "that is this node")
        if node is not None and node in self.connections:
            return node
        if len(self.connections) >= self._limits.connections:
            raise DialError("full", f"{self._limits.connections} connections")
        until = trio.current_time() + timeout_s
        try:
            return await self._direct(addresses, node, timeout_s)
        except DialError:
            for text in addresses:
                with suppress(DialError, DecodeError):
                    return await self._round(text, node, until)
            self.count("dial-failed")
            raise

    async def _direct(
        self, addresses: Sequence[str], node: NodeId | None, timeout_s: float
    ) -> NodeId:
        found, wire, muxer = await self._dialler.dial(addresses, node, timeout_s)
        return await self._met(self._made(found, wire, muxer))

    async def _round(self, text: str, node: NodeId | None, until: float) -> NodeId:
        """Connect over the circuit `text`."""
        address = parse_multiaddress(text)
        relay, target = address.node, address.target
        if relay is None or target is None or node not in {None, target}:
            raise DialError("circuit", text)
        with trio.move_on_at(until):
            if relay not in self.connections:
                there = str(replace(address, target=None))
                await self._direct([there], relay, until - trio.current_time())
            carrier = self.connections.get(relay)
            if carrier is None:
                raise DialError("closed", "the relay is gone")
            tunnel = await self._circuits.dial(carrier, target)
            try:
                found, muxer = await self._upgrader.upgrade(tunnel, target)
                return await self._met(self._made(found, tunnel, muxer))
            except BaseException:
                tunnel.abort()
                raise
        raise DialError("timeout", text)

    async def _met(self, connection: Connection) -> NodeId:
        self.count("dialled")
        if self._admit(connection):
            self.begin(self._serve, connection)
            await connection.ready.wait()
        else:
            connection.abort()
        return connection.node

    async def exchange(self, node: NodeId, payload: bytes, timeout_s: float) -> bytes:
        """The answer of a connected node."""
        connection = self.connections.get(node)
        if connection is None:
            raise DialError("closed", "there is no connection")
        self.count("exchanges-out")
        try:
            with trio.fail_after(timeout_s):
                return await request(connection, payload)
        except trio.TooSlowError:
            self.count("exchange-failed")
            raise DialError("timeout", f"no answer within {timeout_s:g} s") from None
        except DialError:
            self.count("exchange-failed")
            raise

    def disconnect(self, node: NodeId) -> None:
        """End the connection with `node`, if there is one."""
        connection = self.connections.get(node)
        if connection is not None:
            self.begin(connection.close)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        self._counters[name] += by

    def refuse(self, node: NodeId | None, reason: str) -> None:
        """Count, and tell unless too much is told already."""
        label = reason if reason in COUNTERS else "garbage"
        self.count(label)
        if self._refusals.take(trio.current_time()):
            self._tell(HostRefused(node, label))

    # connections

    async def _accept(self, stream: trio.SocketStream) -> None:
        try:
            wire = Wire(stream, is_initiator=False, write_s=self._limits.write_s)
        except OSError:
            self.refuse(None, "closed")
            return
        await self._arrive(wire, None)

    async def _arrive(self, wire: Wire | Tunnel, node: NodeId | None) -> None:
        """Let somebody in who came, by himself or over a circuit as `node`."""
        reason = self._no_room(wire.host)
        if reason:
            self.refuse(None, reason)
            wire.abort()
            return
        connection = await self._greet(wire, node)
        if connection is None:
            wire.abort()
            return
        self.count("accepted")
        if self._admit(connection):
            await self._serve(connection)
        else:
            self.refuse(connection.node, "crossed")
            wire.abort()

    async def _greet(
        self, wire: Wire | Tunnel, node: NodeId | None
    ) -> Connection | None:
        with self._counted(wire.host), trio.move_on_after(self._limits.handshake_s):
            try:
                found, muxer = await self._upgrader.upgrade(wire, node)
            except DialError as error:
                self.refuse(None, error.reason)
                return None
            return self._made(found, wire, muxer)
        self.refuse(None, "handshake")
        return None

    @contextmanager
    def _counted(self, host: str) -> Iterator[None]:
        self._half_open[host] += 1
        try:
            yield
        finally:
            self._half_open[host] -= 1
            if not self._half_open[host]:
                del self._half_open[host]

    def _no_room(self, host: str) -> str:
        limits = self._limits
        if self._crowded() or self._half_open.total() >= limits.half_open:
            return "full"
        if len(self.connections) >= limits.connections and not self._evict():
            return "full"
        here = sum(c.host == host for c in self.connections.values())
        if here + self._half_open[host] >= limits.connections_per_address:
            return "address-full"
        return ""

    def _evict(self) -> bool:
        """Make room at the cost of somebody who came, and whom we have no use for."""
        before = trio.current_time() - self._limits.idle_s
        for connection in self.connections.values():
            used = connection.outbound or connection.speaks.is_set()
            if not used and connection.born < before:
                connection.abort()
                self._remove(connection)
                self.count("evicted")
                return True
        return False

    def _made(self, node: NodeId, wire: Wire | Tunnel, muxer: Any) -> Connection:
        ring, rung = trio.open_memory_channel[None](1)

        def wake() -> None:
            with suppress(trio.WouldBlock):  # it is awake already
                ring.send_nowait(None)

        return Connection(
            node, wire, muxer, self._outgoing(wake), rung, self._limits, self.refuse
        )

    def _admit(self, new: Connection) -> bool:
        old = self.connections.get(new.node)
        if old is not None:
            if new.relayed and not old.relayed:
                return False
            crossing = old.outbound != new.outbound and old.relayed == new.relayed
            if crossing and trio.current_time() - old.born < CROSSING_S:
                ours_survives = self.me < new.node
                if old.outbound == ours_survives:
                    return False
            self._remove(old)
            old.abort()
        elif len(self.connections) >= self._limits.connections:
            return False
        self.connections[new.node] = new
        told = PeerConnected(new.node, new.address, new.outbound, new.relayed)
        self._tell(told, queue=new.outgoing)
        return True

    async def _serve(self, connection: Connection) -> None:
        async def speak() -> None:
            await self._gossip.speak(connection)

        async def when_ready() -> None:
            await connection.ready.wait()
            connection.start(speak)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(when_ready)
            await connection.run(self.handlers)
            nursery.cancel_scope.cancel()
        self._remove(connection)

    def _remove(self, connection: Connection) -> None:
        self._gossip.forget(connection)
        if self.connections.get(connection.node) is connection:
            del self.connections[connection.node]
            self._tell(PeerDisconnected(connection.node))


async def resolve(
    job: Callable[..., Any], answer: Callable[[Any], None], *arguments: Any
) -> None:
    """Run `job` and give its result or its `MeshError` to `answer`."""
    result: Any = DialError("closed", "cancelled")
    try:
        result = await job(*arguments)
    except MeshError as error:
        result = error
    except Exception as error:
        result = DialError("closed", type(error).__name__)
    finally:
        answer(result)
