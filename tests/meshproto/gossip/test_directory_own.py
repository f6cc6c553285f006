"""What a node says about its own streams (RFC 0009 section 5)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshproto.errors import LimitError, StateError
from meshproto.gossip.directory_events import ClaimLost
from meshproto.ids import StreamName
from meshproto.wire.control.directory import (
    Body,
    Claim,
    Media,
    Track,
    TrackKind,
    parse_body,
    parse_notices,
)
from support.directory import AUDIO, VIDEO, Alone, claim, notice
from support.gossip import node_id


def mine(name: str = "room", counter: int = 1) -> Claim:
    return claim(name, 0, counter)


def said(alone: Alone) -> list[list[Body]]:
    """The bodies of each message that was gossiped."""
    return [[parse_body(n.body) for n in parse_notices(data)] for data in alone.told]


def test_a_first_announcement_goes_out_at_once() -> None:
    alone = Alone()
    stream = alone.announce(mine())
    assert [[body.claim.name for body in one] for one in said(alone)] == [["room"]]
    assert alone.directory.resolve(stream) == node_id(0)


def test_what_changes_at_nearly_the_same_time_is_one_message_with_the_latest() -> None:
    alone = Alone()
    alone.announce(mine("a"))
    alone.announce(mine("b"))
    alone.announce(mine("a"), VIDEO)
    alone.pass_time(0.15)
    assert len(alone.told) == 1
    alone.pass_time(0.1)
    assert [[body.claim.name for body in one] for one in said(alone)] == [
        ["a"],
        ["b", "a"],
    ]
    assert alone.directory.media(mine("a").stream) == VIDEO


def test_a_burst_is_told_soon_and_what_exceeds_it_every_two_seconds() -> None:
    alone = Alone()
    for number in range(40):
        alone.announce(mine(f"s{number}"))
        alone.pass_time(0.2)
    assert len(alone.told) == 8 + 4
    assert len(said(alone)[-1]) > 1
    alone.told.clear()
    for number in range(40, 60):
        alone.announce(mine(f"s{number}"))
        alone.pass_time(2.0)
    assert 19 <= len(alone.told) <= 21


def test_a_node_that_was_quiet_may_tell_a_burst_again() -> None:
    alone = Alone()
    for number in range(20):
        alone.announce(mine(f"s{number}"))
        alone.pass_time(0.2)
    alone.pass_time(16.0)
    alone.told.clear()
    for number in range(20, 28):
        alone.announce(mine(f"s{number}"))
        alone.pass_time(0.2)
    assert [[body.claim.name for body in one] for one in said(alone)] == [
        [f"s{number}"] for number in range(20, 28)
    ]


def test_the_same_again_says_nothing() -> None:
    alone = Alone()
    alone.announce(mine())
    alone.announce(mine())
    alone.pass_time(10.0)
    assert len(alone.told) == 1


def test_messages_are_bounded_and_the_rest_waits_its_turn() -> None:
    alone = Alone(message_octets_max=600)
    for number in range(12):
        alone.announce(mine(f"s{number}"))
    alone.pass_time(60.0)
    names = [body.claim.name for one in said(alone) for body in one]
    assert sorted(names) == sorted(f"s{number}" for number in range(12))
    assert all(len(data) <= 600 for data in alone.told)


def test_versions_rise_over_all_streams() -> None:
    alone = Alone()
    for number in range(4):
        alone.announce(mine(f"s{number}"))
        alone.pass_time(5.0)
    versions = [body.version for one in said(alone) for body in one]
    assert versions == sorted(set(versions))


def test_an_end_is_told_with_a_higher_version_and_a_lifetime_not_shorter() -> None:
    alone = Alone()
    stream = alone.announce(mine())
    alone.pass_time(5.0)
    alone.directory.unannounce(stream, alone.now)
    alone.pass_time(5.0)
    first, last = (one[0] for one in said(alone))
    assert first.media
    assert not last.media
    assert last.version > first.version
    assert last.lifetime_s >= first.lifetime_s
    assert alone.directory.resolve(stream) is None
    alone.pass_time(2_000.0)
    assert len(alone.told) == 2


def test_what_was_never_told_needs_no_end() -> None:
    alone = Alone()
    alone.announce(mine("a"))
    stream = alone.announce(mine("b"))
    alone.directory.unannounce(stream, alone.now)
    alone.pass_time(10.0)
    assert [[body.claim.name for body in one] for one in said(alone)] == [["a"]]


def test_ending_what_is_not_announced_is_fine() -> None:
    alone = Alone()
    alone.directory.unannounce(mine().stream, alone.now)
    assert alone.told == []


def test_everything_is_told_again_every_five_minutes_more_or_less() -> None:
    alone = Alone()
    alone.announce(mine("a"))
    alone.announce(mine("b"))
    alone.pass_time(2.5)
    alone.told.clear()
    alone.pass_time(3_000.0)
    assert 9 <= len(alone.told) <= 11
    assert all(len(one) == 2 for one in said(alone))


def test_one_lost_refresh_or_two_do_not_end_a_stream() -> None:
    alone = Alone()
    alone.announce(mine())
    body = said(alone)[0][0]
    assert body.lifetime_s >= 3 * 300 * 1.1
    assert body.lifetime_s < 4 * 300


def test_the_interval_grows_with_what_everybody_must_carry() -> None:
    alone = Alone()
    assert alone.directory.interval_s() == 300.0
    alone.directory._state.table.octets = 5_000_000
    assert alone.directory.interval_s() == 5_000_000 * 6 / 4_000
    alone.announce(mine())
    assert said(alone)[0][0].lifetime_s > 3 * 7_500
    alone.directory._state.table.octets = 10**12
    assert alone.directory.interval_s() == 86_400 / 3


def test_a_claim_of_another_node_or_without_its_signature_is_misuse() -> None:
    alone = Alone()
    with pytest.raises(StateError, match="another node's"):
        alone.directory.announce(claim(), AUDIO, 0.0)
    with pytest.raises(StateError, match="did not sign"):
        alone.directory.announce(replace(mine(), signature=b"forged"), AUDIO, 0.0)
    with pytest.raises(StateError, match="did not sign"):
        alone.directory.announce(replace(mine(), name=StreamName("other")), AUDIO, 0.0)


def test_media_that_do_not_fit_are_misuse() -> None:
    alone = Alone()
    track = Track("v", TrackKind.VIDEO, "vp8", 90_000, "x" * 255, ())
    with pytest.raises(StateError, match="octets"):
        alone.directory.announce(mine(), Media(False, (track,) * 8), 0.0)


def test_too_many_streams_of_one_node() -> None:
    alone = Alone(streams_per_origin_max=1)
    alone.announce(mine("a"))
    with pytest.raises(LimitError, match="streams_per_origin_max"):
        alone.directory.announce(mine("b"), AUDIO, alone.now)


def test_a_claim_that_could_never_hold_is_misuse() -> None:
    alone = Alone()
    alone.hear(notice(claim(counter=5)))
    with pytest.raises(StateError, match="counter 5"):
        alone.directory.announce(mine(counter=5), AUDIO, alone.now)
    stream = alone.announce(mine(counter=6))
    assert alone.directory.resolve(stream) == node_id(0)


def test_a_greater_claim_elsewhere_ends_ours() -> None:
    alone = Alone()
    stream = alone.announce(mine())
    alone.hear(notice(claim(counter=2)))
    assert ClaimLost(stream, node_id(1)) in alone.events
    alone.told.clear()
    alone.pass_time(2_000.0)
    assert alone.told == []


def test_a_lesser_claim_elsewhere_does_not() -> None:
    alone = Alone()
    alone.announce(mine("other"))
    stream = alone.announce(mine(counter=7))  # waits to be told
    alone.hear(notice(claim(counter=2)))
    alone.pass_time(3.0)
    assert alone.directory.resolve(stream) == node_id(0)


def test_a_stream_of_an_earlier_life_that_does_not_come_back_is_ended() -> None:
    alone = Alone()
    stream = mine().stream
    alone.hear(notice(mine(), 40, epoch=0), author=0)
    alone.pass_time(29.0)
    assert alone.directory.resolve(stream) == node_id(0)
    alone.pass_time(2.0)
    assert alone.directory.resolve(stream) is None
    last = said(alone)[-1][0]
    assert (last.epoch, last.media) == (1, b"")


def test_one_that_comes_back_in_time_is_not() -> None:
    alone = Alone()
    alone.hear(notice(mine(), 40, epoch=0), author=0)
    stream = alone.announce(mine())
    alone.pass_time(60.0)
    assert alone.directory.resolve(stream) == node_id(0)
    assert all(body.media for one in said(alone) for body in one)


def test_a_word_in_our_name_that_is_newer_is_outdone() -> None:
    alone = Alone()
    stream = alone.announce(mine())
    alone.hear(notice(mine(), 900, None), author=0)
    alone.pass_time(3.0)
    assert alone.directory.resolve(stream) == node_id(0)
    assert said(alone)[-1][0].version == 901


def test_a_node_that_leaves_ends_all_its_streams_at_once() -> None:
    alone = Alone(message_octets_max=600)
    streams = [alone.announce(mine(f"s{number}")) for number in range(6)]
    alone.pass_time(30.0)
    alone.told.clear()
    alone.directory.leaving(alone.now)
    assert sum(len(one) for one in said(alone)) == 6
    assert all(alone.directory.resolve(stream) is None for stream in streams)
