"""What becomes of a notice (RFC 0009 sections 4 and 5)."""

from __future__ import annotations

from dataclasses import replace

import msgpack
import pytest

from meshproto.gossip.directory_events import (
    StreamChanged,
    StreamFound,
    StreamGone,
    StreamMoved,
)
from meshproto.gossip.directory_hearing import Outcome, hear
from meshproto.ids import NodeId
from meshproto.wire.control.directory import Body, Notice, build_body
from support.directory import AUDIO, KEY, VIDEO, Alone, claim, notice
from support.gossip import node_id, seal

STREAM = claim().stream


def outcome(
    alone: Alone, made: Notice, rest_s: int | None = None, source: int = 1
) -> Outcome:
    found = hear(alone.directory._state, made, rest_s, node_id(source), alone.now)
    alone.drain()
    return found[0]


def test_a_new_stream_is_found_and_told() -> None:
    alone = Alone()
    assert outcome(alone, notice(claim())) is Outcome.NEWER
    assert alone.directory.resolve(STREAM) == node_id(1)
    found = StreamFound(STREAM, claim().name, node_id(1))
    assert alone.events == [found]


def test_a_newer_version_replaces_an_older_one_and_not_the_other_way() -> None:
    alone = Alone()
    assert outcome(alone, notice(claim(), 5, VIDEO)) is Outcome.NEWER
    assert outcome(alone, notice(claim(), 4)) is Outcome.STALE
    assert alone.directory.media(STREAM) == VIDEO
    assert outcome(alone, notice(claim(), 6)) is Outcome.NEWER
    assert alone.directory.media(STREAM) == AUDIO
    assert alone.events[1:] == [StreamChanged(STREAM)]


def test_a_refresh_changes_nothing_that_is_told() -> None:
    alone = Alone()
    outcome(alone, notice(claim(), 1))
    alone.events.clear()
    assert outcome(alone, notice(claim(), 2)) is Outcome.NEWER
    assert alone.events == []


def test_the_same_again_is_current_unless_its_signature_differs() -> None:
    alone = Alone()
    made = notice(claim())
    outcome(alone, made)
    assert outcome(alone, made) is Outcome.CURRENT
    assert outcome(alone, replace(made, signature=b"forged")) is Outcome.STALE


def test_a_greater_counter_moves_the_stream_to_another_node() -> None:
    alone = Alone()
    outcome(alone, notice(claim(), 9, epoch=9))
    assert outcome(alone, notice(claim(origin=2, counter=2)), source=2) is Outcome.NEWER
    assert alone.events[-1] == StreamMoved(STREAM, node_id(2), node_id(1))
    assert outcome(alone, notice(claim(), 10, epoch=10)) is Outcome.STALE


def test_an_end_is_told_and_nothing_older_brings_the_stream_back() -> None:
    alone = Alone()
    outcome(alone, notice(claim(), 1))
    outcome(alone, notice(claim(), 3, None))
    assert alone.events[-1] == StreamGone(STREAM, "ended")
    assert outcome(alone, notice(claim(), 2)) is Outcome.STALE
    assert outcome(alone, notice(claim(), 2), rest_s=500) is Outcome.STALE
    assert alone.directory.resolve(STREAM) is None


def test_an_end_that_comes_first_is_kept_too() -> None:
    alone = Alone()
    outcome(alone, notice(claim(), 3, None))
    assert outcome(alone, notice(claim(), 2)) is Outcome.STALE
    assert alone.events == []


def test_lifetime_ends_and_the_stream_is_gone() -> None:
    alone = Alone()
    outcome(alone, notice(claim(), lifetime_s=100))
    alone.pass_time(99.0)
    assert alone.directory.resolve(STREAM) == node_id(1)
    alone.pass_time(1.5)
    assert alone.events[-1] == StreamGone(STREAM, "expired")
    assert alone.directory.entry(STREAM) is None


def test_a_refresh_prolongs_and_a_neighbour_never_does() -> None:
    alone = Alone()
    outcome(alone, notice(claim(), 1, lifetime_s=100))
    alone.pass_time(50.0)
    assert outcome(alone, notice(claim(), 1, lifetime_s=100), rest_s=90) is (
        Outcome.CURRENT
    )
    outcome(alone, notice(claim(), 2, lifetime_s=100), rest_s=20)
    alone.pass_time(21.0)
    assert alone.directory.resolve(STREAM) is None


