"""Circuits: a connection to a node that cannot be dialled, through one that both know.

Circuit relay v2 of libp2p (RFC 0013 section 5).  The dialler asks the relay on a `hop`
stream, the relay opens a `stop` stream to the target, and from then on carries octets;
Noise and Yamux run inside, so the relay learns who talks to whom and nothing else.  A
circuit is for setting a link up: 128 KiB each way and two minutes.

py-libp2p's own relay hangs on its `Swarm`, which is not used here (`upgrade`).  Every
node relays between nodes that are connected to it; a reservation is granted to whoever
asks, and needed by nobody.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress

import trio

from meshnode.control.libp2p.connection import Connection
from meshnode.control.libp2p.streams import Stream, StreamError
from meshnode.control.libp2p.tunnel import Tunnel
from meshnode.control.libp2p.values import DialError, HostLimits
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire import peer_id
from meshproto.wire.protobuf import (
    fields,
    octets_field,
    read_length,
    varint_field,
    write_varint,
)

HOP_PROTOCOL = "/libp2p/circuit/relay/0.2.0/hop"
STOP_PROTOCOL = "/libp2p/circuit/relay/0.2.0/stop"
MESSAGE_OCTETS_MAX = 4096
CIRCUIT_OCTETS_MAX = 131_072
CIRCUIT_S_MAX = 120
CIRCUITS_OF_ONE_MAX = 4
"""Circuits that one node may have begun through us."""
RESERVED_S = 3600

RESERVE, HOP_CONNECT, HOP_STATUS = 0, 1, 2
STOP_CONNECT, STOP_STATUS = 0, 1
OK, FULL, FAILED, NOT_HERE, MALFORMED = 100, 201, 203, 204, 400

Count = Callable[[str, int], None]
Refuse = Callable[[NodeId | None, str], None]
Message = tuple[int, bytes, int]
"""Type, the peer's id or nothing, status or 0."""


def hop(kind: int, node: bytes = b"", status: int = 0, more: bytes = b"") -> bytes:
    """A HopMessage behind its length; `more` are fields as they are."""
    parts = [varint_field(1, kind)]
    if node:
        parts.append(octets_field(2, octets_field(1, node)))
    parts.append(more)
    if status:
        parts.append(varint_field(5, status))
    return _framed(b"".join(parts))


def stop(kind: int, node: bytes = b"", status: int = 0, more: bytes = b"") -> bytes:
    """A StopMessage behind its length."""
    parts = [varint_field(1, kind)]
    if node:
        parts.append(octets_field(2, octets_field(1, node)))
    parts.append(more)
    if status:
        parts.append(varint_field(4, status))
    return _framed(b"".join(parts))


def decode(message: bytes, status_field: int) -> Message:
    """Read either message; raises `DecodeError`."""
    kind, node, status = -1, b"", 0
    for number, _, value in fields(message):
        if number == 1 and isinstance(value, int):
            kind = value
        elif number == 2 and isinstance(value, bytes):
            ids = [v for n, _, v in fields(value) if n == 1]
            node = ids[-1] if ids and isinstance(ids[-1], bytes) else b""
        elif number == status_field and isinstance(value, int):
            status = value
    if kind < 0:
        raise DecodeError("circuit-message")
    return kind, node, status


