"""One stream of a connection: exact reads, writes that wait for the window.

py-libp2p's write gives up after 5 s without window, with an unknown part of the data on
its way.  Ours writes only what the window allows and decides itself when to give up.
A stream has one reader and one writer at a time.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import trio

READ_OCTETS = 65_536
WINDOW_POLL_S = 0.02
"""py-libp2p has no event for a window that opens."""


class StreamError(Exception):
    """The stream is reset, stuck or ended where it should not; never leaves trio."""


class Stream:
    """A Yamux stream.  Every failure is a `StreamError`."""

    def __init__(self, muxed: Any, *, stall_s: float) -> None:
        self._muxed = muxed
        self._stall_s = stall_s
        self._buffer = bytearray()
        self._gone = self._finished = self._ended = False

    async def read_some(self) -> bytes:
        """What has arrived; empty at the end of the stream."""
        if self._buffer:
            taken = bytes(self._buffer)
            self._buffer.clear()
            return taken
        try:
            data: bytes = await self._muxed.read(READ_OCTETS)
        except Exception as error:
            if type(error).__name__ == "MuxedStreamEOF":
                self._ended = True
                return b""
            raise StreamError(type(error).__name__) from error
        return data

    async def read_exactly(self, size: int) -> bytes:
        """`size` octets."""
        while len(self._buffer) < size:
            data = bytearray(self._buffer)
            self._buffer.clear()
            more = await self.read_some()
            self._buffer = data + more
            if not more:
                raise StreamError("end")
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def read_byte(self) -> int:
        """One octet."""
        return (await self.read_exactly(1))[0]

    async def write(self, data: bytes) -> None:
        """Write all; `StreamError` if the peer takes nothing for the stall time."""
        at = 0
        try:
            while at < len(data):
                window = await self._window()
                await self._muxed.write(data[at : at + window])
                at += window
        except StreamError:
            raise
        except Exception as error:
            raise StreamError(type(error).__name__) from error

    async def finish(self) -> None:
        """Say that nothing more will be written."""
        self._finished = True
        try:
            await self._muxed.close()
        except Exception as error:
            raise StreamError(type(error).__name__) from error

    async def reset(self) -> None:
        """End both directions now, if they have not ended; never raises."""
        if self._gone or (self._finished and self._ended):
            # why not reset anyway: the peer may still have to read what we wrote
            return
        self._gone = True
        waiting = self._muxed.conn.stream_events.get(self._muxed.stream_id)
        with trio.CancelScope(shield=True), suppress(Exception):
            await self._muxed.reset()
        if waiting is not None:
            waiting.set()  # py-libp2p forgets a reader of our own

    async def _window(self) -> int:
        deadline = trio.current_time() + self._stall_s
        while self._muxed.send_window <= 0:
            if self._muxed.closed or self._muxed.send_closed:
                raise StreamError("closed")
            if trio.current_time() > deadline:
                raise StreamError("stalled")
            await trio.sleep(WINDOW_POLL_S)
        return int(self._muxed.send_window)
