"""Peer records: signed fields, order, bounds, and bytes that are not ours."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire.control import peer
from meshproto.wire.control.peer import (
    PEER_OCTETS_MAX,
    MediaAddress,
    PeerRecord,
    Reach,
    build_peer,
    parse_peer,
)

RECORD = PeerRecord(
    node=NodeId(bytes(38)),
    epoch=1_700_000_000_000,
    version=3,
    media=(MediaAddress(bytes([192, 0, 2, 1]), 5000), MediaAddress(bytes(16), 1)),
    control=(b"/ip4/192.0.2.1/tcp/5000",),
    reach=Reach.DIRECT,
    copies=8,
    free=5,
    operator="someone",
    entry="https://node.example/",
    coordinate=(0.01, -0.02, 0.0, 0.005),
    signature=b"s" * 64,
)


def test_a_record_survives_the_wire() -> None:
    assert parse_peer(build_peer(RECORD)) == RECORD


def test_the_signature_covers_everything_but_itself() -> None:
    assert replace(RECORD, signature=b"").signed_part() == RECORD.signed_part()
    for change in (
        {"node": NodeId(b"x" * 38)},
        {"epoch": 1},
        {"version": 4},
        {"media": ()},
        {"control": ()},
        {"reach": Reach.RELAYED},
        {"copies": 9},
        {"free": 0},
        {"operator": "x"},
        {"entry": ""},
        {"coordinate": ()},
    ):
        assert replace(RECORD, **change).signed_part() != RECORD.signed_part()  # type: ignore[arg-type]


def test_what_is_signed_cannot_be_taken_for_something_else() -> None:
    assert RECORD.signed_part().startswith(b"meshnode peer record 1")


def test_epoch_goes_before_version() -> None:
    later = replace(RECORD, version=4)
    restarted = replace(RECORD, epoch=RECORD.epoch + 1, version=0)
    assert later.newer_than(RECORD)
    assert restarted.newer_than(later)
    assert not RECORD.newer_than(RECORD)
    assert not later.newer_than(restarted)


def test_a_record_without_signature_is_read_as_unsigned() -> None:
    fields = msgpack.unpackb(build_peer(RECORD))[:-1]
    assert parse_peer(msgpack.packb(fields)).signature == b""


def test_the_largest_record_fits_its_limit() -> None:
    largest = replace(
        RECORD,
        node=NodeId(b"n" * 42),
        epoch=2**48 - 1,
        version=2**32 - 1,
        media=(MediaAddress(b"a" * 16, 65_535),) * peer.MEDIA_ADDRESSES_MAX,
        copies=4096,
        free=4096,
        operator="o" * 64,
        control=(b"c" * 60,) * 4,
    )
    assert len(build_peer(largest)) <= PEER_OCTETS_MAX
    assert parse_peer(build_peer(largest)) == largest


def test_too_many_octets_are_not_even_unpacked() -> None:
    with pytest.raises(DecodeError, match="peer-size"):
        parse_peer(bytes(PEER_OCTETS_MAX + 1))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93\x01", b"\x90\x90"])
def test_what_is_no_messagepack_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_peer(data)


def test_an_address_has_four_to_sixteen_octets_and_a_port() -> None:
    fields = msgpack.unpackb(build_peer(RECORD))
    for media in ([b"abc", 5000], [b"a" * 17, 5000], [b"abcd", 0], [b"abcd", 65_536]):
        wrong = [*fields[:3], [media], *fields[4:]]
        with pytest.raises(DecodeError):
            parse_peer(msgpack.packb(wrong))


@given(st.binary(max_size=200))
def test_reading_is_total(data: bytes) -> None:
    try:
        record = parse_peer(data)
    except DecodeError:
        return
    assert parse_peer(build_peer(record)) == record


@given(st.integers(0, 400), st.integers(0, 255))
def test_one_wrong_octet_is_a_value_or_a_refusal(at: int, octet: int) -> None:
    data = bytearray(build_peer(RECORD))
    data[at % len(data)] = octet
    try:
        parse_peer(bytes(data))
    except DecodeError:
        return
