"""Deltas as plain data."""

from __future__ import annotations

import json

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.forwarding.plain import from_plain, to_plain
from meshproto.forwarding.table import (
    AddConsumer,
    AddProducer,
    ForwardingDelta,
    MoveConsumer,
    RemoveConsumer,
    RemoveProducer,
    RequestKeyFrame,
    Selection,
    SetSelection,
)
from meshproto.wire.parameters import Codec, Extension, MediaKind, SsrcBinding

small = st.integers(0, 127)
number = st.integers(0, 2**32 - 1)
words = st.text(max_size=8)
codecs = st.lists(
    st.builds(
        Codec,
        small,
        words,
        number,
        small,
        words,
        st.none() | small,
        st.lists(words, max_size=3).map(tuple),
    ),
    max_size=3,
).map(tuple)
selections = st.builds(
    Selection, st.none() | words, st.none() | small, st.none() | small, st.booleans()
)
extension_lists = st.lists(st.builds(Extension, small, words), max_size=3).map(tuple)
bindings = st.lists(
    st.builds(SsrcBinding, number, words, st.none() | number), max_size=2
).map(tuple)
kinds = st.sampled_from(MediaKind)
deltas: st.SearchStrategy[ForwardingDelta] = st.one_of(
    st.builds(
        AddProducer,
        number,
        number,
        kinds,
        words,
        codecs,
        extension_lists,
        st.lists(words, max_size=3).map(tuple),
        bindings,
    ),
    st.builds(
        AddConsumer,
        number,
        number,
        number,
        kinds,
        words,
        number,
        st.none() | number,
        codecs,
        extension_lists,
        selections,
        number,
        number,
    ),
    st.builds(RemoveProducer, number),
    st.builds(MoveConsumer, number, number),
    st.builds(SetSelection, number, selections),
    st.builds(RemoveConsumer, number),
    st.builds(RequestKeyFrame, number),
)


@given(deltas)
def test_every_delta_survives_both_formats(delta: ForwardingDelta) -> None:
    plain = to_plain(delta)
    assert from_plain(plain) == delta
    assert from_plain(json.loads(json.dumps(plain))) == delta
    assert from_plain(msgpack.unpackb(msgpack.packb(plain))) == delta


def test_what_has_a_default_may_be_left_out() -> None:
    plain = {"delta": "SetSelection", "consumer": 7, "selection": {"rid": "h"}}
    assert from_plain(plain) == SetSelection(7, Selection(rid="h"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("plain", "reason"),
    [
        (None, "delta-form"),
        ([], "delta-form"),
        ({}, "delta-kind"),
        ({"delta": "Selection"}, "delta-kind"),
        ({"delta": "RemoveConsumer"}, "delta-field"),
        ({"delta": "RemoveConsumer", "consumer": 1, "more": 2}, "delta-field"),
        ({"delta": "RemoveConsumer", "consumer": 1, 5: 2}, "delta-field"),
        ({"delta": "RemoveConsumer", "consumer": "1"}, "delta-value"),
        ({"delta": "RemoveConsumer", "consumer": True}, "delta-value"),
        ({"delta": "RemoveConsumer", "consumer": None}, "delta-value"),
        ({"delta": "SetSelection", "consumer": 1, "selection": 5}, "delta-form"),
        (
            {"delta": "SetSelection", "consumer": 1, "selection": {"paused": 1}},
            "delta-value",
        ),
        (
            {"delta": "SetSelection", "consumer": 1, "selection": {"rid": 1}},
            "delta-text",
        ),
    ],
)
def test_anything_else_is_refused(plain: object, reason: str) -> None:
    with pytest.raises(DecodeError) as refusal:
        from_plain(plain)
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("kind", "smell", "delta-media"),
        ("codecs", 5, "delta-list"),
        ("codecs", [5], "delta-form"),
        ("rids", [5], "delta-text"),
        ("mid", None, "delta-text"),
    ],
)
def test_wrong_fields_are_refused(field: str, value: object, reason: str) -> None:
    whole = AddProducer(1, 2, MediaKind.VIDEO, "0", ())  # type: ignore[arg-type]
    with pytest.raises(DecodeError) as refusal:
        from_plain(to_plain(whole) | {field: value})
    assert refusal.value.reason == reason
