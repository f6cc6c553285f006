"""multistream-select on a stream: which protocol will be spoken on it.

Lines behind a varint length, ending in a newline.  py-libp2p's own raises whatever the
other side's octets make Python raise (UnicodeDecodeError among them) out of the task
that serves the connection; here a wrong line is a `StreamError` like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from meshnode.control.libp2p.streams import Stream, StreamError
from meshproto.wire.protobuf import write_varint

HEADER = "/multistream/1.0.0"
NOT_AVAILABLE = "na"
LINE_OCTETS_MAX = 1024
PROPOSALS_MAX = 16
"""Protocols that one stream may be asked for before it is reset."""


def line(text: str) -> bytes:
    """`text` as it goes over the stream."""
    octets = text.encode() + b"\n"
    return write_varint(len(octets)) + octets


async def propose(stream: Stream, protocols: Sequence[str]) -> str:
    """Ask for `protocols`, best first; the one that the other side accepts."""
    # why at once: saves a round trip with whoever has our first choice
    await stream.write(line(HEADER) + line(protocols[0]))
    await _header(stream)
    for at, protocol in enumerate(protocols):
        if at:
            await stream.write(line(protocol))
        answer = await _read(stream)
        if answer == protocol:
            return protocol
        if answer != NOT_AVAILABLE:
            break
    raise StreamError("protocol")


async def answer(stream: Stream, known: Collection[str]) -> str:
    """Answer proposals until one is among `known`."""
    await stream.write(line(HEADER))
    await _header(stream)
    for _ in range(PROPOSALS_MAX):
        protocol = await _read(stream)
        if protocol in known:
            await stream.write(line(protocol))
            return protocol
        await stream.write(line(NOT_AVAILABLE))
    raise StreamError("protocol")


async def _header(stream: Stream) -> None:
    if await _read(stream) != HEADER:
        raise StreamError("multistream")


async def _read(stream: Stream) -> str:
    size = shift = 0
    while True:
        octet = await stream.read_byte()
        size |= (octet & 0x7F) << shift
        shift += 7
        if octet < 0x80:
            break
        if shift > 14:
            raise StreamError("multistream")
    if not 0 < size <= LINE_OCTETS_MAX:
        raise StreamError("multistream")
    octets = await stream.read_exactly(size)
    if not octets.endswith(b"\n") or not octets.isascii():
        raise StreamError("multistream")
    return octets[:-1].decode()
