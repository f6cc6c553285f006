"""RTP packets, read in place (RFC 3550 section 5).

A forwarder looks at a packet once, when it arrives, and sends it many times.  So
`parse` builds no packet object: it answers with numbers and offsets into the bytes
that the caller already holds, and whoever rewrites copies slices between the offsets.
The answer is a named tuple and not a dataclass because it is made for every packet
received, and a tuple costs a third.

`parse` checks everything that a later slice relies on: version, CSRC list, extension
length, and padding with 0 < count <= what follows the header (RFC 3550 section 5.1).
The elements inside the extension are read by `extensions.spans`, when wanted.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from meshproto.errors import DecodeError, StateError
from meshproto.wire import extensions as header_extensions

HEADER_LENGTH = 12
"""Octets of the fixed header, without CSRC list and extension."""

_FIXED = struct.Struct("!BBHII")
_EXTENSION = struct.Struct("!HH")


class RtpView(NamedTuple):
    """Where things are in one RTP packet.

    The payload is `packet[header_length : header_length + payload_length]`, and
    `padding_length` octets follow it, the count included.  The extension's elements lie
    in `packet[extension_offset : extension_offset + extension_length]`; the offset is
    0 when there is no extension.
    """

    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    header_length: int
    payload_length: int
    padding_length: int
    extension_profile: int
    extension_offset: int
    extension_length: int


def parse(packet: bytes) -> RtpView:
    """Read the header.  Raises `DecodeError` unless the packet is well formed."""
    size = len(packet)
    if size < HEADER_LENGTH:
        raise DecodeError("rtp-short")
    first, second, sequence, timestamp, ssrc = _FIXED.unpack_from(packet)
    if first >> 6 != 2:
        raise DecodeError("rtp-version")
    header = HEADER_LENGTH + 4 * (first & 15)
    profile = offset = length = 0
    if first & 0x10:
        profile, offset, length = _extension(packet, header)
        header = offset + length
    if header > size:
        raise DecodeError("rtp-header")
    padding = _padding(packet, header) if first & 0x20 else 0
    return RtpView(
        second > 127,
        second & 127,
        sequence,
        timestamp,
        ssrc,
        header,
        size - header - padding,
        padding,
        profile,
        offset,
        length,
    )


def _extension(packet: bytes, start: int) -> tuple[int, int, int]:
    """Profile, offset and length of the extension whose header is at `start`."""
    if start + 4 > len(packet):
        raise DecodeError("rtp-extension")
    profile, words = _EXTENSION.unpack_from(packet, start)
    return profile, start + 4, 4 * words


def _padding(packet: bytes, header: int) -> int:
    padding = packet[-1]
    if not 0 < padding <= len(packet) - header:
        raise DecodeError("rtp-padding")
    return padding


def csrcs(packet: bytes) -> tuple[int, ...]:
    """The contributing sources of a packet that `parse` accepted."""
    return struct.unpack_from(f"!{packet[0] & 15}I", packet, HEADER_LENGTH)


def payload(packet: bytes, view: RtpView) -> bytes:
    """The payload without padding."""
    return packet[view.header_length : view.header_length + view.payload_length]


def build(
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload: bytes = b"",
    *,
    marker: bool = False,
    csrcs: Sequence[int] = (),
    extensions: Sequence[tuple[int, bytes]] = (),
    profile: int | None = None,
    padding: int = 0,
) -> bytes:
    """Write a packet; sequence and timestamp are taken modulo their width.

    `extensions` are (id, value) pairs.  `profile` None picks the one-byte form where it
    can hold them (RFC 8285 section 4.1.2); with any other profile than the two of RFC
    8285 the values are joined as they are.  `padding` is in octets, 0 to 255.
    """
    if not 0 <= payload_type <= 127 or not 0 <= padding <= 255 or len(csrcs) > 15:
        raise StateError("payload type, padding or CSRC count out of range")
    first = 0x80 | (0x20 if padding else 0) | len(csrcs)
    block = _extension_block(extensions, profile)
    second = payload_type | (0x80 if marker else 0)
    fixed = _FIXED.pack(
        first | (0x10 if block else 0),
        second,
        sequence & 0xFFFF,
        timestamp & 0xFFFFFFFF,
        ssrc,
    )
    sources = struct.pack(f"!{len(csrcs)}I", *csrcs)
    trailer = bytes(padding - 1) + bytes((padding,)) if padding else b""
    return b"".join((fixed, sources, block, payload, trailer))


def _extension_block(
    elements: Sequence[tuple[int, bytes]], profile: int | None
) -> bytes:
    if profile is None:
        if not elements:
            return b""
        profile = header_extensions.profile_for(elements)
    body = header_extensions.encode(profile, elements)
    return _EXTENSION.pack(profile, len(body) // 4) + body
