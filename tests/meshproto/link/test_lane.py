"""One lane: batches and cuts at one end, once and in order at the other."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.link.lane import BROKEN, LaneIn, LaneOut
from meshproto.wire.control.frame import (
    NORMAL,
    SEGMENT_OCTETS_MAX,
    VALUE_OCTETS_MAX,
    WINDOW,
    Segment,
)

ROOM = 1_150


def packed(number: int, padding: int = 0) -> bytes:
    """A record of some length."""
    data: bytes = msgpack.packb([240, number, bytes(padding)])
    return data


def segment(octets: bytes) -> Segment:
    """What `pack_segment` packed."""
    code, sequence, part = msgpack.unpackb(octets)
    return Segment(code & 1, sequence, part, code > 1)


def taken(lane: LaneOut, order: int = 1) -> list[Segment]:
    """Everything the lane gives away at once."""
    found = []
    while (octets := lane.take(ROOM, order, 0.0)) is not None:
        found.append(segment(octets))
    return found


def numbers(values: list[bytes] | None) -> list[int]:
    return [record[1] for value in values or () for record in msgpack.unpackb(value)]


def test_records_sent_together_share_a_segment() -> None:
    lane = LaneOut(NORMAL)
    for number in range(5):
        lane.add(packed(number))
    [only] = taken(lane)
    assert only.sequence == 1
    assert numbers([only.octets]) == [0, 1, 2, 3, 4]


def test_a_full_segment_is_followed_by_another() -> None:
    lane = LaneOut(NORMAL)
    for number in range(5):
        lane.add(packed(number, 400))
    segments = taken(lane)
    assert [s.sequence for s in segments] == [1, 2, 3]
    assert all(len(s.octets) <= SEGMENT_OCTETS_MAX for s in segments)
    assert numbers([s.octets for s in segments]) == [0, 1, 2, 3, 4]


def test_a_long_record_is_cut_and_put_together_again_in_its_place() -> None:
    lane, other = LaneOut(NORMAL), LaneIn()
    lane.add(packed(1))
    lane.add(packed(2, 5_000))
    lane.add(packed(3))
    segments = taken(lane)
    assert [s.more for s in segments] == [False, True, True, True, True, False, False]
    values = [value for s in segments for value in other.accept(s) or ()]
    assert numbers(values) == [1, 2, 3]


def test_what_does_not_fit_the_room_waits() -> None:
    lane = LaneOut(NORMAL)
    lane.add(packed(1, 500))
    assert lane.take(100, 1, 0.0) is None
    assert lane.waiting == 1
    assert lane.take(ROOM, 2, 0.0) is not None
    assert lane.waiting == 0


def test_a_lane_is_never_more_than_a_window_ahead() -> None:
    lane = LaneOut(NORMAL)
    for number in range(80):
        lane.add(packed(number, 900))
    assert len(taken(lane)) == WINDOW
    lane.acknowledge(0, 1)
    assert taken(lane) == [], "the first one is still missing"
    lane.acknowledge(3, 0)
    assert len(taken(lane)) == 3


def test_acknowledged_segments_are_forgotten() -> None:
    lane = LaneOut(NORMAL)
    for number in range(6):
        lane.add(packed(number, 900))
    taken(lane, order=4)
    arrived = lane.acknowledge(2, 0b101)
    assert [entry.order for entry in arrived] == [4, 4, 4, 4]
    assert list(lane.sent) == [3, 5]
    assert lane.flying == 2
    assert lane.acknowledge(2, 0b101) == []


def test_a_mask_that_names_what_was_never_sent_means_nothing() -> None:
    lane = LaneOut(NORMAL)
    for number in range(3):
        lane.add(packed(number, 900))
    lane.take(ROOM, 1, 0.0)
    assert lane.acknowledge(0, 2**63 - 1) == []
    assert [s.sequence for s in taken(lane)] == [2, 3]


def test_lost_segments_go_first_with_the_same_octets() -> None:
    lane = LaneOut(NORMAL)
    lane.add(packed(1, 900))
    first = lane.take(ROOM, 1, 0.0)
    lane.add(packed(2, 900))
    lane.lose(1)
    assert lane.flying == 0
    assert lane.take(ROOM, 2, 1.0) == first
    assert segment(lane.take(ROOM, 2, 1.0) or b"").sequence == 2
    assert lane.sent[1].first_at == 0.0
    assert lane.sent[1].sent_at == 1.0


def test_a_lost_segment_that_arrived_after_all_is_not_repeated() -> None:
    lane = LaneOut(NORMAL)
    lane.add(packed(1))
    lane.take(ROOM, 1, 0.0)
    lane.lose(1)
    lane.acknowledge(1, 0)
    assert lane.take(ROOM, 2, 1.0) is None
    assert lane.idle
    assert not lane.ready


def test_early_segments_wait_and_old_ones_are_nothing() -> None:
    lane = LaneIn()
    parts = [Segment(0, n, b"\x91" + packed(n)) for n in range(1, 5)]
    assert lane.accept(parts[1]) == []
    assert lane.accept(parts[3]) == []
    assert (lane.reached, lane.mask, lane.gap) == (0, 0b101, True)
    assert lane.accept(parts[1]) is None
    assert numbers(lane.accept(parts[0])) == [1, 2]
    assert numbers(lane.accept(parts[2])) == [3, 4]
    assert (lane.reached, lane.mask, lane.gap) == (4, 0, False)
    assert lane.accept(parts[0]) is None


def test_what_is_beyond_the_window_is_not_kept() -> None:
    lane = LaneIn()
    assert lane.accept(Segment(0, WINDOW + 1, b"\x90")) is None
    assert lane.accept(Segment(0, 2**40, b"\x90")) is None
    assert lane.accept(Segment(0, WINDOW, b"\x90")) == []
    assert lane.mask == 1 << (WINDOW - 2)


def test_a_value_without_end_breaks_the_lane_at_its_limit() -> None:
    lane = LaneIn()
    parts = VALUE_OCTETS_MAX // SEGMENT_OCTETS_MAX
    for number in range(1, parts + 1):
        assert lane.accept(Segment(0, number, bytes(SEGMENT_OCTETS_MAX), True)) == []
    with pytest.raises(DecodeError, match=BROKEN):
        lane.accept(Segment(0, parts + 1, bytes(SEGMENT_OCTETS_MAX), True))


def test_the_longest_value_passes() -> None:
    lane, other = LaneOut(NORMAL), LaneIn()
    lane.add(bytes(VALUE_OCTETS_MAX))
    values = [value for s in taken(lane) for value in other.accept(s) or ()]
    assert values == [b"\x91" + bytes(VALUE_OCTETS_MAX)]


@given(st.lists(st.integers(0, 3_000), max_size=12), st.randoms())
def test_any_order_of_arrival_gives_the_order_of_sending(
    paddings: list[int], chance: object
) -> None:
    lane, other = LaneOut(NORMAL), LaneIn()
    for number, padding in enumerate(paddings):
        lane.add(packed(number, padding))
    segments = taken(lane) * 2
    chance.shuffle(segments)  # type: ignore[attr-defined]
    values = [value for s in segments for value in other.accept(s) or ()]
    assert numbers(values) == list(range(len(paddings)))
    assert other.mask == 0
