"""What every RTCP packet shares: the four-octet header, padding, and the compound.

A datagram holds one or more packets end to end (RFC 3550 section 6.1); with RFC 5506
any type may come first.  `split` walks them and hands out bodies without padding.  Its
work is bounded by the datagram and by `MAX_PACKETS`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from meshproto.errors import DecodeError

SENDER_REPORT = 200
RECEIVER_REPORT = 201
SOURCE_DESCRIPTION = 202
BYE = 203
TRANSPORT_FEEDBACK = 205
PAYLOAD_FEEDBACK = 206

MAX_PACKETS = 256
"""Packets read from one compound; more is refused."""

_HEADER = struct.Struct("!BBH")


def split(compound: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(packet type, count or format, body) of each packet.

    Raises `DecodeError` on a bad version, length or padding, after the packets before.
    """
    at, size, packets = 0, len(compound), 0
    while at < size:
        if at + 4 > size:
            raise DecodeError("rtcp-short")
        first, packet_type, words = _HEADER.unpack_from(compound, at)
        end = at + 4 + 4 * words
        packets += 1
        if first >> 6 != 2:
            raise DecodeError("rtcp-version")
        if end > size:
            raise DecodeError("rtcp-length")
        if packets > MAX_PACKETS:
            raise DecodeError("rtcp-count")
        padding = _padding(compound, at + 4, end) if first & 0x20 else 0
        yield packet_type, first & 31, compound[at + 4 : end - padding]
        at = end


def _padding(compound: bytes, start: int, end: int) -> int:
    """RFC 3550 asks for whole words; feedback of many senders pads by octets, and
    some set the bit and leave the count 0: then nothing is cut.
    """
    padding = compound[end - 1] if end > start else 1
    if padding > end - start:
        raise DecodeError("rtcp-padding")
    return padding


def frame(packet_type: int, count: int, body: bytes, padding: int = 0) -> bytes:
    """A whole packet.  `body` with `padding` octets must be whole words."""
    if padding:
        body += bytes(padding - 1) + bytes((padding,))
    first = 0x80 | (0x20 if padding else 0) | count
    return _HEADER.pack(first, packet_type, len(body) // 4) + body
