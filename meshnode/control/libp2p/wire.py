"""One TCP connection, as the security layer of py-libp2p wants to see it.

py-libp2p breaks a connection when a task that writes to it is cancelled: half of a
frame is out, and the counter of the cipher has moved.  Here a write that began is
finished whatever happens to the task, or the connection is dead.  Reads take what the
kernel has and give exactly what was asked for, so that a peer that sends octet by octet
is slow, not broken.
"""

from __future__ import annotations

import contextlib
import socket

import trio

from meshnode.control.libp2p.multiaddress import Multiaddress

READ_OCTETS = 65_536
KEEPALIVE_IDLE_S, KEEPALIVE_EVERY_S, KEEPALIVE_COUNT = 15, 5, 4
"""A peer whose machine vanished is noticed after 35 s at the latest."""


class WireError(OSError):
    """The connection is closed, by whom ever."""


class Wire:
    """Looks like py-libp2p's `RawConnection`.  `write_s` bounds every write."""

    relayed = False

    def __init__(
        self, stream: trio.SocketStream, *, is_initiator: bool, write_s: float
    ) -> None:
        self.is_initiator = is_initiator
        self._stream = stream
        self._write_s = write_s
        self._buffer = bytearray()
        self._closed = False
        host, port = stream.socket.getpeername()[:2]
        self._remote = (str(host), int(port))
        self._keep_alive()

    @property
    def host(self) -> str:
        """The remote's IP address."""
        return self._remote[0]

    @property
    def address(self) -> str:
        """The remote's multiaddr, without its id."""
        return str(Multiaddress.of(*self._remote))

    async def read(self, n: int | None = None) -> bytes:
        """Exactly `n` octets, or some without `n`; `WireError` at the end."""
        wanted = 1 if n is None else n
        while len(self._buffer) < wanted:
            try:
                data = await self._stream.receive_some(READ_OCTETS)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise WireError("connection lost") from error
            if not data:
                raise WireError("connection closed")
            self._buffer += data
        taken = bytes(self._buffer if n is None else self._buffer[:n])
        del self._buffer[: len(taken)]
        return taken

    async def write(self, data: bytes) -> None:
        """Write all of it; a cancelled task gets its Cancelled afterwards."""
        with trio.CancelScope(shield=True) as scope:
            scope.deadline = trio.current_time() + self._write_s
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise WireError("connection lost") from error
        if scope.cancelled_caught:
            self.abort()
            raise WireError("connection stuck")

    async def close(self) -> None:
        """What py-libp2p calls; nothing is flushed."""
        self.abort()
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        """Close now; whoever reads or writes gets `WireError`."""
        if not self._closed:
            self._closed = True
            self._stream.socket.close()

    def get_remote_address(self) -> tuple[str, int]:
        """What py-libp2p calls."""
        return self._remote

    def _keep_alive(self) -> None:
        options = {
            "TCP_KEEPIDLE": KEEPALIVE_IDLE_S,
            "TCP_KEEPINTVL": KEEPALIVE_EVERY_S,
            "TCP_KEEPCNT": KEEPALIVE_COUNT,
            "TCP_USER_TIMEOUT": int(self._write_s * 1000),
        }
        # not every platform has all of them
        with contextlib.suppress(OSError):
            self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in options.items():
            with contextlib.suppress(OSError, AttributeError):
                option = getattr(socket, name)
                self._stream.setsockopt(socket.IPPROTO_TCP, option, value)
