"""VP8 descriptors built field by field (RFC 7741 section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import vp8


@dataclass(frozen=True)
class Fields:
    """What a descriptor says; None leaves a field out."""

    start: bool
    partition: int
    non_reference: bool
    picture_bits: int
    picture_id: int
    tl0: int | None
    layer: tuple[int, bool] | None
    keyidx: int | None

    def encode(self) -> bytes:
        flags = (
            0x80 * (self.picture_bits > 0)
            | 0x40 * (self.tl0 is not None)
            | 0x20 * (self.layer is not None)
            | 0x10 * (self.keyidx is not None)
        )
        first = (
            0x80 * (flags > 0)
            | 0x20 * self.non_reference
            | 0x10 * self.start
            | self.partition
        )
        out = bytes((first,)) + (bytes((flags,)) if flags else b"")
        if self.picture_bits == 15:
            out += (0x8000 | self.picture_id).to_bytes(2, "big")
        elif self.picture_bits:
            out += bytes((self.picture_id & 0x7F,))
        if self.tl0 is not None:
            out += bytes((self.tl0,))
        if flags & 0x30:
            tid, sync = self.layer or (0, False)
            out += bytes((tid << 6 | sync << 5 | (self.keyidx or 0),))
        return out


FIELDS = st.builds(
    Fields,
    start=st.booleans(),
    partition=st.integers(0, 7),
    non_reference=st.booleans(),
    picture_bits=st.sampled_from([0, 7, 15]),
    picture_id=st.integers(0, 0x7FFF),
    tl0=st.none() | st.integers(0, 255),
    layer=st.none() | st.tuples(st.integers(0, 3), st.booleans()),
    keyidx=st.none() | st.integers(0, 31),
)


@given(FIELDS, st.binary(min_size=1, max_size=8))
def test_every_field_is_read_back(fields: Fields, data: bytes) -> None:
    found = vp8.parse(fields.encode() + data)
    numbers = found.numbers
    assert numbers.size == len(fields.encode())
    assert numbers.picture_bits == fields.picture_bits
    if fields.picture_bits:
        assert numbers.picture_id == fields.picture_id % (1 << fields.picture_bits)
    assert numbers.tl0picidx == (fields.tl0 or 0)
    assert (numbers.temporal, numbers.sync) == (fields.layer or (0, False))
    assert numbers.keyidx == (fields.keyidx or 0)
    assert (found.start, found.partition) == (fields.start, fields.partition)
    assert found.non_reference is fields.non_reference
    assert found.has_temporal is (fields.layer is not None)
    assert found.has_keyidx is (fields.keyidx is not None)


@given(FIELDS, st.binary(min_size=1, max_size=8))
def test_the_short_way_says_the_same(fields: Fields, data: bytes) -> None:
    payload = fields.encode() + data
    found, facts = vp8.parse(payload), vp8.describe(payload)
    assert facts.start is (fields.start and fields.partition == 0)
    assert facts.keyframe is (facts.start and not data[0] & 1) is found.keyframe
    assert facts.temporal == found.numbers.temporal
    assert facts.switch_up is (found.numbers.sync or facts.keyframe)
    assert facts.discardable is fields.non_reference
    assert facts.end is None


@given(
    FIELDS,
    st.integers(0, 1 << 20),
    st.integers(0, 1 << 20),
    st.integers(0, 1 << 20),
    st.binary(max_size=8),
)
def test_new_numbers_leave_everything_else_alone(
    fields: Fields, picture_id: int, tl0: int, keyidx: int, data: bytes
) -> None:
    payload = fields.encode() + data
    written = vp8.renumber(payload, vp8.locate(payload), picture_id, tl0, keyidx)
    changed = Fields(
        fields.start,
        fields.partition,
        fields.non_reference,
        fields.picture_bits,
        picture_id & 0x7FFF,
        None if fields.tl0 is None else tl0 & 0xFF,
        fields.layer,
        None if fields.keyidx is None else keyidx & 0x1F,
    )
    assert written == changed.encode() + data


@given(FIELDS, st.data())
def test_a_cut_descriptor_is_refused(fields: Fields, data: st.DataObject) -> None:
    whole = fields.encode()
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(DecodeError):
        vp8.locate(cut)


def test_rewriting_keeps_keyidx_unless_told() -> None:
    payload = bytes.fromhex("90f0800a0725aa")
    assert vp8.rewrite(payload, 1, 2) == bytes.fromhex("90f080010225aa")
    assert vp8.rewrite(payload, 1, 2, 9) == bytes.fromhex("90f080010229aa")


@pytest.mark.parametrize("payload", ["90", "9080", "908080", "10"])
def test_a_start_without_frame_data_is_refused(payload: str) -> None:
    with pytest.raises(DecodeError):
        vp8.describe(bytes.fromhex(payload))


def test_a_middle_packet_needs_no_look_at_the_data() -> None:
    assert not vp8.describe(bytes.fromhex("00")).start
    assert not vp8.parse(bytes.fromhex("00")).keyframe
