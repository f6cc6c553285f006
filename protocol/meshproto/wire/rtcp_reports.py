"""Reports, source descriptions and farewells (RFC 3550 sections 6.4 to 6.6).

Reports say what was sent and received; SDES carries the CNAME by which a receiver
knows which tracks to play in step; BYE ends a source.  Bodies arrive from
`rtcp_common.split`; what a profile appends behind the report blocks is ignored.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from meshproto.errors import DecodeError, StateError
from meshproto.wire import rtcp_common as common

CNAME = 1
"""The one SDES item every source must send."""

MAX_COUNT = 31
"""What the five bit count field holds: blocks, chunks or sources per packet."""

_NTP_UNIX_OFFSET_S = 2_208_988_800  # 1900 to 1970
_BLOCK = struct.Struct("!IIIIII")
_SENDER = struct.Struct("!IQIII")


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """How one source is received.

    `fraction_lost` is in 1/256 since the last report, `packets_lost` is signed (late
    duplicates make it negative), `highest_sequence` is extended by the wrap count,
    `jitter` is in timestamp ticks, `last_report` the middle of the last sender report's
    NTP time, and `delay` the time since then in 1/65536 s.
    """

    ssrc: int
    fraction_lost: int = 0
    packets_lost: int = 0
    highest_sequence: int = 0
    jitter: int = 0
    last_report: int = 0
    delay: int = 0

    def encode(self) -> bytes:
        """24 octets; `packets_lost` is clamped to its 24 bits."""
        lost = max(-0x800000, min(0x7FFFFF, self.packets_lost)) & 0xFFFFFF
        return _BLOCK.pack(
            self.ssrc,
            (self.fraction_lost & 0xFF) << 24 | lost,
            self.highest_sequence,
            self.jitter,
            self.last_report,
            self.delay,
        )


@dataclass(frozen=True, slots=True)
class SenderReport:
    """SR: `ntp_time` (64 bit, see `ntp_time`) and `rtp_time` name the same instant."""

    ssrc: int
    ntp_time: int
    rtp_time: int
    packet_count: int
    octet_count: int
    reports: tuple[ReportBlock, ...] = ()

    def encode(self) -> bytes:
        """The whole packet; counters are taken modulo 2^32."""
        sender = _SENDER.pack(
            self.ssrc,
            self.ntp_time,
            self.rtp_time & 0xFFFFFFFF,
            self.packet_count & 0xFFFFFFFF,
            self.octet_count & 0xFFFFFFFF,
        )
        return _report(common.SENDER_REPORT, sender, self.reports)


@dataclass(frozen=True, slots=True)
class ReceiverReport:
    """RR: reports about up to 31 sources by receiver `ssrc`."""

    ssrc: int
    reports: tuple[ReportBlock, ...] = ()

    def encode(self) -> bytes:
        """The whole packet."""
        return _report(common.RECEIVER_REPORT, _u32(self.ssrc), self.reports)


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """SDES: (ssrc, ((item type, value), ...)) per chunk."""

    chunks: tuple[tuple[int, tuple[tuple[int, bytes], ...]], ...]

    def encode(self) -> bytes:
        """The whole packet."""
        _check_count(len(self.chunks))
        body = b"".join(_chunk(ssrc, items) for ssrc, items in self.chunks)
        return common.frame(common.SOURCE_DESCRIPTION, len(self.chunks), body)


@dataclass(frozen=True, slots=True)
class Bye:
    """BYE: these sources end, for `reason` if one is given."""

    sources: tuple[int, ...]
    reason: bytes = b""

    def encode(self) -> bytes:
        """The whole packet."""
        _check_count(len(self.sources))
        body = struct.pack(f"!{len(self.sources)}I", *self.sources)
        if len(self.reason) > 255:
            raise StateError("BYE reason exceeds 255 octets")
        if self.reason:
            text = bytes((len(self.reason),)) + self.reason
            body += text + bytes(-len(text) % 4)
        return common.frame(common.BYE, len(self.sources), body)


def cname(ssrc: int, name: bytes) -> SourceDescription:
    """The description that gives `ssrc` its canonical name."""
    return SourceDescription(((ssrc, ((CNAME, name),)),))


def ntp_time(unix_s: float) -> int:
    """64 bit NTP time: seconds since 1900 in the upper half, fraction in the lower."""
    return int((unix_s + _NTP_UNIX_OFFSET_S) * 4294967296) & 0xFFFFFFFFFFFFFFFF


def compact_ntp(ntp: int) -> int:
    """The middle 32 bits, as `last_report` holds them (1/65536 s)."""
    return ntp >> 16 & 0xFFFFFFFF


def decode_sender_report(count: int, body: bytes) -> SenderReport:
    """Raises `DecodeError` when the promised blocks are not there."""
    if len(body) < _SENDER.size + _BLOCK.size * count:
        raise DecodeError("rtcp-sender-report")
    ssrc, ntp, rtp, packets, octets = _SENDER.unpack_from(body)
    blocks = _blocks(body, _SENDER.size, count)
    return SenderReport(ssrc, ntp, rtp, packets, octets, blocks)


def decode_receiver_report(count: int, body: bytes) -> ReceiverReport:
    """Raises `DecodeError` when the promised blocks are not there."""
    if len(body) < 4 + _BLOCK.size * count:
        raise DecodeError("rtcp-receiver-report")
    return ReceiverReport(int.from_bytes(body[:4], "big"), _blocks(body, 4, count))


def decode_source_description(count: int, body: bytes) -> SourceDescription:
    """Raises `DecodeError` when an item runs past the end or its list does not end."""
    chunks, at = [], 0
    for _ in range(count):
        if at + 4 > len(body):
            raise DecodeError("rtcp-sdes")
        ssrc = int.from_bytes(body[at : at + 4], "big")
        items, at = _items(body, at + 4)
        chunks.append((ssrc, items))
    return SourceDescription(tuple(chunks))


def decode_bye(count: int, body: bytes) -> Bye:
    """Raises `DecodeError` when a source or the reason runs past the end."""
    end = 4 * count
    if len(body) < end:
        raise DecodeError("rtcp-bye")
    sources = struct.unpack_from(f"!{count}I", body)
    if len(body) == end:
        return Bye(sources)
    if end + 1 + body[end] > len(body):
        raise DecodeError("rtcp-bye")
    return Bye(sources, body[end + 1 : end + 1 + body[end]])


def _blocks(body: bytes, start: int, count: int) -> tuple[ReportBlock, ...]:
    ends = start + _BLOCK.size * count
    return tuple(_block(body, at) for at in range(start, ends, _BLOCK.size))


def _block(body: bytes, at: int) -> ReportBlock:
    ssrc, loss, highest, jitter, last, delay = _BLOCK.unpack_from(body, at)
    lost = (loss & 0x7FFFFF) - (loss & 0x800000)
    return ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last, delay)


def _items(body: bytes, at: int) -> tuple[tuple[tuple[int, bytes], ...], int]:
    """Items up to the null octet, and where the next chunk starts."""
    items = []
    while at < len(body) and body[at]:
        if at + 2 > len(body) or at + 2 + body[at + 1] > len(body):
            raise DecodeError("rtcp-sdes")
        end = at + 2 + body[at + 1]
        items.append((body[at], body[at + 2 : end]))
        at = end
    if at >= len(body):
        raise DecodeError("rtcp-sdes")
    return tuple(items), (at | 3) + 1


def _chunk(ssrc: int, items: tuple[tuple[int, bytes], ...]) -> bytes:
    if any(not 0 < kind < 256 or len(value) > 255 for kind, value in items):
        raise StateError("SDES item out of range")
    text = b"".join(bytes((kind, len(value))) + value for kind, value in items)
    # at least one null octet ends the list, and the chunk ends on a word
    return _u32(ssrc) + text + bytes(4 - len(text) % 4)


def _report(packet_type: int, head: bytes, reports: tuple[ReportBlock, ...]) -> bytes:
    _check_count(len(reports))
    body = head + b"".join(block.encode() for block in reports)
    return common.frame(packet_type, len(reports), body)


def _check_count(count: int) -> None:
    if count > MAX_COUNT:
        raise StateError(f"{count} entries do not fit one RTCP packet")


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")
