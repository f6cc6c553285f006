"""Deltas survive the way through bytes, and no bytes make decoding fail otherwise."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.forwarding import codec
from meshproto.forwarding import relay_table as t
from meshproto.forwarding.table import (
    AddConsumer,
    AddProducer,
    MoveConsumer,
    RemoveConsumer,
    RemoveProducer,
    RequestKeyFrame,
    Selection,
    SetSelection,
)
from meshproto.ids import ConsumerId, NodeId, ProducerId, StreamId, TransportId
from meshproto.wire.parameters import Codec, Extension, MediaKind, SsrcBinding

IDS = st.integers(0, 2**63 - 1)
U32 = st.integers(0, 2**32 - 1)
TYPES = st.integers(0, 127)
KINDS = st.sampled_from(MediaKind)
TEXT = st.text(max_size=12)
CAPS = st.none() | st.integers(0, 7)
CODECS = st.lists(
    st.builds(
        Codec,
        TYPES,
        TEXT,
        st.integers(1, 2**32 - 1),
        st.integers(1, 255),
        TEXT,
        st.none() | TYPES,
        st.lists(TEXT, max_size=3).map(tuple),
    ),
    max_size=3,
).map(tuple)
EXTENSIONS = st.lists(st.builds(Extension, st.integers(1, 255), TEXT), max_size=3).map(
    tuple
)
SELECTIONS = st.builds(Selection, st.none() | TEXT, CAPS, CAPS, st.booleans())
NODES = st.binary(max_size=40).map(NodeId)
STREAMS = st.binary(min_size=16, max_size=16).map(StreamId)
NUMBERS = st.integers(0, 2**40 - 1)
SLOTS = st.builds(t.Slot, IDS.map(ProducerId), TEXT, st.none() | st.integers(0, 15))
LEG_DELTAS = st.one_of(
    st.builds(t.OpenStream, STREAMS, st.booleans()),
    st.builds(t.CloseStream, STREAMS),
    st.builds(t.BindStream, STREAMS, st.lists(SLOTS, max_size=4).map(tuple)),
    st.builds(t.SetActive, STREAMS, st.none() | NODES, U32, NUMBERS),
    st.builds(
        t.SetSecond,
        STREAMS,
        st.none() | NODES,
        st.sampled_from(t.Second),
        U32,
        NUMBERS,
    ),
    st.builds(t.OpenLeg, STREAMS, NODES, U32, U32, st.none() | NUMBERS, st.booleans()),
    st.builds(t.SetLeg, STREAMS, NODES, U32, st.none() | NUMBERS),
    st.builds(t.CloseLeg, STREAMS, NODES),
)
DELTAS = st.one_of(
    LEG_DELTAS,
    st.builds(
        AddProducer,
        IDS.map(ProducerId),
        IDS.map(TransportId),
        KINDS,
        TEXT,
        CODECS,
        EXTENSIONS,
        st.lists(TEXT, max_size=3).map(tuple),
        st.lists(st.builds(SsrcBinding, U32, TEXT, st.none() | U32), max_size=3).map(
            tuple
        ),
    ),
    st.builds(RemoveProducer, IDS.map(ProducerId)),
    st.builds(
        AddConsumer,
        IDS.map(ConsumerId),
        IDS.map(ProducerId),
        IDS.map(TransportId),
        KINDS,
        TEXT,
        U32,
        st.none() | U32,
        CODECS,
        EXTENSIONS,
        SELECTIONS,
        st.integers(0, 0xFFFF),
        U32,
    ),
    st.builds(MoveConsumer, IDS.map(ConsumerId), IDS.map(ProducerId)),
    st.builds(SetSelection, IDS.map(ConsumerId), SELECTIONS),
    st.builds(RemoveConsumer, IDS.map(ConsumerId)),
    st.builds(RequestKeyFrame, IDS.map(ProducerId)),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(TEXT | st.just("delta"), inner, max_size=4)
    ),
    max_leaves=12,
)
CONSUMER: dict[str, Any] = codec.plain(
    AddConsumer(
        ConsumerId(1),
        ProducerId(2),
        TransportId(3),
        MediaKind.VIDEO,
        "v",
        5,
        None,
        (Codec(96, "vp8", 90000),),
        (Extension(1, "urn:x"),),
    )
)


@pytest.mark.untraced
@given(DELTAS)
def test_a_delta_survives_bytes_and_json(delta: t.PlaneDelta) -> None:
    assert codec.decode(codec.encode(delta)) == delta
    assert codec.from_plain(json.loads(json.dumps(codec.plain(delta)))) == delta


@given(st.binary(max_size=200))
def test_any_bytes_are_a_delta_or_refused(data: bytes) -> None:
    decoded_or_refused(data)


@given(VALUES)
def test_any_value_is_a_delta_or_refused(value: object) -> None:
    decoded_or_refused(msgpack.packb(value))


@given(st.sampled_from(sorted(CONSUMER)), VALUES)
def test_any_value_in_a_field_is_taken_or_refused(key: str, value: object) -> None:
    decoded_or_refused(msgpack.packb(CONSUMER | {key: value}))


def decoded_or_refused(data: bytes) -> None:
    """Any other exception fails the test."""
    with contextlib.suppress(DecodeError):
        delta = codec.decode(data)
        assert codec.decode(codec.encode(delta)) == delta


def test_what_has_a_default_may_be_left_out() -> None:
    short = {"delta": "set-selection", "consumer": 4, "selection": {"rid": "h"}}
    assert codec.from_plain(short) == SetSelection(ConsumerId(4), Selection("h"))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "delta-shape"),
        ({}, "delta-unknown"),
        ({"delta": "add-relay"}, "delta-unknown"),
        ({"delta": ["remove-consumer"]}, "delta-unknown"),
        ({"delta": "remove-consumer"}, "delta-shape"),
        ({"delta": "remove-consumer", "consumer": 1, "why": 2}, "delta-shape"),
        ({"delta": "set-selection", "consumer": 1, "selection": 2}, "delta-shape"),
        ({"delta": "remove-consumer", "consumer": -1}, "delta-field"),
        ({"delta": "remove-consumer", "consumer": True}, "delta-field"),
        ({"delta": "remove-consumer", "consumer": 2**63}, "delta-field"),
        (CONSUMER | {"kind": "text"}, "delta-field"),
        (CONSUMER | {"kind": ["video"]}, "delta-field"),
        (CONSUMER | {"mid": b"v"}, "delta-field"),
        (CONSUMER | {"ssrc": 2**32}, "delta-field"),
        (CONSUMER | {"ssrc": None}, "delta-field"),
        (CONSUMER | {"first_sequence": 65536}, "delta-field"),
        (CONSUMER | {"extensions": [{"id": 0, "uri": ""}]}, "delta-field"),
        (CONSUMER | {"extensions": {}}, "delta-field"),
        (CONSUMER | {"extensions": [{"id": 1, "uri": ""}] * 257}, "delta-field"),
    ],
)
def test_what_is_refused(value: object, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        codec.decode(msgpack.packb(value))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"\x81", b"\x80\x80", b"\x91" * 2000, b"\x81\xa1\xff\x00"]
)
def test_what_is_no_msgpack_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="delta-not-msgpack"):
        codec.decode(data)


def test_long_input_is_refused_unread() -> None:
    with pytest.raises(DecodeError, match="delta-too-long"):
        codec.decode(bytes(codec.DELTA_BYTES_MAX + 1))


@pytest.mark.parametrize("node", [7, "zz", "0", "AB", "00" * 10_000])
def test_octets_are_small_letters_of_hexadecimal_and_bounded(node: object) -> None:
    delta = t.CloseLeg(StreamId(bytes(16)), NodeId(b"node"))
    told = codec.plain(delta)
    assert codec.from_plain(told) == delta
    with pytest.raises(DecodeError, match="child is"):
        codec.from_plain({**told, "child": node})
