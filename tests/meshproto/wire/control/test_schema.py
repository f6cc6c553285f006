"""Records: declared once, decoded totally, extended by appending."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.control import schema as s


class Colour(Enum):
    RED = 0
    BLUE = 1


@s.structure
class Part(s.Record):
    size: int = s.wire(s.integer(10))


@s.record(250, reliable=False)
class Everything(s.Record):
    count: int = s.wire(s.integer(100, 1))
    on: bool = s.wire(s.boolean())
    ratio: float = s.wire(s.number(1.0, -1.0))
    wait_s: float = s.wire(s.seconds(60.0))
    octets: bytes = s.wire(s.blob(4, 2))
    name: str = s.wire(s.text(4))
    colour: Colour = s.wire(s.choice(Colour))
    maybe: int | None = s.wire(s.optional(s.integer(9)))
    parts: tuple[Part, ...] = s.wire(s.array(s.nested(Part), 2))
    added: int = s.wire(s.integer(5), default=3)


VALUE = Everything(
    count=1,
    on=True,
    ratio=-0.5,
    wait_s=1.25,
    octets=b"ab",
    name="name",
    colour=Colour.BLUE,
    maybe=None,
    parts=(Part(1), Part(2)),
    added=4,
)
PLAIN = [250, 1, True, -0.5, 125_000, b"ab", "name", 1, None, [[1], [2]], 4]


def test_a_record_is_an_array_of_its_kind_and_fields() -> None:
    assert s.encode(VALUE) == PLAIN
    assert s.decode(PLAIN) == VALUE


def test_the_kind_and_the_manner_of_travel_are_on_the_class() -> None:
    assert (Everything.KIND, Everything.RELIABLE, Everything.BULK) == (
        250,
        False,
        False,
    )
    assert Everything.REQUIRED == 9
    assert s.REGISTRY[250] is Everything


def test_an_optional_field_may_be_missing_and_others_may_not() -> None:
    without = s.decode(PLAIN[:-1])
    assert isinstance(without, Everything)
    assert without.added == 3
    with pytest.raises(DecodeError, match="record-shape"):
        s.decode(PLAIN[:-2])


def test_fields_of_a_later_version_are_ignored() -> None:
    assert s.decode([*PLAIN, "new", [1, 2]]) == VALUE
    later = [*PLAIN[:9], [[1, "later"], [2, {}]], 4]
    assert s.decode(later) == VALUE


def test_an_unknown_kind_is_no_error() -> None:
    assert s.decode([9_999, "anything"]) is None


@pytest.mark.parametrize("data", [None, 3, [], {}, ["250"], [True], [1.0], "x", b"x"])
def test_what_is_no_record_is_refused(data: object) -> None:
    with pytest.raises(DecodeError, match="record-shape"):
        s.decode(data)


WRONG: list[tuple[int, Any, str]] = [
    (1, 0, "integer"),
    (1, 101, "integer"),
    (1, True, "integer"),
    (1, 1.0, "integer"),
    (2, 1, "boolean"),
    (3, 1.01, "number"),
    (3, float("nan"), "number"),
    (3, float("inf"), "number"),
    (3, True, "number"),
    (3, "0", "number"),
    (4, -1, "seconds"),
    (4, 6_000_001, "seconds"),
    (4, 1.0, "seconds"),
    (5, b"a", "blob"),
    (5, b"abcde", "blob"),
    (5, "ab", "blob"),
    (6, "fives", "text"),
    (6, "ééé", "text"),
    (6, b"name", "text"),
    (7, 2, "choice"),
    (7, True, "choice"),
    (7, "RED", "choice"),
    (8, 10, "integer"),
    (9, [[1], [2], [3]], "array"),
    (9, {}, "array"),
    (9, [1], "shape"),
    (9, [[]], "shape"),
    (9, [[11]], "integer"),
    (10, None, "integer"),
]


@pytest.mark.parametrize(("at", "value", "reason"), WRONG)
def test_a_field_out_of_its_bounds_is_refused_by_its_type(
    at: int, value: Any, reason: str
) -> None:
    data = [*PLAIN[:at], value, *PLAIN[at + 1 :]]
    with pytest.raises(DecodeError) as caught:
        s.decode(data)
    assert caught.value.reason == f"record-{reason}"


def test_seconds_travel_in_steps_of_ten_microseconds_and_are_clamped() -> None:
    codec = s.seconds(10.0)
    assert codec.decode(codec.encode(0.000_014)) == 0.000_01
    assert codec.encode(-1.0) == 0
    assert codec.encode(11.0) == 1_000_000


def test_a_whole_number_is_a_float_too() -> None:
    value = s.number(5.0).decode(3)
    assert value == 3.0
    assert type(value) is float


def test_a_kind_is_taken_once() -> None:
    with pytest.raises(ValueError, match="250 is taken"):

        @s.record(250)
        class Another(s.Record):
            pass


def test_optional_fields_come_last() -> None:
    with pytest.raises(TypeError, match="default"):

        @s.structure
        class Muddled(s.Record):
            first: int = s.wire(s.integer(1), default=0)
            second: int = s.wire(s.integer(1))


PLAIN_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@pytest.mark.untraced
@given(st.lists(PLAIN_DATA, max_size=14))
def test_decoding_is_total(fields: list[Any]) -> None:
    try:
        record = s.decode([250, *fields])
    except DecodeError:
        return
    assert isinstance(record, Everything)
    assert s.decode(s.encode(record)) == record
