"""AV1 payloads (AV1 RTP specification 1.0, section 4): aggregation header and OBUs.

    Z Y W W N - - -      aggregation header: the first element continues (Z), the last
                         is continued (Y), number of elements or 0 (W), new coded video
                         sequence (N)

Elements carry a leb128 length, but for the last one when W says how many there are.
`describe` looks at the aggregation header and the first OBUs; streams with a
dependency descriptor tell more there, also when the payload is encrypted.
"""

from __future__ import annotations

from typing import NamedTuple

from meshproto.errors import DecodeError
from meshproto.wire.descriptor.frame import MIDDLE, FrameFacts, facts

SEQUENCE_HEADER, DELIMITER, FRAME_HEADER, METADATA, FRAME = 1, 2, 3, 5, 6
_OPENING = frozenset({SEQUENCE_HEADER, DELIMITER, FRAME_HEADER, METADATA, FRAME})
_LEB128_OCTETS_MAX = 8


class Aggregation(NamedTuple):
    """One payload split into its OBU elements, without their length fields."""

    continues: bool
    continued: bool
    element_count: int
    new_sequence: bool
    elements: tuple[bytes, ...]


def parse(payload: bytes) -> Aggregation:
    """Split a payload; raises `DecodeError`."""
    if len(payload) < 2:
        raise DecodeError("av1_cut")
    header = payload[0]
    if header & 0x80 and header & 0x08:
        # section 4.4: a new sequence cannot begin with the rest of an older OBU
        raise DecodeError("av1_new_sequence_continues")
    count = header >> 4 & 3
    return Aggregation(
        bool(header & 0x80),
        bool(header & 0x40),
        count,
        bool(header & 0x08),
        tuple(_elements(payload, count)),
    )


def _elements(payload: bytes, count: int) -> list[bytes]:
    elements: list[bytes] = []
    at, size = 1, len(payload)
    while at < size:
        length = size - at
        if len(elements) + 1 != count:
            length, at = _leb128(payload, at)
        if at + length > size:
            raise DecodeError("av1_element_size")
        elements.append(payload[at : at + length])
        at += length
    if len(elements) < count:
        raise DecodeError("av1_element_count")
    return elements


def _leb128(data: bytes, at: int) -> tuple[int, int]:
    """Value and the offset behind it."""
    value = 0
    for shift in range(0, 7 * _LEB128_OCTETS_MAX, 7):
        if at >= len(data):
            raise DecodeError("av1_cut")
        octet, at = data[at], at + 1
        value |= (octet & 0x7F) << shift
        if not octet & 0x80:
            return value, at
    raise DecodeError("av1_leb128")


def describe(payload: bytes) -> FrameFacts:
    """The facts of a packet; raises `DecodeError`.

    The sequence header opens a key frame unless the frame that follows it in the same
    packet says it is none (encoders may repeat the header).
    """
    header = payload[0]
    if header & 0x80:
        return MIDDLE
    if len(payload) < 2:
        raise DecodeError("av1_cut")
    at = 1 if header & 0x30 == 0x10 else _leb128(payload, 1)[1]
    if at >= len(payload):
        raise DecodeError("av1_cut")
    obu = payload[at]
    kind = obu >> 3 & 15
    keyframe = bool(header & 0x08) or (
        kind in {SEQUENCE_HEADER, DELIMITER} and _opens_key_frame(payload)
    )
    spatial = temporal = 0
    if obu & 4:
        if at + 1 >= len(payload):
            raise DecodeError("av1_cut")
        temporal, spatial = payload[at + 1] >> 5, payload[at + 1] >> 3 & 3
    key = keyframe and not spatial
    start = kind in _OPENING
    return facts(start, key, spatial, temporal, keyframe, keyframe, False, None)


def _opens_key_frame(payload: bytes) -> bool:
    sequence = False
    for element in parse(payload).elements:
        if not element:
            continue
        kind = element[0] >> 3 & 15
        if kind == SEQUENCE_HEADER:
            sequence = True
        elif kind in {FRAME, FRAME_HEADER}:
            return sequence and _is_key_frame(element)
    return sequence


def _is_key_frame(element: bytes) -> bool:
    """show_existing_frame = 0 and frame_type = KEY_FRAME (AV1 section 5.9.2)."""
    at = 2 if element[0] & 4 else 1
    if element[0] & 2:
        at = _leb128(element, at)[1]
    return at < len(element) and not element[at] & 0xE0
