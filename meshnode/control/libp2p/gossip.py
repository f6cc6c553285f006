"""Gossip streams: RPCs behind their length, one stream per direction (RFC 0008
section 2).

Ours is opened when the owner first has something to say, with the best version that
both have.  The peer's is not read before that: its first RPC tells its subscriptions,
and a router that does not know the neighbour yet would lose them.  From then on at most
`unread_octets` are on their way to asyncio; beyond that we stop reading, and TCP tells
the peer.  Nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Protocol

import trio

from meshnode.control.libp2p.connection import Connection
from meshnode.control.libp2p.mailbox import Outgoing
from meshnode.control.libp2p.streams import Stream, StreamError
from meshnode.control.libp2p.values import (
    DialError,
    GossipOpened,
    GossipReceived,
    GossipResumed,
    HostEvent,
)
from meshproto.errors import DecodeError
from meshproto.gossip.peers import Version
from meshproto.wire.pubsub import Framer

VERSIONS = tuple(version.value for version in reversed(Version))
BAD_STREAMS_MAX = 8
"""Streams with wrong framing after which the connection ends too."""

Count = Callable[[str, int], None]


class Tell(Protocol):
    """Tell the owner; `after` runs in trio once that was done.  `queue` goes with a
    connected peer.
    """

    def __call__(
        self,
        event: HostEvent,
        after: Callable[[], None] | None = None,
        queue: Outgoing | None = None,
    ) -> None:
        """Called in trio; never raises."""
        ...


class Credit:
    """So many octets may be on their way; an RPC that alone is more goes alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = 0
        self._room = trio.Event()

    async def take(self, octets: int) -> None:
        """Wait for room."""
        while self._used and self._used + octets > self._most:
            self._room = trio.Event()
            await self._room.wait()
        self._used += octets

    def give(self, octets: int) -> None:
        """They have arrived."""
        self._used -= octets
        self._room.set()


class Gossip:
    """The gossip streams of all connections."""

    def __init__(self, unread_octets: int, tell: Tell, count: Count) -> None:
        self._unread_octets = unread_octets
        self._tell = tell
        self._count = count
        self._bad: dict[Connection, int] = {}

    async def speak(self, connection: Connection) -> None:
        """Open our stream, and write to it what is in `outgoing`; never raises.

        A stream that is lost ends the connection: the peer has forgotten what it heard
        on it, and only a new beginning makes both routers say everything again.
        """
        try:
            await connection.rung.receive()
            stream, chosen = await connection.open(VERSIONS)
        except DialError as error:
            self._count("gossip-protocol", 1)
            self._over(connection, error.reason == "protocol")
            return
        connection.speaks.set()
        self._tell(GossipOpened(connection.node, Version(chosen)))
        with suppress(StreamError):
            await self._write(connection, stream)
        self._over(connection, False)

    async def hear(self, connection: Connection, stream: Stream, _: str) -> None:
        """Read the peer's stream until it ends."""
        framer, credit = Framer(), Credit(self._unread_octets)
        while data := await stream.read_some():
            await connection.speaks.wait()
            try:
                rpcs = framer.feed(data)
            except DecodeError:
                self._misframed(connection)
                return
            for rpc in rpcs:
                await credit.take(len(rpc))
                self._count("gossip-in", 1)
                self._count("gossip-in-octets", len(rpc))
                heard = GossipReceived(connection.node, rpc)
                self._tell(heard, partial(credit.give, len(rpc)))

    def forget(self, connection: Connection) -> None:
        """The connection is gone."""
        self._bad.pop(connection, None)
        self._lost(connection)

    async def _write(self, connection: Connection, stream: Stream) -> None:
        while True:
            data, rpcs, resumed = connection.outgoing.take()
            if resumed:
                self._tell(GossipResumed(connection.node))
            if not rpcs:
                await connection.rung.receive()
                continue
            self._count("gossip-out", rpcs)
            self._count("gossip-out-octets", len(data))
            await stream.write(data)

    def _misframed(self, connection: Connection) -> None:
        self._count("gossip-framing", 1)
        bad = self._bad.get(connection, 0) + 1
        self._bad[connection] = bad
        if bad >= BAD_STREAMS_MAX:
            connection.abort()

    def _over(self, connection: Connection, harmless: bool) -> None:
        """No more gossip here, and no more connection unless it is good without."""
        # js-libp2p resets what it does not want on a circuit
        if harmless or connection.relayed:
            self._lost(connection)
        else:
            connection.abort()

    def _lost(self, connection: Connection) -> None:
        self._count("gossip-dropped", connection.outgoing.end())
