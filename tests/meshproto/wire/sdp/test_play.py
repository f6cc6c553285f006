"""Answers to players."""

from __future__ import annotations

import pytest

from meshproto.errors import DecodeError
from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp.extensions import MID, RID, TRANSPORT_CC
from meshproto.wire.sdp.model import Direction
from meshproto.wire.sdp.offer import is_refusal, read
from meshproto.wire.sdp.parse import parse
from meshproto.wire.sdp.play import OutgoingTrack, PlayAnswer, SendRules, answer
from support.sdp import (
    LOCAL,
    OPUS,
    audio,
    data,
    description,
    h264,
    outgoing,
    section,
    video,
)

SOUND = outgoing(MediaKind.AUDIO, ssrc=500)
PICTURE = outgoing(MediaKind.VIDEO)


def viewer(kind: str, mid: str = "1", lines: tuple[str, ...] = ()) -> list[str]:
    """A receiving section of a browser that has every codec."""
    if kind == "audio":
        return audio(lines, mid=mid, direction="recvonly")
    every = [
        "a=rtpmap:98 VP9/90000",
        "a=fmtp:98 profile-id=0",
        *h264(102, "42001f", "1"),
        *h264(104, "42e01f", "0"),
        *h264(108, "42e01f", "1"),
        "a=rtpmap:109 rtx/90000",
        "a=fmtp:109 apt=108",
        "a=rtpmap:45 AV1/90000",
        "a=rtpmap:96 VP8/90000",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
    ]
    formats = "98 102 104 108 109 45 96 97"
    return section("video", formats, [*every, *lines], mid=mid, direction="recvonly")


def play(*sections: list[str], tracks: tuple[OutgoingTrack, ...]) -> PlayAnswer:
    return answer(read(description(*sections)), LOCAL, tracks)


def refusal(*sections: list[str], tracks: tuple[OutgoingTrack, ...]) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        play(*sections, tracks=tracks)
    return caught.value


def test_a_browser_gets_sound_and_picture_under_its_own_numbers() -> None:
    offer = (viewer("audio", "0"), viewer("video", "1"), data())
    found = play(*offer, tracks=(PICTURE, SOUND))
    sound, picture = found.tracks
    assert (sound.mid, sound.codecs[0].payload_type) == ("0", 111)
    assert (sound.ssrc, sound.rtx_ssrc) == (500, None)
    assert (picture.mid, picture.codecs[0].payload_type) == ("1", 96)
    assert (picture.codecs[0].rtx_payload_type, picture.rtx_ssrc) == (97, 1_001)
    assert found.data_mid == "2"
    media = parse(found.text).media[1]
    assert media.direction is Direction.SENDONLY
    assert media.msid == "stream track1000"
    assert media.ssrc_groups[0].ssrcs == (1_000, 1_001)
    assert {facts.cname for facts in media.ssrcs} == {"cname"}


@pytest.mark.parametrize(
    ("codec", "payload_type"),
    [
        (Codec(1, "vp9", 90_000), 98),
        (Codec(1, "av1", 90_000), 45),
        (Codec(1, "vp8", 90_000), 96),
        (
            Codec(1, "h264", 90_000, 1, "packetization-mode=1;profile-level-id=42e01f"),
            108,
        ),
        (
            Codec(1, "h264", 90_000, 1, "packetization-mode=1;profile-level-id=42001e"),
            102,
        ),
    ],
)
def test_the_stream_leaves_under_the_viewers_number_for_its_codec(
    codec: Codec, payload_type: int
) -> None:
    track = outgoing(MediaKind.VIDEO, codec)
    found = play(viewer("video"), tracks=(track,))
    assert found.tracks[0].codecs[0].payload_type == payload_type


def test_sendrecv_players_are_answered_sendonly() -> None:
    found = play(video(direction="sendrecv"), tracks=(PICTURE,))
    assert parse(found.text).media[0].direction is Direction.SENDONLY


def test_sections_without_a_track_are_inactive_and_stay_in_the_bundle() -> None:
    offer = (viewer("audio", "0"), viewer("video", "1"), viewer("video", "2"))
    found = play(*offer, tracks=(PICTURE,))
    directions = [media.direction for media in parse(found.text).media]
    assert directions == [
        Direction.INACTIVE,
        Direction.SENDONLY,
        Direction.INACTIVE,
    ]
    assert "a=group:BUNDLE 0 1 2\r\n" in found.text
    assert all(media.port == 9 for media in parse(found.text).media)


