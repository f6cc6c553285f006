"""All links of a node: greeting, order, liveness, introductions and bounds.

Two real machines are joined by a pipe in virtual time (`support.link_pair`).
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.events import LimitReached
from meshproto.ids import LinkId, NodeId
from meshproto.link.events import (
    CostMoved,
    LinkLost,
    LinkRecovered,
    LinkSuspected,
)
from meshproto.outputs import Pace
from meshproto.wire.control import frame as f
from meshproto.wire.control.schema import Record
from support.link_pair import LINK, LOST, RTT_S, A, B, End, Fate, Pair
from support.link_records import Glance, Tome, Word

FATES = st.lists(
    st.builds(Fate, st.sampled_from([0, 1, 1, 2]), st.sampled_from([0.0, 0.03, 0.2])),
    max_size=80,
)
RECORDS = st.lists(
    st.builds(
        lambda kind, size: (kind, size),
        st.sampled_from([Word, Tome]),
        st.sampled_from([0, 30, 700, 4_000]),
    ),
    max_size=25,
)


def numbered(shapes: list[tuple[type[Word | Tome], int]]) -> list[Record]:
    return [kind(n, bytes(size)) for n, (kind, size) in enumerate(shapes)]


def of(kind: type[Record], records: list[Record]) -> list[Record]:
    return [record for record in records if type(record) is kind]


# --- delivery


@pytest.mark.untraced
@given(FATES, RECORDS, RECORDS)
@settings(max_examples=150, deadline=None)
def test_every_reliable_record_arrives_once_and_in_order(
    fates: list[Fate],
    there: list[tuple[type[Word | Tome], int]],
    back: list[tuple[type[Word | Tome], int]],
) -> None:
    pair = Pair.ready(fates=fates)
    pair.send(pair.a, *numbered(there))
    pair.run(0.05)
    pair.send(pair.b, *numbered(back))
    pair.settle()
    for end, shapes in ((pair.b, there), (pair.a, back)):
        for kind in (Word, Tome):
            assert of(kind, end.records) == of(kind, numbered(shapes))
        assert end.links.idle()
        assert end.links.next_timeout() is None
    assert pair.largest <= f.FRAME_OCTETS_MAX


@given(FATES)
def test_loose_records_never_go_back_in_time(fates: list[Fate]) -> None:
    pair = Pair.ready(fates=fates)
    for number in range(30):
        pair.send(pair.a, Glance(number))
        pair.run(0.01)
    pair.settle()
    numbers = [record.number for record in pair.b.records]  # type: ignore[attr-defined]
    assert numbers == sorted(set(numbers))


def test_on_a_good_path_nothing_is_sent_twice() -> None:
    pair = Pair.ready()
    pair.send(pair.a, *[Word(n, bytes(900)) for n in range(200)])
    pair.settle()
    assert len(pair.b.records) == 200
    assert pair.octets < 200 * 1_000 * 1.05


def test_a_table_of_sixty_kilobytes_passes_beside_quick_records() -> None:
    pair = Pair.ready()
    pair.send(pair.a, Tome(1, bytes(60_000)))
    pair.send(pair.a, Word(1))
    pair.settle()
    assert [type(record) for record in pair.b.records] == [Word, Tome]


def test_a_lost_frame_is_repaired_in_a_round_trip_and_a_half() -> None:
    pair = Pair.ready(fates=[LOST])
    began = pair.now
    pair.send(pair.a, Word(1))
    while not pair.b.records:
        assert pair.step()
    assert pair.now - began < 2.5 * RTT_S


def test_a_record_too_large_to_travel_names_the_limit() -> None:
    pair = Pair.ready()
    assert not pair.a.links.send(B, Word(1, bytes(70_000)), pair.now)
    assert not pair.a.links.send(B, Glance(1, bytes(1_500)), pair.now)
    pair.settle()
    pair.pump(pair.a)
    limits = [LimitReached("record_octets", n) for n in (65_536, 1_056)]
    assert pair.a.saw(LimitReached) == limits
    assert pair.a.ready


def test_neighbours_are_those_whose_link_is_ready() -> None:
    pair = Pair.ready()
    pair.a.links.up(LinkId(50), NodeId(b"greeting"), RTT_S, pair.now)
    assert pair.a.links.neighbours() == [B]
    assert pair.a.links.linked(B)
    assert not pair.a.links.linked(NodeId(b"greeting"))
    assert len(pair.a.links) == 2


def test_octets_sent_are_counted_by_package() -> None:
    pair = Pair.ready()
    pair.send(pair.a, Word(1, bytes(100)), Glance(1))
    assert pair.a.links.octets[240 >> 4] == 106 + 6
    assert pair.a.links.octets[0] == 0


def test_a_link_that_is_up_has_a_node() -> None:
    pair = Pair()
    pair.up_at(pair.a)
    assert pair.a.links.neighbour_of(LINK) == B
    with pytest.raises(KeyError):
        pair.a.links.neighbour_of(LinkId(99))


# --- what it costs


def test_an_idle_link_has_no_timer_and_sends_nothing() -> None:
    pair = Pair.ready()
    for second in range(1, 60):
        pair.now = 200.0 + second
        pair.a.links.checked(B, RTT_S, pair.now)
        pair.a.links.heard(B, pair.now)
        pair.pump(pair.a)
        assert pair.a.links.next_timeout() is None
    assert pair.frames == 0
    assert pair.a.changes == []


def test_a_record_and_its_answer_take_three_frames() -> None:
    pair = Pair.ready()
    pair.send(pair.a, Word(1))
    pair.run(RTT_S / 2)
    pair.send(pair.b, Word(2))
    pair.settle()
    assert pair.frames == 3


# --- liveness


def misses(end: End, pair: Pair, count: int) -> None:
    for _ in range(count):
        end.links.checked(end.other, None, pair.now)
        pair.pump(end)


def test_two_missed_checks_make_a_link_suspect_and_one_answer_mends_it() -> None:
    pair = Pair.ready()
    misses(pair.a, pair, 1)
    assert not pair.a.links.suspect(B)
    misses(pair.a, pair, 2)
    assert pair.a.links.suspect(B)
    pair.a.links.checked(B, RTT_S, pair.now)
    pair.pump(pair.a)
    assert [c for c in pair.a.changes if not isinstance(c, CostMoved)] == [
        LinkSuspected(B),
        LinkRecovered(B),
    ]


def test_a_tree_link_is_down_after_750_ms_and_four_checks() -> None:
    pair = Pair.ready()
    heard = pair.now
    pair.a.links.pace(B, True, heard)
    pair.now = heard + 0.5
    misses(pair.a, pair, 4)
    assert pair.a.ready
    assert pair.a.links.next_timeout() == heard + 0.75
    pair.now = heard + 0.75
    pair.a.links.handle_timeout(pair.now)
    pair.pump(pair.a)
    assert LinkLost(B, "silent") in pair.a.changes
    assert pair.a.hung_up == ["silent"]


def test_silence_alone_is_not_enough() -> None:
    pair = Pair.ready()
    pair.a.links.pace(B, True, pair.now)
    misses(pair.a, pair, 3)
    pair.now += 100.0
    pair.a.links.handle_timeout(pair.now)
    pair.pump(pair.a)
    assert pair.a.ready
    misses(pair.a, pair, 1)
    assert not pair.a.ready


def test_an_idle_link_waits_six_seconds() -> None:
    pair = Pair.ready()
    heard = pair.now
    pair.now = heard + 1.0
    misses(pair.a, pair, 4)
    assert pair.a.links.next_timeout() == heard + 6.0
    pair.a.links.pace(B, True, pair.now)
    pair.pump(pair.a)
    assert not pair.a.ready, "as a tree link it is down already"


def test_media_that_still_comes_keeps_a_link_whose_checks_fail() -> None:
    pair = Pair.ready()
    pair.a.links.pace(B, True, pair.now)
    for _ in range(20):
        pair.now += 0.25
        pair.a.links.heard(B, pair.now)
        misses(pair.a, pair, 1)
        pair.a.links.handle_timeout(pair.now)
        pair.pump(pair.a)
    assert pair.a.ready
    assert pair.a.links.suspect(B)


def test_the_end_that_hears_nothing_tells_the_one_that_does() -> None:
    """One direction is dead: only the goodbye of the deaf end can tell the other."""
    pair = Pair.ready()
    pair.now += 7.0
    misses(pair.a, pair, 4)
    pair.settle()
    assert pair.b.saw(LinkLost) == [LinkLost(A, "goodbye", "silent")]
    assert pair.b.hung_up == ["goodbye"]


def test_what_nobody_acknowledges_ends_the_link() -> None:
    pair = Pair.ready()
    pair.cut()
    began = pair.now
    pair.send(pair.a, Word(1))
    pair.settle()
    assert pair.a.saw(LinkLost) == [LinkLost(B, "unacknowledged")]
    assert 6.0 <= pair.now - began <= 7.5
    assert pair.frames < 20


def test_a_lost_link_comes_back_when_the_path_does() -> None:
    pair = Pair.ready()
    pair.cut()
    pair.now += 7.0
    for end in (pair.a, pair.b):
        misses(end, pair, 4)
        assert not end.ready
    pair.heal()
    pair.up()
    pair.settle()
    assert pair.a.ready
    assert pair.b.ready


def test_a_moved_cost_is_told_and_a_steady_one_is_not() -> None:
    pair = Pair.ready()
    for second in range(1, 20):
        pair.a.links.checked(B, RTT_S + 0.0005, pair.now + second)
    pair.pump(pair.a)
    assert pair.a.saw(CostMoved) == []
    for second in range(20, 60):
        pair.a.links.checked(B, 0.1, pair.now + second)
    pair.pump(pair.a)
    assert 3 <= len(pair.a.saw(CostMoved)) <= 15
    assert pair.a.links.rtt_s(B) == pytest.approx(0.1, rel=0.05)
    assert pair.a.links.jitter_s(B) > 0.0
    assert pair.a.links.loss(B) == 0.0


def test_pace_is_told_on_change_only() -> None:
    pair = Pair.ready()
    for tree in (False, True, True, False):
        pair.a.links.pace(B, tree, pair.now)
    pair.a.links.pace(NodeId(b"nobody--"), True, pair.now)
    pair.pump(pair.a)
    assert pair.a.outputs == [Pace(B, True), Pace(B, False)]
