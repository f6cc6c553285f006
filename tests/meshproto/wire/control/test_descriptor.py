"""Link descriptors inside their seal: fields, bounds, and bytes that are not ours."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire.control.descriptor import (
    PLAIN_OCTETS_MAX,
    Aim,
    LinkDescriptor,
    build_descriptor,
    parse_descriptor,
)
from meshproto.wire.control.link import DESCRIPTOR_OCTETS_MAX
from meshproto.wire.control.peer import (
    PEER_OCTETS_MAX,
    MediaAddress,
    PeerRecord,
    Reach,
    build_peer,
)

ADDRESS = MediaAddress(bytes([192, 0, 2, 1]), 5000)
PEER = PeerRecord(
    *(NodeId(bytes(38)), 1_700_000_000_000, 3, (ADDRESS,), (), Reach.DIRECT, 8, 5),
    *("someone", "", (), b"s" * 64),
)
DESCRIPTOR = LinkDescriptor(
    *(9, 1, 1, 0, "abcdefgh", "p" * 24, (ADDRESS,), bytes(32), b"n" * 16, b""),
    *(1_700_000_030_000, Aim.TREE, "", PEER, b"s" * 64),
)
RECEIVER = NodeId(b"r" * 38)


def test_a_descriptor_survives_the_wire() -> None:
    assert parse_descriptor(build_descriptor(DESCRIPTOR)) == DESCRIPTOR


def test_the_signature_covers_everything_but_itself_and_the_receiver() -> None:
    signed = DESCRIPTOR.signed_part(RECEIVER)
    assert replace(DESCRIPTOR, signature=b"").signed_part(RECEIVER) == signed
    assert DESCRIPTOR.signed_part(NodeId(b"x" * 38)) != signed
    for change in (
        {"session": 10},
        {"oldest": 2},
        {"newest": 2},
        {"capabilities": 1},
        {"ufrag": "ijklmnop"},
        {"pwd": "q" * 24},
        {"candidates": ()},
        {"fingerprint": b"f" * 32},
        {"nonce": b"m" * 16},
        {"answers": b"a" * 16},
        {"expires_ms": 1},
        {"aim": Aim.OVERLAY},
        {"refused": "full"},
        {"peer": replace(PEER, version=4)},
    ):
        assert replace(DESCRIPTOR, **change).signed_part(RECEIVER) != signed  # type: ignore[arg-type]


def test_what_is_signed_cannot_be_taken_for_something_else() -> None:
    assert DESCRIPTOR.signed_part(RECEIVER).startswith(b"meshnode link descriptor 1")


def test_the_largest_peer_record_leaves_room_for_addresses() -> None:
    peer = replace(PEER, control=(b"c" * 96,) * 4, operator="o" * 64, entry="e" * 96)
    while len(build_peer(peer)) < PEER_OCTETS_MAX:
        peer = replace(peer, entry=peer.entry + "e")
    assert len(build_peer(peer)) == PEER_OCTETS_MAX
    full = replace(DESCRIPTOR, peer=peer, candidates=(ADDRESS,) * 3, answers=b"a" * 16)
    assert len(build_descriptor(full)) <= PLAIN_OCTETS_MAX < DESCRIPTOR_OCTETS_MAX


def test_a_descriptor_too_long_for_its_seal_is_not_built() -> None:
    peer = replace(PEER, control=(b"c" * 96,) * 9)
    with pytest.raises(DecodeError, match="descriptor-size"):
        build_descriptor(replace(DESCRIPTOR, peer=peer))
    with pytest.raises(DecodeError, match="descriptor-size"):
        parse_descriptor(bytes(PLAIN_OCTETS_MAX + 1))


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x93\x01", b"\x90\x90", b"\x90"])
def test_what_is_no_descriptor_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        parse_descriptor(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[(0, 0), (0, 2**48), (1, 0), (2, 256), (3, 2**32), (4, "u" * 33)],
        *[(5, "p" * 65), (6, [[b"abcd", 1]] * 9), (6, [[b"abc", 1]]), (7, b"f" * 31)],
        *[(8, b"n" * 15), (9, b"n" * 17), (10, -1), (11, 2), (12, "x" * 25)],
        *[(13, None), (14, b"s" * 65)],
    ],
)
def test_a_field_out_of_bounds_refuses_the_descriptor(field, value) -> None:
    fields = msgpack.unpackb(build_descriptor(DESCRIPTOR))
    fields[field] = value
    with pytest.raises(DecodeError):
        parse_descriptor(msgpack.packb(fields))


def test_fields_of_a_later_version_are_ignored() -> None:
    fields = [*msgpack.unpackb(build_descriptor(DESCRIPTOR)), "news"]
    assert parse_descriptor(msgpack.packb(fields)) == DESCRIPTOR


@given(st.integers(0, 600), st.integers(0, 255))
def test_one_wrong_octet_is_a_value_or_a_refusal(at: int, octet: int) -> None:
    data = bytearray(build_descriptor(DESCRIPTOR))
    data[at % len(data)] = octet
    try:
        parse_descriptor(bytes(data))
    except DecodeError:
        return
