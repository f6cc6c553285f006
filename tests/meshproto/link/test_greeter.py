"""Greeting and lives of a link, between two real machines (RFC 0005 section 5.2)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.events import Refused
from meshproto.ids import LinkId, NodeId
from meshproto.link.events import (
    LinkFailed,
    LinkLost,
    LinkReady,
)
from meshproto.wire.control import frame as f
from support.link_pair import LINK, RTT_S, A, B, Fate, Pair, quick
from support.link_records import Word

FATES = st.lists(
    st.builds(Fate, st.sampled_from([0, 1, 1, 2]), st.sampled_from([0.0, 0.03, 0.2])),
    max_size=80,
)


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
    # no more than a greeting outlives: with a dozen lost an end gives up, rightly
    pair = Pair(fates=fates[:10])
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
