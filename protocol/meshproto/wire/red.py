"""Redundant audio (RFC 2198): finding the primary block.

Chromium sends Opus inside RED when that was negotiated.  A viewer without RED needs
the primary block alone, and no more than that is read here.
"""

from __future__ import annotations

from meshproto.errors import DecodeError


def decode(payload: bytes) -> list[tuple[int, int, bytes]]:
    """(payload type, timestamp offset, data) of each block, the primary one last.

    Raises `DecodeError` when headers or blocks run past the end.
    """
    headers, at = [], 0
    while at < len(payload) and payload[at] & 0x80:
        if at + 4 > len(payload):
            raise DecodeError("red-header")
        word = int.from_bytes(payload[at : at + 4], "big")
        headers.append((word >> 24 & 127, word >> 10 & 0x3FFF, word & 0x3FF))
        at += 4
    if at >= len(payload):
        raise DecodeError("red-header")
    primary_type = payload[at]
    at += 1
    blocks = []
    for payload_type, offset, length in headers:
        if at + length > len(payload):
            raise DecodeError("red-block")
        blocks.append((payload_type, offset, payload[at : at + length]))
        at += length
    blocks.append((primary_type, 0, payload[at:]))
    return blocks