class Circuits:
    """The relay, and both ends of a circuit."""

    def __init__(
        self,
        connections: Mapping[NodeId, Connection],
        limits: HostLimits,
        count: Count,
        refuse: Refuse,
        arrived: Callable[[Tunnel, NodeId], None],
    ) -> None:
        self._connections = connections
        self._limits = limits
        self._count = count
        self._refuse = refuse
        self._arrived = arrived
        self._open: Counter[NodeId] = Counter()

    async def dial(self, relay: Connection, target: NodeId) -> Tunnel:
        """A bare circuit to `target`.  Raises `DialError`."""
        stream, _protocol = await relay.open([HOP_PROTOCOL])
        try:
            await stream.write(hop(HOP_CONNECT, target))
            kind, _, status = await self._heard(stream, 5)
        except (StreamError, DecodeError) as error:
            await stream.reset()
            raise DialError("circuit", type(error).__name__) from error
        if kind != HOP_STATUS or status != OK:
            await stream.reset()
            raise DialError("circuit", f"the relay answers {status}")
        return Tunnel(stream, relay, is_initiator=True)

    async def stopped(
        self, connection: Connection, stream: Stream, _protocol: str
    ) -> None:
        """A relay brings us a circuit: say yes, and treat it like any connection."""
        try:
            kind, node, _ = await self._heard(stream, 4)
            source = peer_id.from_ed25519(peer_id.ed25519_key(node))
        except DecodeError:
            self._refuse(connection.node, "circuit")
            await stream.write(stop(STOP_STATUS, status=MALFORMED))
            return
        if kind != STOP_CONNECT:
            self._refuse(connection.node, "circuit")
            return
        await stream.write(stop(STOP_STATUS, status=OK))
        tunnel = Tunnel(stream, connection, is_initiator=False)
        self._arrived(tunnel, source)
        await tunnel.closed.wait()

    async def hopped(
        self, connection: Connection, stream: Stream, _protocol: str
    ) -> None:
        """Somebody wants a reservation, or a circuit to a peer of ours."""
        try:
            kind, node, _ = await self._heard(stream, 5)
        except DecodeError:
            self._refuse(connection.node, "circuit")
            await self._say(stream, MALFORMED)
            return
        if kind == RESERVE:
            until = octets_field(3, varint_field(1, int(time.time()) + RESERVED_S))
            await stream.write(hop(HOP_STATUS, status=OK, more=until + _limit(4)))
            await stream.finish()
            await stream.read_some()
            return
        target = self._connections.get(NodeId(node))
        if kind != HOP_CONNECT or target is None or target is connection:
            await self._say(stream, NOT_HERE)
            return
        await self._relay(connection, stream, target)

    async def _relay(
        self, connection: Connection, stream: Stream, target: Connection
    ) -> None:
        source = connection.node
        full = self._open.total() >= self._limits.circuits
        if full or self._open[source] >= CIRCUITS_OF_ONE_MAX:
            self._refuse(source, "circuit")
            await self._say(stream, FULL)
            return
        self._open[source] += 1
        other: Stream | None = None
        try:
            other = await self._other_end(source, target)
            if other is None:
                await self._say(stream, FAILED)
                return
            self._count("circuits", 1)
            await stream.write(hop(HOP_STATUS, status=OK, more=_limit(4)))
            with trio.move_on_after(CIRCUIT_S_MAX):
                await _splice(stream, other)
        finally:
            self._open[source] -= 1
            if not self._open[source]:
                del self._open[source]
            if other is not None:
                await other.reset()

    async def _other_end(self, source: NodeId, target: Connection) -> Stream | None:
        try:
            other, _protocol = await target.open([STOP_PROTOCOL])
        except DialError:
            return None
        with suppress(StreamError, DecodeError):
            await other.write(stop(STOP_CONNECT, source, more=_limit(3)))
            kind, _, status = await self._heard(other, 4)
            if kind == STOP_STATUS and status == OK:
                return other
        await other.reset()
        return None

    async def _heard(self, stream: Stream, status_field: int) -> Message:
        """The next message, if it comes in time; `DecodeError` if it does not."""
        with trio.move_on_after(self._limits.handshake_s):
            return decode(await _read(stream), status_field)
        raise DecodeError("circuit-late")

    @staticmethod
    async def _say(stream: Stream, status: int) -> None:
        await stream.write(hop(HOP_STATUS, status=status))
        await stream.finish()
        await stream.read_some()


def _limit(field: int) -> bytes:
    inside = varint_field(1, CIRCUIT_S_MAX) + varint_field(2, CIRCUIT_OCTETS_MAX)
    return octets_field(field, inside)


def _framed(message: bytes) -> bytes:
    return write_varint(len(message)) + message


async def _read(stream: Stream) -> bytes:
    head = bytearray()
    while not head or head[-1] >= 0x80:
        if len(head) >= 2:
            raise DecodeError("circuit-message")
        head.append(await stream.read_byte())
    size, _ = read_length(bytes(head))
    if size > MESSAGE_OCTETS_MAX:
        raise DecodeError("circuit-message")
    return await stream.read_exactly(size)


async def _splice(one: Stream, other: Stream) -> None:
    """Carry both ways until one end is over, or has had its share."""
    async with trio.open_nursery() as nursery:

        async def carry(source: Stream, target: Stream) -> None:
            left = CIRCUIT_OCTETS_MAX
            with suppress(StreamError):
                while data := await source.read_some():
                    left -= len(data)
                    if left < 0:
                        break
                    await target.write(data)
            nursery.cancel_scope.cancel()

        nursery.start_soon(carry, one, other)
        nursery.start_soon(carry, other, one)
