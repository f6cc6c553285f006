"""All links of a node: greeting, order, liveness, introductions and bounds.

Two real machines are joined by a pipe in virtual time (`support.link_pair`).
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.config.link import LinkConfig
from meshproto.errors import StateError
from meshproto.events import LimitReached, Refused
from meshproto.ids import LinkId, NodeId
from meshproto.link.events import (
    CostMoved,
    LinkFailed,
    LinkLost,
    LinkReady,
    LinkRecovered,
    LinkSuspected,
)
from meshproto.outputs import HangUp, Pace, Transmit
from meshproto.wire.control import frame as f
from meshproto.wire.control.schema import Record
from support.link_pair import GOOD, LINK, LOST, RTT_S, A, B, End, Fate, Pair, quick
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


# --- greeting


def test_both_ends_become_ready_in_one_round_trip_and_come_to_rest() -> None:
    pair = Pair()
    pair.up()
    assert not pair.a.ready
    pair.settle()
    assert pair.a.changes == [LinkReady(B, 1, 0)]
    assert pair.b.changes == [LinkReady(A, 1, 0)]
    assert pair.now - 100.0 < 2 * RTT_S
    assert pair.frames <= 6
    assert pair.a.links.next_timeout() is None


def test_an_end_that_comes_up_later_is_greeted_again() -> None:
    pair = Pair()
    pair.up_at(pair.a)
    pair.run(0.5)
    assert pair.b.saw(Refused) == [Refused(None, "link-unknown")] * 3
    pair.up_at(pair.b)
    pair.run(0.1)
    assert pair.a.ready
    assert pair.b.ready


@given(FATES)
def test_greeting_survives_any_loss_that_ends(fates: list[Fate]) -> None:
    pair = Pair(fates=fates[:10])
    pair.up()
    pair.settle()
    assert pair.a.ready
    assert pair.b.ready
    assert not pair.a.saw(LinkLost)
    assert not pair.a.saw(Refused)


def test_a_link_that_nobody_answers_fails_in_time() -> None:
    pair = Pair()
    pair.up_at(pair.a)
    pair.settle()
    assert pair.a.changes == [LinkFailed(B, "greeting")]
    assert pair.a.hung_up == ["greeting"]
    assert 5.0 <= pair.now - 100.0 <= 12.0
    assert len(pair.a.links) == 0


def test_without_a_common_version_both_ends_hear_why() -> None:
    pair = Pair(other_config=quick(oldest_version=2, newest_version=3))
    pair.up()
    pair.settle()
    failed = [*pair.a.changes, *pair.b.changes]
    assert {type(change) for change in failed} == {LinkFailed}
    assert "version" in {getattr(change, "reason", "") for change in failed}
    assert pair.a.hung_up
    assert pair.b.hung_up


def test_the_newest_common_version_marks_the_frames() -> None:
    pair = Pair(config=quick(newest_version=2), other_config=quick(newest_version=3))
    pair.up()
    pair.settle()
    assert pair.a.changes == [LinkReady(B, 2, 0)]
    pair.a.links.send(B, Word(1), pair.now)
    [transmit] = pair.a.drain(pair.now)
    assert f.decode(transmit.frame).version == 2


def test_somebody_else_than_expected_is_not_greeted() -> None:
    pair = Pair()
    pair.a.links.up(LINK, NodeId(b"another-"), RTT_S, pair.now)
    pair.pump(pair.a)
    pair.up_at(pair.b)
    pair.run(0.2)
    assert pair.a.changes == [LinkFailed(NodeId(b"another-"), "identity")]
    assert pair.b.saw(LinkFailed) == [LinkFailed(A, "goodbye", "identity")]


def test_capabilities_are_handed_on() -> None:
    pair = Pair(other_config=quick(capabilities=6))
    pair.up()
    pair.settle()
    assert pair.a.changes == [LinkReady(B, 1, 6)]


def test_the_greeting_measures_an_unknown_round_trip() -> None:
    pair = Pair()
    pair.up(rtt_s=0.0)
    pair.settle()
    assert pair.a.links.rtt_s(B) == pytest.approx(RTT_S, abs=1e-4)


def test_records_are_not_sent_before_the_link_is_ready() -> None:
    pair = Pair()
    pair.up_at(pair.a)
    assert not pair.a.links.send(B, Word(1), pair.now)
    assert not pair.a.links.send(NodeId(b"nobody--"), Word(1), pair.now)


# --- another life of the same link


def test_an_end_that_began_anew_makes_the_other_begin_anew() -> None:
    pair = Pair.ready()
    pair.send(pair.b, Word(1))
    pair.a.links.down(LINK, pair.now)
    pair.up_at(pair.a)
    pair.settle()
    assert pair.b.changes == [LinkLost(A, "restarted"), LinkReady(A, 1, 0)]
    assert pair.a.changes == [LinkLost(B, "closed"), LinkReady(B, 1, 0)]
    pair.send(pair.a, Word(5))
    pair.send(pair.b, Word(6))
    pair.settle()
    assert pair.b.records[-1] == Word(5)
    assert pair.a.records[-1] == Word(6)


@given(FATES, st.lists(st.tuples(st.booleans(), st.floats(0.0, 0.3)), max_size=4))
@settings(max_examples=60)
def test_restarts_at_any_time_end_with_both_ready_for_each_other(
    fates: list[Fate], restarts: list[tuple[bool, float]]
) -> None:
    pair = Pair(fates=fates[:30])
    pair.up()
    for first, wait_s in restarts:
        pair.run(wait_s)
        end = pair.a if first else pair.b
        end.links.down(LINK, pair.now)
        pair.up_at(end)
    pair.settle()
    pair.heal()
    pair.send(pair.a, Word(77))
    pair.send(pair.b, Word(78))
    pair.settle()
    assert pair.b.records[-1] == Word(77)
    assert pair.a.records[-1] == Word(78)


def test_frames_of_an_earlier_life_are_dropped() -> None:
    pair = Pair.ready()
    pair.a.links.send(B, Word(1), pair.now)
    [old] = pair.a.drain(pair.now)
    for end in (pair.a, pair.b):
        end.links.down(LINK, pair.now)
    pair.up()
    pair.settle()
    pair.b.outputs.clear()
    assert pair.b.links.receive(LINK, old.frame, pair.now) == []
    pair.pump(pair.b)
    assert pair.b.saw(Refused) == [Refused(A, "session-stale")]
    assert pair.b.ready


def test_an_old_hello_changes_nothing() -> None:
    pair = Pair()
    pair.a.links.up(LINK, B, RTT_S, pair.now)
    [hello] = pair.a.drain(pair.now)
    pair.a.links.down(LINK, pair.now)
    pair.up()
    pair.settle()
    assert pair.b.ready
    pair.b.links.receive(LINK, hello.frame, pair.now)
    pair.pump(pair.b)
    assert Refused(A, "hello-stale") in pair.b.outputs
    assert pair.b.ready
    pair.settle()


def test_a_second_association_replaces_the_first() -> None:
    pair = Pair.ready()
    other = LinkId(8)
    pair.a.links.up(other, B, RTT_S, pair.now)
    assert pair.a.links.take_changes() == [LinkLost(B, "replaced")]
    assert len(pair.a.links) == 1
    assert pair.a.links.receive(LINK, b"\x90", pair.now) == []


# --- delivery


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


# --- ends


def test_closing_sends_what_is_queued_and_a_reason() -> None:
    pair = Pair.ready()
    pair.a.links.send(B, Word(9), pair.now)
    pair.a.links.close(B, "traded", pair.now)
    pair.pump(pair.a)
    pair.settle()
    assert pair.b.records == [Word(9)]
    assert pair.b.changes == [LinkLost(A, "goodbye", "traded")]
    assert pair.a.changes == [LinkLost(B, "traded")]
    assert pair.a.hung_up == ["traded"]
    assert pair.a.links.next_timeout() is None


def test_the_goodbye_goes_before_the_order_to_hang_up() -> None:
    pair = Pair.ready()
    pair.a.links.close(B, "traded", pair.now)
    kinds = []
    while (output := pair.a.outbox.poll()) is not None:
        kinds.append(type(output))
    assert kinds == [Transmit, HangUp]


def test_a_reason_that_is_no_label_is_not_passed_on() -> None:
    pair = Pair.ready()
    pair.a.links.close(B, "<script>alert(1)</script>", pair.now)
    pair.pump(pair.a)
    pair.settle()
    assert pair.b.changes == [LinkLost(A, "goodbye", "other")]


def test_a_full_queue_ends_the_link() -> None:
    pair = Pair.ready()
    sent = 0
    while pair.a.links.send(B, Word(sent, bytes(900)), pair.now):
        sent += 1
    pair.pump(pair.a)
    assert 256 <= sent <= 258
    assert pair.a.saw(LinkLost) == [LinkLost(B, "queue")]
    assert pair.a.hung_up == ["queue"]


def test_verbs_about_a_link_that_is_gone_have_no_effect() -> None:
    pair = Pair.ready()
    pair.a.links.down(LINK, pair.now)
    pair.a.links.down(LINK, pair.now)
    links = pair.a.links
    links.checked(B, None, pair.now)
    links.heard(B, pair.now)
    links.close(B, "twice", pair.now)
    assert not links.send(B, Word(1), pair.now)
    assert not links.introduce(B, A, b"", pair.now)
    assert links.take_changes() == [LinkLost(B, "closed")]
    assert (links.rtt_s(B), links.jitter_s(B), links.loss(B)) == (None, 0.0, 1.0)
    assert links.suspect(B)
    assert list(links.neighbours()) == []


# --- hostile and local mistakes


def test_malformed_frames_are_refused_and_enough_of_them_end_the_link() -> None:
    pair = Pair.ready()
    for _ in range(32):
        assert pair.a.links.receive(LINK, b"\xc1", pair.now) == []
    pair.pump(pair.a)
    assert pair.a.saw(Refused) == [Refused(B, "frame-msgpack")] * 32
    assert pair.a.ready
    pair.a.links.receive(LINK, b"\xc1", pair.now)
    pair.pump(pair.a)
    assert pair.a.saw(LinkLost) == [LinkLost(B, "protocol")]


def test_rare_mistakes_are_forgiven() -> None:
    pair = Pair.ready()
    for step in range(100):
        pair.a.links.receive(LINK, b"\xc1", pair.now + 10.0 * step)
    pair.pump(pair.a)
    assert pair.a.ready


def test_other_packages_can_punish_too() -> None:
    pair = Pair.ready()
    for _ in range(33):
        pair.a.links.punish(B, "update-forged", pair.now)
    pair.a.links.punish(B, "update-forged", pair.now)
    pair.pump(pair.a)
    assert pair.a.saw(Refused) == [Refused(B, "update-forged")] * 34
    assert pair.a.hung_up == ["protocol"]


def hostile(pair: Pair, **parts: object) -> bytes:
    """A frame that `a` believes to come from `b`."""
    channel = pair.a.links._nodes[B].channel
    made = f.Frame(1, channel.peer, channel.session, 900, **parts)  # type: ignore[arg-type]
    return f.encode(made)


def test_a_value_without_end_ends_the_link_at_once() -> None:
    pair = Pair.ready(config=quick(frames_burst=10_000.0))
    for sequence in range(1, 100):
        part = f.Segment(1, sequence, bytes(f.SEGMENT_OCTETS_MAX), more=True)
        pair.a.links.receive(LINK, hostile(pair, segments=(part,)), pair.now)
        if not pair.a.ready:
            break
    pair.pump(pair.a)
    assert sequence == 63
    assert pair.a.saw(LinkLost) == [LinkLost(B, "protocol")]


def test_a_flood_is_not_read() -> None:
    pair = Pair.ready()
    frame = hostile(pair, loose=([242, 1],))
    read = sum(len(pair.a.links.receive(LINK, frame, pair.now)) for _ in range(1_500))
    refused = 0
    while (output := pair.a.outbox.poll()) is not None:
        refused += output == Refused(B, "link-rate")
    assert read == 1
    assert 500 <= refused <= 510


def test_a_frame_of_another_version_is_refused() -> None:
    pair = Pair.ready()
    frame = bytearray(hostile(pair, loose=([242, 1],)))
    frame[1] = 2
    assert pair.a.links.receive(LINK, bytes(frame), pair.now) == []
    pair.pump(pair.a)
    assert pair.a.saw(Refused) == [Refused(B, "frame-version")]


def test_too_many_links_are_refused_by_name() -> None:
    pair = Pair(config=quick(links=3))
    for number in range(3):
        node = NodeId(bytes([number]) * 8)
        assert pair.a.links.up(LinkId(number), node, RTT_S, pair.now)
    assert not pair.a.links.up(LinkId(9), B, RTT_S, pair.now)
    pair.a.links.flush(pair.now)
    outputs = []
    while (output := pair.a.outbox.poll()) is not None:
        outputs.append(output)
    assert LimitReached("links", 3) in outputs
    assert HangUp(B, "full") in outputs
    assert len(pair.a.links) == 3


def test_a_link_comes_up_once_and_never_to_oneself() -> None:
    pair = Pair.ready()
    with pytest.raises(StateError):
        pair.a.links.up(LINK, NodeId(b"another-"), RTT_S, pair.now)
    with pytest.raises(StateError):
        pair.a.links.up(LinkId(99), A, RTT_S, pair.now)


@given(st.lists(st.binary(max_size=120), max_size=10), st.data())
def test_no_input_raises(inputs: list[bytes], data: st.DataObject) -> None:
    pair = Pair.ready()
    whole = hostile(pair, loose=([0, 1, 1, 0, B, 5, 9, 0], [2, "x"], [242, 1]))
    for octets in inputs:
        twisted = bytearray(whole)
        at = data.draw(st.integers(0, len(twisted) - 1))
        twisted[at] = data.draw(st.integers(0, 255))
        for frame in (octets, bytes(twisted)):
            pair.a.links.receive(LINK, frame, pair.now)
            pair.pump(pair.a)
    pair.run(10.0)


def test_the_same_inputs_give_the_same_outputs() -> None:
    def trace() -> list[object]:
        pair = Pair(fates=[GOOD, LOST, Fate(2, 0.05)] * 10)
        pair.up()
        pair.send(pair.a, *[Word(n) for n in range(20)])
        pair.settle()
        return [pair.frames, pair.octets, pair.now, pair.a.changes, pair.b.changes]

    assert trace() == trace()


def test_the_defaults_keep_their_order() -> None:
    config = LinkConfig()
    assert config.ack_every < config.window_min <= config.window_max <= f.WINDOW
    assert config.suspect_checks < config.down_checks
    assert config.tree_silence_s < config.idle_silence_s
