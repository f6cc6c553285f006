"""The records that links keep for themselves."""

from __future__ import annotations

import msgpack
import pytest

from meshproto.errors import DecodeError
from meshproto.ids import NodeId
from meshproto.wire.control import schema as s
from meshproto.wire.control.frame import FRAME_OCTETS_MAX, SEGMENT_OCTETS_MAX
from meshproto.wire.control.link import (
    DESCRIPTOR_OCTETS_MAX,
    Goodbye,
    Heard,
    Hello,
    Introduce,
    Introduced,
    LinkRecord,
    Unreachable,
)

NODE = NodeId(b"n" * 38)
RECORDS: list[LinkRecord] = [
    Hello(1, 2, 5, NODE, 1_700_000_000_000, 9, 12.5),
    Heard(9, 12.5, 0.001),
    Goodbye("leaving"),
    Introduce(NODE, b"sealed"),
    Introduced(NODE, b"sealed"),
    Unreachable(NODE),
]


@pytest.mark.parametrize("record", RECORDS)
def test_every_record_survives_the_wire(record: LinkRecord) -> None:
    assert s.decode(s.encode(record)) == record


def test_kinds_are_those_of_the_rfc() -> None:
    assert [record.KIND for record in RECORDS] == [0, 1, 2, 3, 4, 5]


def test_greeting_and_farewell_do_not_wait_for_acknowledgement() -> None:
    loose = [type(record) for record in RECORDS if not record.RELIABLE]
    assert loose == [Hello, Heard, Goodbye]


def test_a_descriptor_fits_one_segment() -> None:
    largest = Introduce(NodeId(b"n" * 42), bytes(DESCRIPTOR_OCTETS_MAX))
    segment = msgpack.packb([s.encode(largest)])
    assert len(segment) <= SEGMENT_OCTETS_MAX < FRAME_OCTETS_MAX


@pytest.mark.parametrize(
    "data",
    [
        [0, 0, 1, 0, NODE, 1, 1, 0],
        [0, 1, 256, 0, NODE, 1, 1, 0],
        [0, 1, 1, 2**32, NODE, 1, 1, 0],
        [0, 1, 1, 0, b"short", 1, 1, 0],
        [0, 1, 1, 0, NODE, 2**48, 1, 0],
        [0, 1, 1, 0, NODE, 1, 0, 0],
        [0, 1, 1, 0, NODE, 1, 1],
        [1, 0, 0, 0],
        [1, 1, 0, 6_000_001],
        [2, "x" * 25],
        [2, b"leaving"],
        [3, NODE, bytes(DESCRIPTOR_OCTETS_MAX + 1)],
        [3, NODE],
        [5, None],
    ],
)
def test_what_is_out_of_bounds_is_refused(data: list[object]) -> None:
    with pytest.raises(DecodeError):
        s.decode(data)
