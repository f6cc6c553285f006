"""Answers to room members: both directions over one connection."""

from __future__ import annotations

import pytest

from meshproto.errors import DecodeError
from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp.conference import ConferenceAnswer, answer
from meshproto.wire.sdp.extensions import MID, RID
from meshproto.wire.sdp.model import Direction
from meshproto.wire.sdp.offer import read
from meshproto.wire.sdp.parse import parse
from meshproto.wire.sdp.play import OutgoingTrack
from support.sdp import (
    LOCAL,
    audio,
    data,
    description,
    outgoing,
    section,
    video,
)

SOUND = outgoing(MediaKind.AUDIO, ssrc=500)
PICTURE = outgoing(MediaKind.VIDEO)


def meet(*sections: list[str], tracks: tuple[OutgoingTrack, ...]) -> ConferenceAnswer:
    return answer(read(description(*sections)), LOCAL, tracks)


def directions(found: ConferenceAnswer) -> list[Direction]:
    return [media.direction for media in parse(found.text).media]


def test_a_member_sends_and_receives_over_one_connection() -> None:
    found = meet(
        audio(mid="0"),
        video(mid="1"),
        audio(mid="2", direction="recvonly"),
        video(mid="3", direction="recvonly"),
        data("4"),
        tracks=(SOUND, PICTURE),
    )
    assert [track.mid for track in found.incoming] == ["0", "1"]
    assert [track.mid for track in found.outgoing] == ["2", "3"]
    assert found.unsent == ()
    assert found.data is not None
    assert directions(found)[:4] == [
        Direction.RECVONLY,
        Direction.RECVONLY,
        Direction.SENDONLY,
        Direction.SENDONLY,
    ]


def test_one_section_may_go_both_ways() -> None:
    lines = [f"a=extmap:4 {MID}", f"a=extmap:10 {RID}"]
    found = meet(video(lines, direction="sendrecv"), tracks=(PICTURE,))
    assert [track.mid for track in found.incoming] == ["1"]
    assert [track.ssrc for track in found.outgoing] == [1_000]
    media = parse(found.text).media[0]
    assert media.direction is Direction.SENDRECV
    assert media.formats == ("96", "97")
    assert {e.uri for e in media.extensions} == {MID, RID}
    assert {facts.ssrc for facts in media.ssrcs} == {1_000, 1_001}


def test_the_received_codec_stays_in_front() -> None:
    lines = ["a=rtpmap:98 VP9/90000", "a=rtpmap:96 VP8/90000"]
    both = section("video", "98 96", lines, mid="0", direction="sendrecv")
    found = meet(both, tracks=(PICTURE,))
    assert found.incoming[0].codecs[0].name == "vp9"
    assert found.outgoing[0].codecs[0].name == "vp8"
    assert parse(found.text).media[0].formats == ("98", "96")


def test_without_a_waiting_track_a_section_only_sends_to_us() -> None:
    found = meet(video(direction="sendrecv"), tracks=())
    assert directions(found) == [Direction.RECVONLY]


def test_what_does_not_fit_is_inactive_and_reported_not_refused() -> None:
    exotic = section("video", "50", ["a=rtpmap:50 X/90000"], mid="x")
    vp9 = outgoing(MediaKind.VIDEO, Codec(1, "vp9", 90_000), ssrc=9)
    found = meet(
        exotic,
        video(mid="1", direction="recvonly"),
        video(mid="2", direction="inactive"),
        tracks=(vp9, SOUND),
    )
    assert (found.incoming, found.outgoing) == ((), ())
    assert set(found.unsent) == {vp9, SOUND}
    assert directions(found)[1:] == [Direction.INACTIVE] * 2
    assert parse(found.text).media[0].port == 0


def test_tracks_beyond_the_sections_wait() -> None:
    more = outgoing(MediaKind.VIDEO, ssrc=2_000)
    found = meet(video(direction="recvonly"), tracks=(PICTURE, more))
    assert found.unsent == (more,)


def test_only_what_breaks_the_transport_refuses() -> None:
    with pytest.raises(DecodeError):
        meet(audio(), section("video", "96"), tracks=())
