"""Congestion control feedback: which packets of which source came, and when (RFC 8888).

Unlike transport-wide feedback it needs no numbers of its own in the packets: it names
SSRCs and their sequence numbers, so that legs, which are the same octets for every
child, can be reported on.  Times are steps of 1/1024 s before the report's timestamp,
which is the middle of an NTP time; only differences mean anything.

ECN marks are written as zero and not read: nothing here sets them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from meshproto.errors import DecodeError, StateError
from meshproto.wire import rtcp_common as common

TICKS_HZ = 1024
STAMP_HZ = 65_536
STATUSES_MAX = 512
"""Packets of one source that one report speaks of; the RFC allows 16,384."""

_FORMAT = 11
_HEAD = struct.Struct("!IHH")
_RECEIVED = 0x8000
_OFFSET = 0x1FFF
_EARLIER, _UNKNOWN = 0x1FFE, 0x1FFF

Offset = int | None
"""Ticks before the report's timestamp at which a packet came; None: it did not."""


@dataclass(frozen=True, slots=True)
class SourceReport:
    """The packets of `ssrc` from number `begin` on, one after the other."""

    ssrc: int
    begin: int
    offsets: tuple[Offset, ...]

    def packets(self) -> Iterator[tuple[int, Offset]]:
        """(sequence number, offset) of each."""
        for place, offset in enumerate(self.offsets):
            yield self.begin + place & 0xFFFF, offset


@dataclass(frozen=True, slots=True)
class CongestionFeedback:
    """One feedback packet; `stamp` counts 1/65,536 s, modulo 2^32."""

    sender_ssrc: int
    sources: tuple[SourceReport, ...]
    stamp: int

    def encode(self) -> bytes:
        """The whole packet.  Raises `StateError` for what does not fit."""
        body = [self.sender_ssrc.to_bytes(4, "big")]
        for source in self.sources:
            count = len(source.offsets)
            if not 0 < count <= STATUSES_MAX:
                raise StateError(f"a report speaks of 1 to {STATUSES_MAX} packets")
            words = [_status(offset) for offset in source.offsets]
            words += [0] * (count % 2)
            body.append(_HEAD.pack(source.ssrc, source.begin, count))
            body.append(struct.pack(f"!{len(words)}H", *words))
        body.append((self.stamp & 0xFFFFFFFF).to_bytes(4, "big"))
        return common.frame(common.TRANSPORT_FEEDBACK, _FORMAT, b"".join(body))


def _status(offset: Offset) -> int:
    return 0 if offset is None else _RECEIVED | min(max(offset, 0), _EARLIER)


def find(compound: bytes) -> list[CongestionFeedback]:
    """The feedback packets of a datagram; other packets are skipped.

    Raises `DecodeError` where it is malformed.
    """
    return [
        decode(body)
        for packet_type, fmt, body in common.split(compound)
        if (packet_type, fmt) == (common.TRANSPORT_FEEDBACK, _FORMAT)
    ]


def decode(body: bytes) -> CongestionFeedback:
    """The body of such a packet.  Raises `DecodeError`."""
    if len(body) < 8 or len(body) % 4:
        raise DecodeError("ccfb-short")
    at, end = 4, len(body) - 4
    sources = []
    while at < end:
        if at + _HEAD.size > end:
            raise DecodeError("ccfb-source")
        ssrc, begin, count = _HEAD.unpack_from(body, at)
        at += _HEAD.size
        size = 2 * (count + count % 2)
        if count > STATUSES_MAX or at + size > end:
            raise DecodeError("ccfb-count")
        words = struct.unpack_from(f"!{count}H", body, at)
        sources.append(SourceReport(ssrc, begin, tuple(map(_offset, words))))
        at += size
    stamp = int.from_bytes(body[end:], "big")
    return CongestionFeedback(int.from_bytes(body[:4], "big"), tuple(sources), stamp)


def _offset(word: int) -> Offset:
    if not word & _RECEIVED:
        return None
    # why 0: it came, and after the timestamp or at an unknown time
    return 0 if word & _OFFSET == _UNKNOWN else word & _OFFSET
