"""Answers to publishers."""

from __future__ import annotations

import pytest

from meshproto.errors import DecodeError
from meshproto.wire.parameters import MediaKind
from meshproto.wire.sdp.extensions import MID, REPAIRED_RID, RID
from meshproto.wire.sdp.model import Direction, Rid, Setup
from meshproto.wire.sdp.offer import is_refusal, read
from meshproto.wire.sdp.parse import parse
from meshproto.wire.sdp.publish import PublishAnswer, PublishPolicy, answer
from meshproto.wire.sdp.sections import ReceiveRules
from support.sdp import (
    FINGERPRINT,
    LOCAL,
    OPUS,
    TRANSPORT,
    audio,
    data,
    description,
    h264,
    section,
    video,
)


def publish(*sections: list[str], policy: PublishPolicy | None = None) -> PublishAnswer:
    return answer(read(description(*sections)), LOCAL, policy)


def refusal(*sections: list[str]) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        publish(*sections)
    return caught.value


def test_a_browsers_camera_and_microphone() -> None:
    found = publish(audio(), video(), data())
    assert [(t.mid, t.kind) for t in found.tracks] == [
        ("0", MediaKind.AUDIO),
        ("1", MediaKind.VIDEO),
    ]
    assert (found.data_mid, found.remote.ufrag) == ("2", "Remo")
    text = parse(found.text)
    assert [m.direction for m in text.media[:2]] == [Direction.RECVONLY] * 2
    assert all(media.setup is Setup.PASSIVE for media in text.media)
    assert all(media.rtcp_mux and media.rtcp_mux_only for media in text.media[:2])


def test_sendrecv_is_answered_recvonly() -> None:
    found = publish(audio(direction="sendrecv"))
    assert parse(found.text).media[0].direction is Direction.RECVONLY


@pytest.mark.parametrize("direction", ["recvonly", "inactive"])
def test_a_section_that_does_not_send_refuses_the_offer(direction: str) -> None:
    error = refusal(audio(), video(direction=direction))
    assert error.reason == "sdp-refused-direction"
    assert is_refusal(error)
    assert direction in str(error)


def test_there_is_no_partial_answer() -> None:
    exotic = section("video", "50", ["a=rtpmap:50 X-NEW/90000"], mid="1")
    assert refusal(audio(), exotic).reason == "sdp-refused-codec"


def test_a_second_track_of_a_kind_is_refused_unless_allowed() -> None:
    both = (video(mid="1"), video(mid="2"))
    assert refusal(*both).reason == "sdp-refused-tracks"
    found = publish(*both, policy=PublishPolicy(tracks_per_kind=2))
    assert len(found.tracks) == 2


def test_every_layer_is_mirrored() -> None:
    lines = [
        f"a=extmap:4 {MID}",
        f"a=extmap:10/sendonly {RID}",
        f"a=extmap:11 {REPAIRED_RID}",
        *(f"a=rid:{n} send" for n in "012"),
        "a=simulcast:send 0;1;2",
    ]
    found = publish(video(lines))
    assert found.tracks[0].rids == ("0", "1", "2")
    media = parse(found.text).media[0]
    assert media.rids == tuple(Rid(n, "recv") for n in "012")
    assert media.simulcast == "recv 0;1;2"
    assert {e.uri for e in media.extensions} == {MID, RID, REPAIRED_RID}


def test_ffmpegs_offer_makes_us_the_dtls_client() -> None:
    passive = (*TRANSPORT[:3], "a=setup:passive")
    sound = section("audio", "111", OPUS[:1], mid="0", transport=passive)
    picture = section(
        "video",
        "106 105",
        [
            *h264(106, "42001e"),
            "a=rtpmap:105 rtx/90000",
            "a=fmtp:105 apt=106",
            "a=ssrc-group:FID 7 8",
            "a=ssrc:7 cname:FFmpeg",
        ],
        mid="1",
        transport=passive,
    )
    found = publish(sound, picture)
    assert found.text.count("a=setup:active") == 2
    codec = found.tracks[1].codecs[0]
    assert (codec.name, codec.payload_type, codec.rtx_payload_type) == (
        "h264",
        106,
        105,
    )
    assert [(s.ssrc, s.repairs) for s in found.tracks[1].ssrcs] == [(7, None), (8, 7)]
    assert found.remote.candidates == ()


def test_parameters_are_mirrored() -> None:
    found = publish(section("video", "102", h264(102), mid="1"))
    line = "a=fmtp:102 packetization-mode=1;profile-level-id=42e01f\r\n"
    assert line in found.text


def test_text_mids_and_low_payload_types_are_fine() -> None:
    lines = ["a=rtpmap:45 AV1/90000", "a=rtpmap:46 rtx/90000", "a=fmtp:46 apt=45"]
    found = publish(section("video", "45 46", lines, mid="video0"))
    assert "a=group:BUNDLE video0\r\n" in found.text
    assert "m=video 9 UDP/TLS/RTP/SAVPF 45 46\r\n" in found.text


def test_gstreamers_bundle_only_section_is_answered_with_port_9() -> None:
    waiting = section("audio", "111", [*OPUS, "a=bundle-only"], mid="a1", port=0)
    found = publish(video(mid="video0"), waiting)
    assert [media.port for media in parse(found.text).media] == [9, 9]
    assert "bundle-only" not in found.text


def test_policy_caps_codecs_and_bitrate() -> None:
    rules = ReceiveRules(video=("vp8",), video_bitrate_bps=1_000_000)
    found = publish(video(), policy=PublishPolicy(receive=rules))
    assert "b=TIAS:1000000\r\n" in found.text
    assert not parse(found.text).media[0].rtcp_mux_only


def test_data_alone_has_no_tracks() -> None:
    found = publish(data())
    assert (found.tracks, found.data_mid) == ((), "2")
    assert publish(audio()).data_mid is None


def test_the_session_has_our_numbers_and_our_certificate() -> None:
    text = publish(audio()).text
    assert text.startswith("v=0\r\no=- 4242 1 IN IP4 127.0.0.1\r\n")
    assert f"a=fingerprint:sha-256 {LOCAL.fingerprint}\r\n" in text
    assert FINGERPRINT not in text
