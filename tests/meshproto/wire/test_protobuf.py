from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import protobuf
from meshproto.wire.protobuf import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    fields,
    octets_field,
    read_length,
    read_varint,
    varint_field,
    write_varint,
)


@given(st.integers(0, 2**64 - 1), st.binary(max_size=4))
def test_a_varint_survives_its_octets(value: int, behind: bytes) -> None:
    octets = write_varint(value)
    assert len(octets) == max(1, (value.bit_length() + 6) // 7)
    assert read_varint(octets + behind) == (value, len(octets))
    assert read_varint(b"\xff" + octets, 1) == (value, 1 + len(octets))


@pytest.mark.parametrize(
    "octets",
    [b"", b"\x80", b"\x80" * 10 + b"\x01", b"\xff" * 9 + b"\x02"],
    ids=["empty", "cut", "eleven octets", "2^64 and more"],
)
def test_what_is_no_varint_is_refused(octets: bytes) -> None:
    with pytest.raises(DecodeError, match="protobuf-varint"):
        read_varint(octets)


def test_a_varint_may_be_long_but_a_length_must_be_minimal() -> None:
    assert read_varint(b"\x81\x00") == (1, 2)
    for octets in (b"\x81\x00", b"\x80\x00", b"\x80" * 9 + b"\x01"):
        with pytest.raises(DecodeError):
            read_length(octets)
    assert read_length(b"\xac\x02rest") == (300, 2)
    assert read_length(b"\x00") == (0, 1)


def test_fields_come_in_order_with_their_wire_types() -> None:
    data = (
        varint_field(1, 300)
        + octets_field(2, b"abc")
        + b"\x1d\1\2\3\4"
        + b"\x21\1\2\3\4\5\6\7\10"
        + octets_field(16, bytes(200))
    )
    assert list(fields(data)) == [
        (1, VARINT, 300),
        (2, BYTES, b"abc"),
        (3, FIXED32, b"\1\2\3\4"),
        (4, FIXED64, b"\1\2\3\4\5\6\7\10"),
        (16, BYTES, bytes(200)),
    ]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("0000", "protobuf-tag"),
        ("808080801000", "protobuf-tag"),
        ("0b0801", "protobuf-wire-type"),
        ("0c", "protobuf-wire-type"),
        ("0e", "protobuf-wire-type"),
        ("0f", "protobuf-wire-type"),
        ("12", "protobuf-varint"),
        ("1203616", "protobuf-length"),
        ("12ffffffffffffffffff01", "protobuf-length"),
        ("0d010203", "protobuf-length"),
        ("09010203", "protobuf-length"),
    ],
)
def test_what_is_no_field_is_refused(data: str, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        list(fields(bytes.fromhex(data + "0" * (len(data) % 2))))


numbers = st.integers(1, protobuf.FIELD_NUMBER_MAX)
pieces = st.one_of(
    st.tuples(numbers, st.just(VARINT), st.integers(0, 2**64 - 1)),
    st.tuples(numbers, st.just(BYTES), st.binary(max_size=300)),
)


@given(st.lists(pieces, max_size=8))
def test_fields_survive_their_octets(
    written: list[tuple[int, int, int | bytes]],
) -> None:
    data = b"".join(
        octets_field(number, value)
        if isinstance(value, bytes)
        else varint_field(number, value)
        for number, _, value in written
    )
    assert list(fields(data)) == written


@given(st.binary(max_size=200))
def test_reading_ends_in_fields_or_one_error(data: bytes) -> None:
    try:
        found = list(fields(data))
    except DecodeError:
        return
    assert sum(2 if isinstance(v, int) else 1 + len(v) for _, _, v in found) <= len(
        data
    )
