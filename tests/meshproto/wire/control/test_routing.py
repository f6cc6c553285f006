"""Records of routing (RFC 0010 section 4)."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.ids import NodeId, ShortId, StreamId, short_id
from meshproto.wire.control import schema
from meshproto.wire.control.offer import Offer, Standing
from meshproto.wire.control.routing import (
    METRIC_INFINITE,
    RoutingRecord,
    SeqnoRequest,
    Step,
    TableDigest,
    TableRequest,
    Update,
    Want,
    signed_part,
)

ORIGIN = NodeId(b"twelve bytes")

nodes = st.binary(min_size=8, max_size=42).map(NodeId)
epochs = st.integers(0, 2**48 - 1)
seqnos = st.integers(0, 65_535)


def standing(offer: Offer) -> Standing:
    return Standing(offer.in_tree, offer.delay_s, offer.slots, offer.room)


offers = st.builds(
    Offer,
    st.binary(min_size=16, max_size=16).map(StreamId),
    st.booleans(),
    st.integers(0, 6_000_000).map(lambda units: units / 100_000),
    st.integers(0, 255),
    st.integers(0, 65_535),
)
records: st.SearchStrategy[Any] = st.one_of(
    st.builds(
        Update,
        nodes,
        epochs,
        seqnos,
        st.integers(0, METRIC_INFINITE),
        st.integers(0, 31),
        st.lists(offers, max_size=8).map(tuple),
        st.binary(max_size=64).filter(bool),
    ),
    st.builds(SeqnoRequest, nodes, epochs, seqnos, st.integers(1, 31)),
    st.builds(TableDigest, st.binary(min_size=8, max_size=8)),
    st.just(TableRequest()),
    st.builds(Want, nodes, st.integers(1, 31)),
    st.builds(
        Step,
        st.binary(min_size=8, max_size=8).map(ShortId),
        st.integers(0, METRIC_INFINITE),
        st.integers(0, 31),
        st.lists(offers.map(standing), max_size=8).map(tuple),
        st.none() | seqnos,
        st.binary(min_size=1, max_size=64),
    ),
)
KINDS = (Update, SeqnoRequest, TableDigest, TableRequest, Want, Step)


def through_bytes(record: RoutingRecord) -> object:
    return msgpack.unpackb(msgpack.packb(schema.encode(record)))


@given(records)
def test_every_record_survives_bytes(record: RoutingRecord) -> None:
    assert schema.decode(through_bytes(record)) == record


def test_kinds_are_those_of_routing() -> None:
    assert [kind.KIND for kind in KINDS] == [48, 49, 50, 51, 52, 53]


def test_all_of_them_are_delivered_in_order() -> None:
    # a digest speaks of the updates ahead of it: the same lane for all
    for kind in KINDS:
        assert kind.RELIABLE
        assert not kind.BULK


def test_an_update_without_its_last_field_is_unsigned() -> None:
    update = Update(ORIGIN, 1, 2, 3, 4, (), b"signature")
    plain = schema.encode(update)[:-1]
    decoded = schema.decode(plain)
    assert decoded == Update(ORIGIN, 1, 2, 3, 4, ())


def test_an_update_of_a_settled_mesh_is_small() -> None:
    update = Update(NodeId(bytes(38)), 1_750_000_000_000, 7, 480, 4, ())
    assert len(msgpack.packb(schema.encode(update))) <= 64


def test_a_step_is_a_third_of_the_update_that_it_stands_for() -> None:
    offer = Offer(StreamId(bytes(16)), True, 0.0482, 3, 17)
    origin = NodeId(bytes(38))
    update = Update(origin, 1_750_000_000_000, 7, 480, 4, (offer,))
    step = Step(short_id(origin), 480, 4, (standing(offer),))
    whole = len(msgpack.packb(schema.encode(update)))
    assert 3 * len(msgpack.packb(schema.encode(step))) <= whole


@pytest.mark.parametrize(
    "plain",
    [
        [48],
        [48, b"short", 1, 2, 3, 4, []],
        [48, ORIGIN, 2**48, 2, 3, 4, []],
        [48, ORIGIN, 1, 65_536, 3, 4, []],
        [48, ORIGIN, 1, -1, 3, 4, []],
        [48, ORIGIN, 1, 2, 65_536, 4, []],
        [48, ORIGIN, 1, 2, 3.0, 4, []],
        [48, ORIGIN, 1, 2, 3, 32, []],
        [48, ORIGIN, 1, 2, 3, 4, [[1]]],
        [48, ORIGIN, 1, 2, 3, 4, [[bytes(16), True, 1, 1, 1]] * 9],
        [48, ORIGIN, 1, 2, 3, 4, [], bytes(65)],
        [49, ORIGIN, 1, 2, 0],
        [49, ORIGIN, 1, True, 5],
        [50, bytes(7)],
        [50, "digest.."],
        [52, ORIGIN, 0],
        [53, bytes(7), 1, 1, []],
        [53, bytes(8), 65_536, 1, []],
        [53, bytes(8), 1, 32, []],
        [53, bytes(8), 1, 1, [[True, 1, 1]]],
        [53, bytes(8), 1, 1, [[True, 1, 1, 1]] * 9],
    ],
)
def test_what_is_out_of_bounds_is_refused(plain: list[Any]) -> None:
    with pytest.raises(DecodeError):
        schema.decode(plain)


def test_the_signed_part_is_bound_to_its_purpose_and_to_every_field() -> None:
    base = signed_part(ORIGIN, 1, 2)
    assert base.startswith(b"meshnode route 1")
    others = [
        signed_part(NodeId(b"another node"), 1, 2),
        signed_part(ORIGIN, 2, 2),
        signed_part(ORIGIN, 1, 3),
    ]
    assert len({base, *others}) == 4
