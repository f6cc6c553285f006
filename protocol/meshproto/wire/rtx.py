"""Retransmission in a stream of its own (RFC 4588 section 4).

An RTX packet is the original with another SSRC, payload type and sequence number, and
the original sequence number as the first two octets of its payload.  Header extension,
marker, timestamp and padding stay where they are, so both directions are slices.
"""

from __future__ import annotations

import struct

from meshproto.errors import DecodeError
from meshproto.wire import rtp

_HEAD = struct.Struct("!BBHII")


def wrap(packet: bytes, ssrc: int, payload_type: int, sequence: int) -> bytes:
    """`packet` as retransmission.  Raises `DecodeError` if it is not RTP."""
    view = rtp.parse(packet)
    head = _head(packet, view, ssrc, payload_type, sequence)
    body = view.header_length
    return b"".join((head, packet[12:body], packet[2:4], packet[body:]))


def unwrap(packet: bytes, ssrc: int, payload_type: int) -> bytes:
    """The original packet of `ssrc` and `payload_type`.

    Raises `DecodeError("rtx-short")` when the payload cannot hold the original number:
    a probe that consists of padding looks like that and carries nothing.
    """
    view = rtp.parse(packet)
    if view.payload_length < 2:
        raise DecodeError("rtx-short")
    body = view.header_length
    original = int.from_bytes(packet[body : body + 2], "big")
    head = _head(packet, view, ssrc, payload_type, original)
    return b"".join((head, packet[12:body], packet[body + 2 :]))


def _head(
    packet: bytes, view: rtp.RtpView, ssrc: int, payload_type: int, sequence: int
) -> bytes:
    second = payload_type | (0x80 if view.marker else 0)
    return _HEAD.pack(packet[0], second, sequence & 0xFFFF, view.timestamp, ssrc)
