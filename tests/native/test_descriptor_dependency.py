"""Dependency descriptors are read alike, each with the structure before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import dependency
from support.native import plain

native = pytest.importorskip("meshnode._native", reason="extension is not built")


def packed(head: bytes, bits: str, rest: bytes) -> bytes:
    bits += "0" * (-len(bits) % 8)
    body = bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))
    return head + body + rest


@st.composite
def structures(draw: st.DrawFn) -> bytes:
    """A structure of few templates and targets, well formed but for its last bits."""
    targets, steps = draw(st.integers(1, 5)), draw(st.lists(st.integers(0, 2)))
    steps = steps[:6]
    count = len(steps) + 1
    bit = st.sampled_from("01")
    flags = "1" + "".join(draw(st.lists(bit, min_size=4, max_size=4)))
    offset = draw(st.sampled_from((0, 0, 1, 62)))
    bits = f"{flags}{offset:06b}{targets - 1:05b}"
    bits += "".join(f"{step:02b}" for step in steps) + "11"
    for _ in range(count * targets):
        bits += f"{draw(st.integers(0, 3)):02b}"
    for _ in range(count):
        for back in draw(st.lists(st.integers(0, 15), max_size=2)):
            bits += f"1{back:04b}"
        bits += "0"
    template = (offset + draw(st.integers(0, count - 1))) % 64
    head = bytes((draw(st.sampled_from((0, 0x80, 0xC0))) | template, 1, 2))
    # chains, resolutions and the packet's own fields are left to chance
    return packed(head, bits, draw(st.binary(min_size=4, max_size=40)))


short = st.builds(
    lambda flags, template: bytes((flags | template, 0, 7)),
    st.sampled_from((0, 0x40, 0x80, 0xC0)),
    st.integers(0, 7) | st.integers(0, 63),
)
# no structure, and fields of their own
extended = st.builds(
    lambda head, flags, rest: head + bytes((flags & 0x7F,)) + rest,
    short,
    st.integers(0, 255),
    st.binary(max_size=12),
)
values = st.one_of(structures(), short, extended, st.binary(max_size=60))


def fields(found: dependency.Descriptor) -> object:
    told = found.structure
    structure = told and (
        told.id_offset,
        told.templates,
        told.decode_targets,
        told.chains,
        told.protected_by,
        told.target_layers,
        told.resolutions,
    )
    head = found.start, found.end, found.template_id, found.frame_number
    return head, structure, found.frame, found.active_targets, found.facts()


def in_python(stream: list[bytes]) -> list[tuple[object, str | None]]:
    found: list[tuple[object, str | None]] = []
    known: dependency.Structure | None = None
    for value in stream:
        try:
            read = dependency.parse(value, known)
        except DecodeError as error:
            found.append((None, error.reason))
            continue
        known = read.structure or known
        found.append((fields(read), None))
    return found


@given(st.lists(values, min_size=1, max_size=5))
def test_descriptors_of_a_stream_are_read_alike(stream: list[bytes]) -> None:
    found = plain(native.descriptor.parse_dependency(stream))
    assert found == plain(in_python(stream))


@given(structures(), st.lists(short | extended, min_size=1, max_size=4))
def test_packets_behind_a_structure_are_read_alike(
    first: bytes, later: list[bytes]
) -> None:
    found = plain(native.descriptor.parse_dependency([first, *later]))
    assert found == plain(in_python([first, *later]))


def test_too_many_templates_are_refused_alike() -> None:
    # a step of 0 is one more template of the same layer, and no end comes
    endless = packed(b"\x80\0\1", "10000" + "0" * 11 + "00" * 64, b"")
    found = native.descriptor.parse_dependency([endless])
    assert found == [(None, "dependency_templates")]
    assert found == in_python([endless])