def test_a_rest_longer_than_the_lifetime_is_cut() -> None:
    alone = Alone()
    outcome(alone, notice(claim(), lifetime_s=100), rest_s=80_000)
    alone.pass_time(101.0)
    assert alone.directory.resolve(STREAM) is None


def test_nothing_left_is_as_good_as_nothing() -> None:
    alone = Alone()
    assert outcome(alone, notice(claim()), rest_s=0) is Outcome.STALE
    assert alone.directory.entry(STREAM) is None


def signed(body: bytes, node: NodeId) -> Notice:
    bare = Notice(body, b"x")
    return replace(bare, signature=seal(node, bare.signed_part()))


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (replace(notice(claim()), signature=b"forged"), "directory-signature"),
        (notice(replace(claim(), signature=b"forged")), "directory-claim"),
        (notice(replace(claim(), counter=7)), "directory-claim"),
        (signed(b"\xc1", node_id(1)), "directory-body"),
        (signed(b"\x90", node_id(1)), "record-shape"),
        (
            signed(build_body(Body(claim(), 1, 1, 900, b"\xc1")), node_id(1)),
            "directory-media",
        ),
        (
            signed(
                build_body(Body(claim(), 1, 1, 900, msgpack.packb([1]))), node_id(1)
            ),
            "record-shape",
        ),
    ],
)
def test_what_is_wrong_is_refused_without_effect(made: Notice, reason: str) -> None:
    alone = Alone()
    assert outcome(alone, made) is Outcome.WRONG
    assert alone.refusals() == [reason]
    assert alone.directory.streams() == []
    assert alone.directory.next_timeout() is None


def test_a_stream_is_announced_by_its_origin_alone() -> None:
    alone = Alone()
    assert outcome(alone, notice(claim()), source=2) is Outcome.WRONG
    assert alone.refusals() == ["directory-author"]
    # a neighbour's table holds the words of others
    assert outcome(alone, notice(claim()), rest_s=500, source=2) is Outcome.NEWER


def test_a_claim_that_did_not_change_is_verified_once() -> None:
    alone = Alone()
    asked: list[NodeId] = []
    truth = alone.directory._state.verify

    def counted(node: NodeId, data: bytes, signature: bytes) -> bool:
        asked.append(node)
        return truth(node, data, signature)

    alone.directory._state.verify = counted
    outcome(alone, notice(claim(), 1))
    outcome(alone, notice(claim(), 2))
    outcome(alone, notice(claim(), 1))
    assert asked == [node_id(1), claim().signer, node_id(1)]


def test_epochs_a_day_ahead_and_claims_long_over_are_not_believed() -> None:
    alone = Alone()
    day_ms = 86_400_000
    alone.directory.wall(1_000 * day_ms, alone.now)
    ahead = notice(claim(), epoch=1_001 * day_ms + 5)
    assert outcome(alone, ahead) is Outcome.UNWELCOME
    short = replace(claim(), expires_ms=999 * day_ms - 5)
    short = replace(short, signature=seal(short.signer, short.signed_part()))
    assert outcome(alone, notice(short)) is Outcome.UNWELCOME
    assert alone.refusals() == ["directory-epoch", "directory-claim-over"]
    assert outcome(alone, notice(claim(), epoch=1_000 * day_ms)) is Outcome.NEWER


def test_a_full_table_takes_nothing_more_and_says_which_limit() -> None:
    alone = Alone(streams_max=1)
    outcome(alone, notice(claim("a")))
    assert outcome(alone, notice(claim("b"))) is Outcome.UNWELCOME
    assert outcome(alone, notice(claim("c"))) is Outcome.UNWELCOME
    limits = [event for event in alone.events if hasattr(event, "limit")]
    assert len(limits) == 1
    assert outcome(alone, notice(claim("a"), 2)) is Outcome.NEWER


def test_a_key_is_another_stream() -> None:
    alone = Alone()
    outcome(alone, notice(claim(key=KEY)))
    other = claim(key=b"q" * 32)
    outcome(alone, notice(other))
    assert len(alone.directory.find("room")) == 2
