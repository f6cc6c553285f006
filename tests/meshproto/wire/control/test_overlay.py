"""Records of the overlay on the wire: round trips and bounds."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.ids import ShortId
from meshproto.wire.control import overlay as records
from meshproto.wire.control.schema import Record, decode, encode
from support.overlay_parts import record

TIP = records.Tip(record(1, coordinate=(0.01, -0.02, 0.0, 0.003)), 12.5, True)
EVERY = [
    records.PeerUpdate(record(1)),
    records.ShuffleRequest(2, (TIP,)),
    records.ShuffleAnswer(2, (TIP, TIP)),
    records.RingQuery(4, 0.0315, (ShortId(b"12345678"),)),
    records.RingAnswer(4, ()),
    records.Guest(2.0),
    records.Alone(),
    records.Stay(),
]


def wired(value: Record) -> Any:
    return msgpack.unpackb(msgpack.packb(encode(value)))


@pytest.mark.parametrize("value", EVERY, ids=lambda v: type(v).__name__)
def test_every_record_comes_back_as_it_went(value: Record) -> None:
    assert decode(wired(value)) == value


def test_kinds_are_the_overlays_and_tips_travel_in_bulk() -> None:
    assert [value.KIND for value in EVERY] == list(range(16, 24))
    bulk = [value.KIND for value in EVERY if value.BULK]
    assert bulk == [17, 18, 20]
    assert all(value.RELIABLE for value in EVERY)


def test_a_question_fits_a_frame() -> None:
    skip = tuple(ShortId(bytes([i]) * 8) for i in range(records.SKIP_MAX))
    query = records.RingQuery(2**32 - 1, 10.0, skip)
    assert len(msgpack.packb(encode(query))) < 500
    with pytest.raises(DecodeError):
        decode(wired(records.RingQuery(1, 1.0, (*skip, skip[0]))))


def test_more_than_eight_tips_are_refused() -> None:
    with pytest.raises(DecodeError):
        decode(wired(records.ShuffleAnswer(1, (TIP,) * 9)))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.binary() | st.text(),
        lambda inner: st.lists(inner, max_size=6),
        max_leaves=20,
    ),
    st.integers(16, 21),
)
def test_decoding_is_total(data: Any, kind: int) -> None:
    fields = data if isinstance(data, list) else [data]
    try:
        value = decode([kind, *fields])
    except DecodeError:
        return
    assert value is not None
    assert kind == value.KIND
