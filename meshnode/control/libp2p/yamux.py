"""Yamux of py-libp2p with two repairs, for exactly the version that was read.

*Window updates.*  The stock stream sends one 12-octet frame, encrypted and in a write
of its own, for every read, and doubles its window up to 16 MB.  Ours tells the peer
when half of a fixed window of 256 KiB was read: half the CPU of everything, and bounded
memory.  It is shielded, because the octets were taken out of the buffer before: a
reader that is cancelled there would lose them.

*What a peer may send.*  Nothing stops a peer from sending beyond the window; the stock
connection says so in the log and keeps it all.  Ours ends the connection.
"""

from __future__ import annotations

import importlib.metadata
from typing import Any

import trio
from libp2p.stream_muxer.yamux.yamux import (
    DEFAULT_WINDOW_SIZE,
    PROTOCOL_ID,
    Yamux,
    YamuxStream,
)

from meshproto.errors import StateError

YAMUX_PROTOCOL: str = PROTOCOL_ID
LIBP2P_VERSION = "0.8.1"
"""Whose source these repairs were written against; pyproject.toml pins the same."""

WINDOW_OCTETS: int = DEFAULT_WINDOW_SIZE
BUFFERED_OCTETS_MAX = 8 * WINDOW_OCTETS
"""Of all streams of one connection that nobody reads; each may have its window."""


class MeshYamux(Yamux):  # type: ignore[misc]  # py-libp2p is untyped to us
    """A connection that holds its peer to the window."""

    async def _read_data_body(self, length: int) -> bytes:
        held = sum(map(len, self.stream_buffers.values()))
        if length > WINDOW_OCTETS or held + length > BUFFERED_OCTETS_MAX:
            self.overflowed = True
            # the one exception that makes the caller close the connection
            raise trio.TooSlowError
        body: bytes = await super()._read_data_body(length)
        return body

    overflowed = False


async def _update_half(stream: Any, *, bytes_read: int = 0) -> None:
    """Give the peer its window back once half of it was read."""
    del bytes_read
    with trio.CancelScope(shield=True):
        async with stream.window_lock:
            buffered = len(stream.conn.stream_buffers.get(stream.stream_id, b""))
            read = WINDOW_OCTETS - stream.recv_window - buffered
            if read < WINDOW_OCTETS // 2:
                return
            stream.recv_window += read
        await stream.send_window_update(read)


def repair() -> None:
    """Put the window rule into py-libp2p.  `StateError` for another version of it."""
    found = importlib.metadata.version("libp2p")
    if found != LIBP2P_VERSION:
        raise StateError(
            f"libp2p {found} is installed, the node was made for {LIBP2P_VERSION}:"
            f" type pip install libp2p=={LIBP2P_VERSION}"
        )
    YamuxStream._auto_tune_and_send_window_update = _update_half  # noqa: SLF001
