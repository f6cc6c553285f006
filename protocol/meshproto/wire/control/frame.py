"""One frame is one DTLS application datagram of a link (RFC 0006 section 2).

A frame is the MessagePack array

    [version, sender, receiver, number, acknowledged, loose, segment, ...]

Sessions of both ends say to which life of the link it belongs, `number` counts the
frames of the sender.  `loose` holds records that are sent once; a segment is the array
`[lane, sequence, octets]`, whose octets are an array of records or a part of one.  Only
segments are repeated, each as the same octets, so they are packed once and kept.

Decoding is total: a `Frame` or one `DecodeError`.  It stops at the segments, whose
octets are unpacked when they come in order; nothing hostile is expanded before.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgpack

from meshproto.errors import DecodeError

FRAME_OCTETS_MAX = 1_150
"""Plaintext of a datagram, so that no path with 1,280 octets breaks it."""

SEGMENT_OCTETS_MAX = 1_056
"""Octets in a segment: what is left beside the longest head of a frame."""

VALUE_OCTETS_MAX = 65_536
"""Octets of one record, over as many segments as it takes."""

WINDOW = 64
"""Segments of a lane that an acknowledgement can tell apart: the first missing one
and 63 behind it."""

SEGMENTS_MAX = 9
"""Segments in a frame; with them the outer array has at most 15 elements."""

LOOSE_MAX = 64
"""Loose records in a frame."""

NUMBER_MAX = 2**48 - 1
"""Largest number, sequence or session; none of them wraps."""

NORMAL, BULK = 0, 1
LANES = 2
_MORE = 2
_MASK_MAX = 2 ** (WINDOW - 1) - 1
_FIXED = 6


@dataclass(frozen=True, slots=True)
class Segment:
    """A step of a lane; `more`: its value goes on in the next one."""

    lane: int
    sequence: int
    octets: bytes
    more: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; `receiver` is 0 while the sender does not know the other's session.

    `acknowledged` has, for each lane, the highest sequence up to which all came, and a
    mask whose bit i says that sequence + 2 + i came as well; zeros at the end are left
    out.  `loose` are records as plain data (`schema.encode`).
    """

    version: int
    sender: int
    receiver: int
    number: int
    acknowledged: tuple[int, ...] = ()
    loose: tuple[Any, ...] = ()
    segments: tuple[Segment, ...] = ()


def pack_segment(segment: Segment) -> bytes:
    """A segment as `join` takes it."""
    code = segment.lane | (_MORE if segment.more else 0)
    packed: bytes = msgpack.packb((code, segment.sequence, segment.octets))
    return packed


def pack_records(packed: Sequence[bytes]) -> bytes:
    """An array of records that are packed already: octets of a segment."""
    return _array(len(packed)) + b"".join(packed)


def join_head(
    version: int, sender: int, receiver: int, number: int, acknowledged: Sequence[int]
) -> bytes:
    """The first five elements of a frame, for `join`."""
    head: bytes = msgpack.packb((version, sender, receiver, number, acknowledged))
    return head


def join(head: bytes, loose: Sequence[bytes], segments: Sequence[bytes]) -> bytes:
    """A frame from packed parts; the caller keeps to the limits."""
    outer = bytes((0x90 | (_FIXED + len(segments)),))
    return b"".join((outer, head[1:], _array(len(loose)), *loose, *segments))


def encode(frame: Frame) -> bytes:
    """The octets of a frame (`join` is the quick way)."""
    head = join_head(
        frame.version, frame.sender, frame.receiver, frame.number, frame.acknowledged
    )
    loose = [msgpack.packb(record) for record in frame.loose]
    return join(head, loose, [pack_segment(segment) for segment in frame.segments])


def decode(data: bytes) -> Frame:
    """The frame in a datagram; raises `DecodeError`."""
    if len(data) > FRAME_OCTETS_MAX:
        raise DecodeError("frame-size")
    fields = unpack(data)
    if not isinstance(fields, list) or len(fields) < _FIXED:
        raise DecodeError("frame-shape")
    version, sender, receiver, number, acknowledged, loose = fields[:_FIXED]
    if not (type(version) is type(sender) is type(receiver) is type(number) is int):
        raise DecodeError("frame-head")
    if min(version, sender, receiver + 1, number) < 1:
        raise DecodeError("frame-head")
    if max(version, sender, receiver, number) > NUMBER_MAX:
        raise DecodeError("frame-head")
    if not isinstance(loose, list) or len(loose) > LOOSE_MAX:
        raise DecodeError("frame-loose")
    if len(fields) - _FIXED > SEGMENTS_MAX:
        raise DecodeError("frame-segments")
    segments = tuple([_segment(item) for item in fields[_FIXED:]])
    acks = _acknowledged(acknowledged)
    return Frame(version, sender, receiver, number, acks, tuple(loose), segments)


def unpack(data: bytes) -> Any:
    """One MessagePack value that fills `data`; raises `DecodeError`.

    Keys of maps may be anything that can be one: records of a later version, which we
    skip, may hold them.
    """
    try:
        return msgpack.unpackb(
            data, raw=False, strict_map_key=False, object_pairs_hook=_map
        )
    except Exception as error:  # why all: msgpack raises many kinds for bad input
        raise DecodeError("frame-msgpack") from error


def _map(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key came twice")
    return found


def _acknowledged(value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > 2 * LANES:
        raise DecodeError("frame-acknowledged")
    for index, item in enumerate(value):
        limit = _MASK_MAX if index % 2 else NUMBER_MAX
        if type(item) is not int or not 0 <= item <= limit:
            raise DecodeError("frame-acknowledged")
    return tuple(value)


def _segment(item: object) -> Segment:
    if not isinstance(item, list) or len(item) != 3:
        raise DecodeError("frame-segment")
    code, sequence, octets = item
    if type(code) is not int or not 0 <= code < LANES + _MORE:
        raise DecodeError("frame-segment")
    if type(sequence) is not int or not 0 < sequence <= NUMBER_MAX:
        raise DecodeError("frame-segment")
    if type(octets) is not bytes:
        raise DecodeError("frame-segment")
    if len(octets) > SEGMENT_OCTETS_MAX:
        raise DecodeError("frame-segment")
    return Segment(code & 1, sequence, octets, code >= _MORE)


def _array(length: int) -> bytes:
    if length <= 15:
        return bytes((0x90 | length,))
    return struct.pack(">BH", 0xDC, length)