def test_a_section_that_only_sends_gets_nothing() -> None:
    found = play(video(mid="0"), viewer("video", "1"), tracks=(PICTURE,))
    assert [track.mid for track in found.tracks] == ["1"]


def test_sections_that_only_receive_come_first() -> None:
    offer = (video(mid="0", direction="sendrecv"), viewer("video", "1"))
    assert play(*offer, tracks=(PICTURE,)).tracks[0].mid == "1"


def test_a_bound_track_stays_in_its_section() -> None:
    bound = outgoing(MediaKind.VIDEO, ssrc=7, mid="2")
    found = play(viewer("video", "1"), viewer("video", "2"), tracks=(PICTURE, bound))
    assert {track.mid: track.ssrc for track in found.tracks} == {"1": 1_000, "2": 7}


def test_a_codec_that_the_player_lacks_is_named_with_those_it_has() -> None:
    high = Codec(1, "h264", 90_000, 1, "packetization-mode=1;profile-level-id=640032")
    error = refusal(viewer("video"), tracks=(outgoing(MediaKind.VIDEO, high),))
    assert error.reason == "sdp-refused-codec"
    assert is_refusal(error)
    assert "the stream is H264 packetization-mode=1;profile-level-id=640032" in str(
        error
    )
    assert "VP8" in str(error)
    bare = section(
        "video", "50", ["a=rtpmap:50 X/90000"], mid="1", direction="recvonly"
    )
    assert "the player takes none" in str(refusal(bare, tracks=(PICTURE,)))


def test_nothing_to_send_is_refused() -> None:
    error = refusal(viewer("audio", "0"), tracks=(PICTURE,))
    assert error.reason == "sdp-refused-nothing"
    assert refusal(data(), tracks=(SOUND,)).reason == "sdp-refused-nothing"


def test_retransmissions_need_both_sides() -> None:
    plain = section("video", "96", ["a=rtpmap:96 VP8/90000"], direction="recvonly")
    track = play(plain, tracks=(PICTURE,)).tracks[0]
    assert (track.rtx_ssrc, track.codecs[0].rtx_payload_type) == (None, None)
    without = outgoing(MediaKind.VIDEO, rtx_ssrc=None)
    found = play(viewer("video"), tracks=(without,))
    assert found.tracks[0].codecs[0].rtx_payload_type is None
    assert "rtx" not in found.text


def test_transport_wide_numbers_need_both_sides() -> None:
    lines = (f"a=extmap:3 {TRANSPORT_CC}", f"a=extmap:4 {MID}", f"a=extmap:10 {RID}")
    offer = read(
        description(video([*lines], direction="recvonly"), audio(direction="recvonly"))
    )
    with_cc = answer(offer, LOCAL, (PICTURE,))
    assert [e.id for e in with_cc.tracks[0].extensions] == [3, 4]
    assert "transport-cc" in with_cc.tracks[0].codecs[0].feedback
    without = answer(offer, LOCAL, (PICTURE,), SendRules(transport_cc=False))
    assert [e.id for e in without.tracks[0].extensions] == [4]
    assert "transport-cc" not in without.tracks[0].codecs[0].feedback


def test_every_codec_of_a_stream_that_the_player_has_is_agreed() -> None:
    track = outgoing(
        MediaKind.VIDEO,
        Codec(1, "vp8", 90_000),
        Codec(2, "av1", 90_000),
        Codec(3, "h265", 90_000),
        Codec(4, "vp8", 90_000),
    )
    found = play(viewer("video"), tracks=(track,)).tracks[0]
    assert [codec.name for codec in found.codecs] == ["vp8", "av1"]


def test_the_answer_says_rtcp_mux_only_as_whep_asks() -> None:
    offer = read(description(audio(direction="recvonly")))
    assert "a=rtcp-mux-only" in answer(offer, LOCAL, (SOUND,)).text
    assert "a=rtcp-mux-only" not in answer(offer, LOCAL, (SOUND,), SendRules()).text


def test_sound_in_opus_without_channels_is_opus_still() -> None:
    mono = section("audio", "111", ["a=rtpmap:111 opus/48000", *OPUS[1:]], mid="0")
    mono[mono.index("a=sendonly")] = "a=recvonly"
    assert play(mono, tracks=(SOUND,)).tracks[0].codecs[0].name == "opus"
