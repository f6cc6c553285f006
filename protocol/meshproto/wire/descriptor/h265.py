"""H.265 payloads (RFC 7798 section 4): key frames, layers, first slices.

The two octets of every NAL unit header hold type (6 bits), layer id (6) and temporal
id plus one (3).  Aggregation packets (type 48, section 4.4.2) and fragmentation units
(49, section 4.4.3) begin with such a header too; decoding order numbers are never
negotiated in WebRTC and not expected.  PACI packets (50) are looked through.
"""

from __future__ import annotations

from meshproto.errors import DecodeError
from meshproto.wire.descriptor.frame import FrameFacts, facts

VPS, SPS, PPS = 32, 33, 34
_AGGREGATE, _FRAGMENT, _PACI = 48, 49, 50
_PICTURES_MAX = 31  # types 0..31 are slices of pictures
_TEMPORAL_SWITCHES = range(2, 6)  # TSA and STSA pictures
_RANDOM_ACCESS = range(16, 24)
_NON_REFERENCE = frozenset(range(0, 15, 2))


def describe(payload: bytes) -> FrameFacts:
    """The facts of a packet; raises `DecodeError`."""
    try:
        return _describe(payload)
    except IndexError:
        raise DecodeError("h265_cut") from None


def _describe(payload: bytes) -> FrameFacts:
    kind = payload[0] >> 1 & 63
    second = payload[1]
    if kind == _FRAGMENT:
        unit = payload[2]
        begins = bool(unit & 0x80)
        first = begins and bool(payload[3] & 0x80)
        return _of_unit(unit & 63, payload[0], second, begins, first)
    if kind == _AGGREGATE:
        return _of_aggregate(payload)
    if kind == _PACI:
        return _describe(_without_paci(payload))
    if kind > _PACI:
        raise DecodeError("h265_type", str(kind))
    first = len(payload) > 2 and bool(payload[2] & 0x80)
    return _of_unit(kind, payload[0], second, True, first)


def _of_unit(
    kind: int, first_octet: int, second_octet: int, begins: bool, first_slice: bool
) -> FrameFacts:
    temporal = (second_octet & 7) - 1
    if temporal < 0:
        raise DecodeError("h265_temporal_id")
    spatial = (first_octet & 1) << 5 | second_octet >> 3
    picture = kind <= _PICTURES_MAX
    start = begins and (first_slice or not picture)
    access = begins and (kind in _RANDOM_ACCESS or VPS <= kind <= SPS)
    return facts(
        start,
        access and not spatial,
        spatial,
        temporal,
        access or kind in _TEMPORAL_SWITCHES,
        access,
        kind in _NON_REFERENCE,
        None,
    )


def _of_aggregate(payload: bytes) -> FrameFacts:
    best: FrameFacts | None = None
    at, size = 2, len(payload)
    while at < size:
        begin = at + 2
        at = begin + (payload[at] << 8 | payload[at + 1])
        if at < begin + 2 or at > size:
            raise DecodeError("h265_aggregate")
        first = at > begin + 2 and bool(payload[begin + 2] & 0x80)
        kind = payload[begin] >> 1 & 63
        if kind >= _AGGREGATE:
            raise DecodeError("h265_aggregate", "nested")
        found = _of_unit(kind, payload[begin], payload[begin + 1], True, first)
        if found.keyframe:
            return found
        best = best or found
    if best is None:
        raise DecodeError("h265_aggregate", "empty")
    return best


def _without_paci(payload: bytes) -> bytes:
    """The unit inside a PACI packet (section 4.4.4), its own header restored."""
    kind = payload[2] >> 1 & 63
    extension = (payload[2] & 1) << 4 | payload[3] >> 4
    if kind == _PACI:
        raise DecodeError("h265_paci", "nested")
    body = payload[4 + extension :]
    return bytes((payload[0] & 0x81 | kind << 1, payload[1])) + body
