"""Feedback from receivers: what is missing, and how much they can take.

Generic NACK and PLI (RFC 4585 sections 6.2.1 and 6.3.1), FIR (RFC 5104 section 4.3.1)
and the receiver's bandwidth estimate REMB (draft-alvestrand-rmcat-remb-03).  All share
two SSRCs: who speaks, and about which source.  Transport-wide feedback is in `twcc`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meshproto.errors import DecodeError, StateError
from meshproto.wire import rtcp_common as common

NACK_FORMAT = 1
TWCC_FORMAT = 15
PLI_FORMAT = 1
FIR_FORMAT = 4
APPLICATION_FORMAT = 15

MAX_BITRATE_BPS = 1 << 48
"""REMB can state 2^81; more than this is read as this."""

_SOURCES = struct.Struct("!II")
_PAIR = struct.Struct("!HH")
_REMB = b"REMB"


@dataclass(frozen=True, slots=True)
class Nack:
    """These packets of `media_ssrc` did not arrive.

    Kept as on the wire, (first, mask of the 16 after it): one pair of 4 octets can name
    17 packets, and it is for the reader to stop.
    """

    sender_ssrc: int
    media_ssrc: int
    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, sender_ssrc: int, media_ssrc: int, lost: Iterable[int]) -> Nack:
        """For `lost` sequence numbers in sending order (over a wrap too)."""
        return cls(sender_ssrc, media_ssrc, tuple(nack_pairs(lost)))

    def lost(self) -> Iterator[int]:
        """Every sequence number named, in the order of the pairs."""
        for first, mask in self.pairs:
            yield first
            for bit in range(16):
                if mask >> bit & 1:
                    yield first + 1 + bit & 0xFFFF

    def encode(self) -> bytes:
        """The whole packet."""
        pairs = b"".join(_PAIR.pack(*pair) for pair in self.pairs)
        body = _SOURCES.pack(self.sender_ssrc, self.media_ssrc) + pairs
        return common.frame(common.TRANSPORT_FEEDBACK, NACK_FORMAT, body)


@dataclass(frozen=True, slots=True)
class PictureLossIndication:
    """PLI: the decoder of `media_ssrc` needs a key frame."""

    sender_ssrc: int
    media_ssrc: int

    def encode(self) -> bytes:
        """The whole packet."""
        body = _SOURCES.pack(self.sender_ssrc, self.media_ssrc)
        return common.frame(common.PAYLOAD_FEEDBACK, PLI_FORMAT, body)


@dataclass(frozen=True, slots=True)
class FullIntraRequest:
    """FIR: (ssrc, command number) per source that is to send a key frame.

    A repeated command number is a retransmission, not a new request.
    """

    sender_ssrc: int
    media_ssrc: int
    entries: tuple[tuple[int, int], ...]

    def encode(self) -> bytes:
        """The whole packet."""
        body = _SOURCES.pack(self.sender_ssrc, self.media_ssrc) + b"".join(
            struct.pack("!IB3x", ssrc, number & 0xFF) for ssrc, number in self.entries
        )
        return common.frame(common.PAYLOAD_FEEDBACK, FIR_FORMAT, body)


@dataclass(frozen=True, slots=True)
class BitrateEstimate:
    """REMB: all of `ssrcs` together should stay below `bitrate_bps`."""

    sender_ssrc: int
    bitrate_bps: int
    ssrcs: tuple[int, ...]

    def encode(self) -> bytes:
        """The whole packet; the bitrate is rounded down to 18 significant bits."""
        if len(self.ssrcs) > 255 or not 0 <= self.bitrate_bps <= MAX_BITRATE_BPS:
            raise StateError("REMB out of range")
        exponent = max(0, self.bitrate_bps.bit_length() - 18)
        rate = exponent << 18 | self.bitrate_bps >> exponent
        body = _SOURCES.pack(self.sender_ssrc, 0) + _REMB
        body += (len(self.ssrcs) << 24 | rate).to_bytes(4, "big")
        body += struct.pack(f"!{len(self.ssrcs)}I", *self.ssrcs)
        return common.frame(common.PAYLOAD_FEEDBACK, APPLICATION_FORMAT, body)


def nack_pairs(lost: Iterable[int]) -> list[tuple[int, int]]:
    """The fewest (first, mask) pairs for sequence numbers in sending order."""
    pairs: list[tuple[int, int]] = []
    first, mask, open_pair = 0, 0, False
    for sequence in lost:
        distance = sequence - first & 0xFFFF
        if open_pair and distance <= 16:
            mask |= 1 << distance - 1 if distance else 0
            continue
        if open_pair:
            pairs.append((first, mask))
        first, mask, open_pair = sequence, 0, True
    if open_pair:
        pairs.append((first, mask))
    return pairs


def sources(body: bytes) -> tuple[int, int]:
    """Sender and media SSRC at the head of every feedback body."""
    if len(body) < _SOURCES.size:
        raise DecodeError("rtcp-feedback")
    sender, media = _SOURCES.unpack_from(body)
    return sender, media


def decode_nack(body: bytes) -> Nack:
    """Raises `DecodeError` without at least one whole pair (RFC 4585 6.2.1)."""
    sender, media = sources(body)
    if len(body) < 12 or len(body) % 4:
        raise DecodeError("rtcp-nack")
    return Nack(sender, media, tuple(_PAIR.iter_unpack(body[8:])))


def decode_pli(body: bytes) -> PictureLossIndication:
    """Raises `DecodeError` without both SSRCs."""
    return PictureLossIndication(*sources(body))


def decode_fir(body: bytes) -> FullIntraRequest:
    """Raises `DecodeError` without at least one whole entry."""
    sender, media = sources(body)
    if len(body) < 16 or len(body) % 8:
        raise DecodeError("rtcp-fir")
    entries = tuple(struct.iter_unpack("!IB3x", body[8:]))
    return FullIntraRequest(sender, media, entries)


def decode_remb(body: bytes) -> BitrateEstimate | None:
    """None when the application-defined message is not a REMB.

    Raises `DecodeError` when it names more sources than it holds.
    """
    sender, _ = sources(body)
    if body[8:12] != _REMB:
        return None
    if len(body) < 16 or len(body) < 16 + 4 * body[12]:
        raise DecodeError("rtcp-remb")
    word = int.from_bytes(body[12:16], "big")
    rate = (word & 0x3FFFF) << (word >> 18 & 63)
    named = struct.unpack_from(f"!{body[12]}I", body, 16)
    return BitrateEstimate(sender, min(rate, MAX_BITRATE_BPS), named)
