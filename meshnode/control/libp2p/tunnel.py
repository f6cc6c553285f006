"""A stream that plays the part of a TCP connection: one end of a circuit."""

from __future__ import annotations

import trio

from meshnode.control.libp2p.connection import Connection
from meshnode.control.libp2p.streams import Stream, StreamError
from meshnode.control.libp2p.wire import WireError


class Tunnel:
    """Looks like a `Wire`.  It ends with the connection that carries it."""

    relayed = True

    def __init__(
        self, stream: Stream, carrier: Connection, *, is_initiator: bool
    ) -> None:
        self.is_initiator = is_initiator
        self.closed = trio.Event()
        self._stream = stream
        self._carrier = carrier

    @property
    def host(self) -> str:
        """The relay's IP address: the only one we know."""
        return self._carrier.host

    @property
    def address(self) -> str:
        """The relay's multiaddr, without its id."""
        return self._carrier.address

    async def read(self, n: int | None = None) -> bytes:
        """Exactly `n` octets, or some without `n`; `WireError` at the end."""
        try:
            if n is not None:
                return await self._stream.read_exactly(n)
            data = await self._stream.read_some()
        except StreamError as error:
            raise WireError("circuit lost") from error
        if not data:
            raise WireError("circuit closed")
        return data

    async def write(self, data: bytes) -> None:
        """Write all of it; a cancelled task gets its Cancelled afterwards."""
        # shielded for the same reason as `Wire.write`; the stream has its own limit
        with trio.CancelScope(shield=True):
            try:
                await self._stream.write(data)
            except StreamError as error:
                self.abort()
                raise WireError("circuit lost") from error

    async def close(self) -> None:
        """What py-libp2p calls; nothing is flushed."""
        self.abort()
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        """End now; whoever reads or writes gets `WireError`."""
        if not self.closed.is_set():
            self.closed.set()
            self._carrier.start(self._stream.reset)

    def get_remote_address(self) -> None:
        """What py-libp2p calls."""
        return
