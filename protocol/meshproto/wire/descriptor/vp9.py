"""The VP9 payload descriptor (RFC 9628 section 4.2).

    0 1 2 3 4 5 6 7
    I P L F B E V Z      first octet
    M picture id         when I, 7 or 15 bits
    TID U SID D          when L
    TL0PICIDX            when L and not F
    P_DIFF N             when P and F, up to three
    scalability structure  when V (section 4.2.1)

`describe` stops at the layer octet, which is all that forwarding needs; `parse` reads
everything, for tests and for the layer sizes in the scalability structure.
"""

from __future__ import annotations

from typing import NamedTuple

from meshproto.errors import DecodeError
from meshproto.wire.descriptor.frame import FrameFacts, facts

_I, _P, _L, _F, _B, _E, _V, _Z = (0x80 >> bit for bit in range(8))
_REFERENCES_MAX = 3


class PictureOfGroup(NamedTuple):
    """One picture of the group that the scalability structure lays out."""

    temporal: int
    switch_up: bool
    references: tuple[int, ...]


class Structure(NamedTuple):
    """The scalability structure; `sizes` (width, height) and `group` may be empty."""

    spatial_layers: int
    sizes: tuple[tuple[int, int], ...]
    has_group: bool
    group: tuple[PictureOfGroup, ...]


class Descriptor(NamedTuple):
    """Every field; absent numbers are 0.  Frame data follows at `size`."""

    has_picture_id: bool
    inter_picture: bool
    has_layer: bool
    flexible: bool
    begins: bool
    ends: bool
    not_reference: bool
    picture_id: int
    temporal: int
    switch_up: bool
    spatial: int
    inter_layer: bool
    tl0picidx: int
    references: tuple[int, ...]
    structure: Structure | None
    size: int


def parse(payload: bytes) -> Descriptor:
    """The whole descriptor; raises `DecodeError`."""
    try:
        return _parse(payload)
    except IndexError:
        raise DecodeError("vp9_cut") from None


def _parse(payload: bytes) -> Descriptor:
    first = payload[0]
    at, picture_id, layer, tl0 = 1, 0, 0, 0
    if first & _I:
        picture_id, at = _picture_id(payload, at)
    if first & _L:
        layer, at = payload[at], at + 1
        if not first & _F:
            tl0, at = payload[at], at + 1
    references: tuple[int, ...] = ()
    if first & _P and first & _F:
        references, at = _references(payload, at)
    structure = None
    if first & _V:
        structure, at = _structure(payload, at)
    return Descriptor(
        has_picture_id=bool(first & _I),
        inter_picture=bool(first & _P),
        has_layer=bool(first & _L),
        flexible=bool(first & _F),
        begins=bool(first & _B),
        ends=bool(first & _E),
        not_reference=bool(first & _Z),
        picture_id=picture_id,
        temporal=layer >> 5,
        switch_up=bool(layer & 0x10),
        spatial=layer >> 1 & 7,
        inter_layer=bool(layer & 1),
        tl0picidx=tl0,
        references=references,
        structure=structure,
        size=at,
    )


def _picture_id(payload: bytes, at: int) -> tuple[int, int]:
    octet = payload[at]
    if octet & 0x80:
        return (octet & 0x7F) << 8 | payload[at + 1], at + 2
    return octet, at + 1


def _references(payload: bytes, at: int) -> tuple[tuple[int, ...], int]:
    found = []
    for _ in range(_REFERENCES_MAX):
        octet, at = payload[at], at + 1
        found.append(octet >> 1)
        if not octet & 1:
            return tuple(found), at
    raise DecodeError("vp9_references", "more than three")


def _structure(payload: bytes, at: int) -> tuple[Structure, int]:
    octet, at = payload[at], at + 1
    layers = (octet >> 5) + 1
    sizes = []
    if octet & 0x10:
        for _ in range(layers):
            width, at = payload[at] << 8 | payload[at + 1], at + 2
            height, at = payload[at] << 8 | payload[at + 1], at + 2
            sizes.append((width, height))
    group = []
    if octet & 0x08:
        pictures, at = payload[at], at + 1
        for _ in range(pictures):
            picture, at = _picture_of_group(payload, at)
            group.append(picture)
    structure = Structure(layers, tuple(sizes), bool(octet & 0x08), tuple(group))
    return structure, at


def _picture_of_group(payload: bytes, at: int) -> tuple[PictureOfGroup, int]:
    octet, at = payload[at], at + 1
    end = at + (octet >> 2 & 3)
    if end > len(payload):
        raise DecodeError("vp9_cut")
    picture = PictureOfGroup(octet >> 5, bool(octet & 0x10), tuple(payload[at:end]))
    return picture, end


def describe(payload: bytes) -> FrameFacts:
    """The facts of a packet; raises `DecodeError`.

    A key picture is one whose lowest spatial layer is not predicted from another
    picture; its upper layers are predicted from the lower ones only.
    """
    try:
        first = payload[0]
        layer = 0
        if first & _L:
            at = 1
            if first & _I:
                at = 3 if payload[1] & 0x80 else 2
            layer = payload[at]
    except IndexError:
        raise DecodeError("vp9_cut") from None
    spatial = layer >> 1 & 7
    intra = first & (_B | _P) == _B
    keyframe = intra and not spatial
    return facts(
        bool(first & _B),
        keyframe,
        spatial,
        layer >> 5,
        keyframe or bool(layer & 0x10),
        intra,
        False,
        bool(first & _E),
    )
