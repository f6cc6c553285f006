"""The VP8 payload descriptor (RFC 7741 section 4.2): reading and renumbering.

    0 1 2 3 4 5 6 7
    X R N S R PID        first octet
    I L T K RSV          when X
    M PictureID          when I, one octet or two (M)
    TL0PICIDX            when L
    TID Y KEYIDX         when T or K

A receiver treats a hole in picture ids or TL0PICIDX as lost references, so a consumer
that changes its layer, or gets fewer temporal layers than were sent, needs numbers of
its own.  The fields are found once per incoming packet (`locate`) and written once per
consumer (`renumber`); the descriptor never changes its length, so a 7 bit id stays one
modulo 128.
"""

from __future__ import annotations

from typing import NamedTuple

from meshproto.errors import DecodeError
from meshproto.wire.descriptor.frame import FrameFacts

_X, _N, _S, _PID = 0x80, 0x20, 0x10, 0x07
_I, _L, _T, _K = 0x80, 0x40, 0x20, 0x10
_M, _Y = 0x80, 0x20


class Numbers(NamedTuple):
    """Where the numbers of a descriptor stand and what they are.

    Offsets are octets from the start of the payload, 0 where the field is absent.
    `picture_bits` is 7 or 15, and 0 without a picture id; `size` is the length of the
    whole descriptor.
    """

    picture_at: int
    picture_bits: int
    picture_id: int
    tl0_at: int
    tl0picidx: int
    layer_at: int
    keyidx: int
    temporal: int
    sync: bool
    size: int


class Descriptor(NamedTuple):
    """Every field of the descriptor, absent ones as 0 (RFC 7741 section 4.2)."""

    non_reference: bool
    start: bool
    partition: int
    has_temporal: bool
    has_keyidx: bool
    extended: bool
    numbers: Numbers
    keyframe: bool


def locate(payload: bytes) -> Numbers:
    """Find the numbers; `DecodeError` when the descriptor is cut."""
    try:
        return _locate(payload)
    except IndexError:
        raise DecodeError("vp8_cut") from None


_PLAIN = Numbers(0, 0, 0, 0, 0, 0, 0, 0, False, 1)


def _locate(payload: bytes) -> Numbers:
    if not payload[0] & _X:
        return _PLAIN
    flags = payload[1]
    at = 2
    picture_at = picture_bits = picture_id = tl0_at = tl0 = 0
    layer_at = keyidx = temporal = 0
    sync = False
    if flags & _I:
        picture_at, picture_id = at, payload[at]
        picture_bits = 7
        if picture_id & _M:
            picture_bits, at = 15, at + 1
            picture_id = (picture_id & 0x7F) << 8 | payload[at]
        at += 1
    if flags & _L:
        tl0_at, tl0 = at, payload[at]
        at += 1
    if flags & (_T | _K):
        octet = payload[at]
        if flags & _T:
            temporal, sync = octet >> 6, bool(octet & _Y)
        if flags & _K:
            layer_at, keyidx = at, octet & 0x1F
        at += 1
    return Numbers(
        picture_at,
        picture_bits,
        picture_id,
        tl0_at,
        tl0,
        layer_at,
        keyidx,
        temporal,
        sync,
        at,
    )


def parse(payload: bytes) -> Descriptor:
    """The whole descriptor; the frame data follows at `numbers.size`.

    Raises `DecodeError`.
    """
    numbers = locate(payload)
    first = payload[0]
    flags = payload[1] if first & _X else 0
    return Descriptor(
        non_reference=bool(first & _N),
        start=bool(first & _S),
        partition=first & _PID,
        has_temporal=bool(flags & _T),
        has_keyidx=bool(flags & _K),
        extended=bool(first & _X),
        numbers=numbers,
        keyframe=_begins_keyframe(payload, numbers.size),
    )


def _begins_keyframe(payload: bytes, size: int) -> bool:
    # section 4.3: the P bit of the frame header is 0 in a key frame
    if payload[0] & (_S | _PID) != _S or len(payload) <= size:
        return False
    return not payload[size] & 1


def _table() -> tuple[FrameFacts, ...]:
    """Indexed by start << 5 | keyframe << 4 | discardable << 3 | sync << 2 | tid."""
    return tuple(
        FrameFacts(
            start=bool(index & 32),
            keyframe=bool(index & 16),
            temporal=index & 3,
            switch_up=bool(index & (4 | 16)),
            spatial_switch=bool(index & 16),
            discardable=bool(index & 8),
        )
        for index in range(64)
    )


_FACTS = _table()


def describe(payload: bytes) -> FrameFacts:
    """The facts of a packet; raises `DecodeError`."""
    try:
        first = payload[0]
        at, index = 1, (first & _N) >> 2
        if first & _X:
            flags, at = payload[1], 2
            if flags & _I:
                at += 2 if payload[2] & _M else 1
            if flags & _L:
                at += 1
            if flags & (_T | _K):
                if flags & _T:
                    layer = payload[at]
                    index |= layer >> 6 | (layer & _Y) >> 3
                at += 1
        if first & (_S | _PID) == _S:
            index |= 32
            if not payload[at] & 1:
                index |= 16
    except IndexError:
        raise DecodeError("vp8_cut") from None
    return _FACTS[index]


def renumber(
    payload: bytes, found: Numbers, picture_id: int, tl0picidx: int, keyidx: int
) -> bytes:
    """The payload with new numbers in the fields it has (modulo their widths)."""
    head = bytearray(payload[: found.size])
    at = found.picture_at
    if found.picture_bits == 15:
        head[at] = _M | picture_id >> 8 & 0x7F
        head[at + 1] = picture_id & 0xFF
    elif at:
        head[at] = picture_id & 0x7F
    if found.tl0_at:
        head[found.tl0_at] = tl0picidx & 0xFF
    if found.layer_at:
        head[found.layer_at] = head[found.layer_at] & 0xE0 | keyidx & 0x1F
    return bytes(head) + payload[found.size :]


def rewrite(
    payload: bytes, picture_id: int, tl0picidx: int, keyidx: int | None = None
) -> bytes:
    """`locate` and `renumber` in one step; `keyidx` None keeps the packet's own.

    Raises `DecodeError`.
    """
    found = locate(payload)
    return renumber(
        payload,
        found,
        picture_id,
        tl0picidx,
        found.keyidx if keyidx is None else keyidx,
    )
