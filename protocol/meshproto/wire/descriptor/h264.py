"""H.264 payloads (RFC 6184 section 5): what a packet carries, and rebuilding streams.

A payload is one NAL unit, several under one STAP-A (section 5.7.1), or a piece of one
under FU-A (section 5.8).  STAP-B, MTAP and FU-B belong to the interleaved mode, which
WebRTC never uses; they are refused.

Nothing in these payloads numbers frames.  A picture's first slice is known by
first_mb_in_slice = 0, which the exp-Golomb code writes as a leading 1 bit right behind
the NAL unit header; parameter sets, SEI and access unit delimiters precede it.
"""

from __future__ import annotations

from meshproto.errors import DecodeError
from meshproto.wire.descriptor.frame import FrameFacts

IDR, SEI, SPS, PPS, DELIMITER = 5, 6, 7, 8, 9
_STAP_A, _FU_A = 24, 28
_SLICES = range(1, 6)
_START_CODE = b"\0\0\0\1"

_MIDDLE = FrameFacts()
_FIRST = FrameFacts(start=True)
_KEY = FrameFacts(start=True, keyframe=True, switch_up=True, spatial_switch=True)
_MIDDLE_DISCARDABLE = FrameFacts(discardable=True)
_FIRST_DISCARDABLE = FrameFacts(start=True, discardable=True)


def describe(payload: bytes) -> FrameFacts:
    """The facts of a packet; raises `DecodeError`.

    `keyframe` on a sequence parameter set too: encoders send it before every IDR
    picture, in the same access unit, and a decoder needs it.
    """
    try:
        header = payload[0]
        kind = header & 31
        if kind == _FU_A:
            unit = payload[1]
            if not unit & 0x80:
                return _MIDDLE if header & 0x60 else _MIDDLE_DISCARDABLE
            return _of_unit(header & 0x60 | unit & 31, payload[2])
        if kind == _STAP_A:
            return _of_aggregate(payload)
    except IndexError:
        raise DecodeError("h264_cut") from None
    if not 0 < kind < _STAP_A:
        raise DecodeError("h264_type", str(kind))
    return _of_unit(header, payload[1] if len(payload) > 1 else 0)


def _of_unit(header: int, following: int) -> FrameFacts:
    kind = header & 31
    if kind in {IDR, SPS}:
        return _KEY
    if kind not in _SLICES:
        return _FIRST
    if following & 0x80:
        return _FIRST if header & 0x60 else _FIRST_DISCARDABLE
    return _MIDDLE if header & 0x60 else _MIDDLE_DISCARDABLE


def _of_aggregate(payload: bytes) -> FrameFacts:
    found = [
        _of_unit(payload[at], payload[at + 1] if at + 1 < end else 0)
        for at, end in _spans(payload)
    ]
    if _KEY in found:
        return _KEY
    return _FIRST if found[0].start else found[0]


def _spans(payload: bytes) -> list[tuple[int, int]]:
    """Begin and end of each NAL unit of a STAP-A."""
    spans = []
    at, size = 1, len(payload)
    while at < size:
        if at + 2 > size:
            raise DecodeError("h264_cut")
        begin = at + 2
        at = begin + (payload[at] << 8 | payload[at + 1])
        if at == begin or at > size:
            raise DecodeError("h264_aggregate")
        spans.append((begin, at))
    if not spans:
        raise DecodeError("h264_aggregate", "empty")
    return spans


def unit_types(payload: bytes) -> list[int]:
    """The NAL unit types in one payload, a fragment counting as its unit."""
    if not payload:
        raise DecodeError("h264_cut")
    kind = payload[0] & 31
    if kind == _STAP_A:
        return [payload[begin] & 31 for begin, _ in _spans(payload)]
    if kind == _FU_A:
        if len(payload) < 2:
            raise DecodeError("h264_cut")
        return [payload[1] & 31]
    if not 0 < kind < _STAP_A:
        raise DecodeError("h264_type", str(kind))
    return [kind]


class Depacketizer:
    """Rebuilds an Annex B byte stream from payloads in sequence order.

    `unit_bytes_max` bounds a unit that never ends.
    """

    def __init__(self, unit_bytes_max: int = 4_000_000) -> None:
        self.unit_bytes_max = unit_bytes_max
        self._fragment: bytearray | None = None

    def push(self, payload: bytes) -> bytes:
        """The NAL units that this payload completes, each behind a start code.

        Raises `DecodeError`, dropping the unit under construction.
        """
        kind = unit_types(payload) and payload[0] & 31
        if kind == _FU_A:
            return self._push_fragment(payload)
        self._fragment = None
        if kind == _STAP_A:
            units = [payload[begin:end] for begin, end in _spans(payload)]
        else:
            units = [payload]
        return b"".join(_START_CODE + unit for unit in units)

    def lost(self) -> None:
        """Packets are missing here: forget the unit under construction."""
        self._fragment = None

    def _push_fragment(self, payload: bytes) -> bytes:
        header = payload[1]
        if header & 0x80:
            unit = payload[0] & 0xE0 | header & 31
            self._fragment = bytearray((*_START_CODE, unit))
        if self._fragment is None:
            return b""
        self._fragment += payload[2:]
        if len(self._fragment) > self.unit_bytes_max:
            self._fragment = None
            raise DecodeError("h264_unit_size")
        if not header & 0x40:
            return b""
        done, self._fragment = bytes(self._fragment), None
        return done
