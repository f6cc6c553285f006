"""What other software wants to know: identify and ping.

A js or go node learns from identify that we speak gossip; without it, it would never
open a stream.  We ask nobody: who speaks what is seen when a stream is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import trio

from meshnode.control.libp2p.connection import Connection
from meshnode.control.libp2p.multiaddress import parse_multiaddress
from meshnode.control.libp2p.streams import Stream
from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire import peer_id, protobuf

IDENTIFY_PROTOCOL = "/ipfs/id/1.0.0"
PING_PROTOCOL = "/ipfs/ping/1.0.0"
PING_OCTETS = 32
PING_IDLE_S = 60.0
"""A ping stream that says nothing for so long is closed."""
PROTOCOL_VERSION, AGENT = "ipfs/0.1.0", "meshnode"
LISTEN_MAX = 16


class Identify:
    """Answers identify; `addresses` are ours at the moment of asking."""

    def __init__(
        self,
        me: NodeId,
        addresses: Callable[[], Collection[str]],
        protocols: Callable[[], Collection[str]],
    ) -> None:
        self._me = me
        self._addresses = addresses
        self._protocols = protocols

    async def serve(self, connection: Connection, stream: Stream, _: str) -> None:
        """Say who we are."""
        message = self.message(connection.address)
        await stream.write(protobuf.write_varint(len(message)) + message)
        await stream.finish()
        await stream.read_some()

    def message(self, observed: str) -> bytes:
        """The Identify message for a peer whose address is `observed`."""
        key = peer_id.public_key_message(peer_id.ed25519_key(self._me))
        parts = [protobuf.octets_field(1, key)]
        for text in list(self._addresses())[:LISTEN_MAX]:
            octets = parse_multiaddress(text.partition("/p2p/")[0]).to_octets()
            parts.append(protobuf.octets_field(2, octets))
        parts += [protobuf.octets_field(3, one.encode()) for one in self._protocols()]
        try:
            seen = parse_multiaddress(observed).to_octets()
            parts.append(protobuf.octets_field(4, seen))
        except DecodeError:
            pass
        parts.append(protobuf.octets_field(5, PROTOCOL_VERSION.encode()))
        parts.append(protobuf.octets_field(6, AGENT.encode()))
        return b"".join(parts)


async def ping(connection: Connection, stream: Stream, _: str) -> None:
    """Give back every 32 octets until the peer ends or falls silent."""
    del connection
    while True:
        with trio.move_on_after(PING_IDLE_S) as idle:
            await stream.write(await stream.read_exactly(PING_OCTETS))
        if idle.cancelled_caught:
            return
