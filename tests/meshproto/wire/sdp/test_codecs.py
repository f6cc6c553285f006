"""Which codec is answered, and which of a viewer's takes a stream."""

from __future__ import annotations

import pytest

from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp.codecs import (
    CARRIED,
    choose,
    describe,
    fit,
    kind_of,
    match,
    negotiated,
    offered,
    spelling,
)
from meshproto.wire.sdp.model import Format, Media
from support.sdp import data, h264, only_media, section, video

VIDEO, AUDIO = MediaKind.VIDEO, MediaKind.AUDIO


def chosen(media: Media, kind: MediaKind) -> str | None:
    found = choose(offered(media, CARRIED[kind]), kind)
    return None if found is None else str(found.payload_type)


def test_kinds_are_those_of_rtp() -> None:
    assert kind_of(only_media(video())) is VIDEO
    assert kind_of(only_media(data())) is None
    assert kind_of(only_media(section("text", "96"))) is None


@pytest.mark.parametrize(
    ("name", "spelt"), [("vp8", "VP8"), ("opus", "opus"), ("av1", "AV1")]
)
def test_names_are_spelt_as_registered(name: str, spelt: str) -> None:
    assert spelling(name) == spelt


def test_the_first_video_codec_that_we_carry_is_chosen() -> None:
    lines = ["a=rtpmap:35 X-NEW/90000", "a=rtpmap:45 AV1/90000", *h264(96)]
    assert chosen(only_media(section("video", "35 45 96", lines)), VIDEO) == "45"
    assert chosen(only_media(section("video", "35 96 45", lines)), VIDEO) == "96"
    assert chosen(only_media(section("video", "35", lines)), VIDEO) is None


def test_opus_is_chosen_wherever_it_stands() -> None:
    lines = ["a=rtpmap:63 red/48000/2", "a=rtpmap:111 OPUS/48000/2"]
    assert chosen(only_media(section("audio", "63 0 111 8", lines)), AUDIO) == "111"


def test_static_payload_types_need_no_rtpmap() -> None:
    assert chosen(only_media(section("audio", "13 8 0")), AUDIO) == "8"


def test_another_clock_rate_is_another_codec() -> None:
    lines = ["a=rtpmap:111 opus/8000/2", "a=rtpmap:96 VP8/1000"]
    assert chosen(only_media(section("audio", "111", lines)), AUDIO) is None
    assert chosen(only_media(section("video", "96", lines)), VIDEO) is None


def test_of_h264_the_first_profile_in_mode_1_is_chosen() -> None:
    lines = [
        *h264(100, "4d001f", "0"),
        *h264(101, "42e01f", "1"),
        *h264(102, "4d0020", "1"),
    ]
    assert chosen(only_media(section("video", "100 101 102", lines)), VIDEO) == "102"
    assert chosen(only_media(section("video", "100 101", lines)), VIDEO) == "100"


def formats(*items: tuple[int, str, str]) -> list[Format]:
    return [Format(pt, name, name, 90_000, parameters=p) for pt, name, p in items]


def test_a_viewer_takes_the_profile_that_is_sent() -> None:
    viewer = formats(
        (96, "vp8", ""),
        (98, "vp9", "profile-id=0"),
        (100, "vp9", "profile-id=2"),
        (102, "h264", "packetization-mode=1;profile-level-id=42001f"),
        (104, "h264", "packetization-mode=0;profile-level-id=42e01f"),
        (108, "h264", "packetization-mode=1;profile-level-id=42e01f"),
        (45, "av1", "level-idx=5;profile=0;tier=0"),
        (49, "h265", "profile-id=1"),
    )

    def taken(name: str, parameters: str) -> int | None:
        found = match(viewer, Codec(1, name, 90_000, parameters=parameters))
        return None if found is None else found.payload_type

    assert taken("vp8", "") == 96
    assert taken("vp9", "") == 98
    assert taken("vp9", "profile-id=2") == 100
    assert taken("vp9", "profile-id=1") is None
    assert taken("h264", "packetization-mode=1;profile-level-id=42e01f") == 108
    assert taken("h264", "packetization-mode=1;profile-level-id=640032") is None
    assert taken("av1", "") == 45
    assert taken("av1", "profile=1") is None
    assert taken("h265", "") == 49


def test_name_and_clock_rate_must_be_the_same() -> None:
    opus = Codec(111, "opus", 48_000, 2)
    assert fit(Format(96, "opus", "opus", 48_000, 2), opus) == 0
    assert fit(Format(96, "opus", "opus", 16_000, 2), opus) is None
    assert fit(Format(96, "pcmu", "pcmu", 48_000), opus) is None


def test_feedback_and_rtx_go_with_the_codec() -> None:
    media = only_media(video(["a=rtcp-fb:96 rrtr"]))
    codec = negotiated(media, media.codecs[0], transport_cc=True)
    assert codec.rtx_payload_type == 97
    assert codec.feedback == (
        "nack",
        "nack pli",
        "ccm fir",
        "goog-remb",
        "transport-cc",
    )
    without = negotiated(media, media.codecs[0], transport_cc=False)
    assert without.feedback == ("nack", "nack pli", "ccm fir", "goog-remb")


def test_parameters_that_are_not_plain_are_not_mirrored() -> None:
    media = only_media(section("video", "96", ["a=rtpmap:96 VP8/90000"]))
    for parameters in ("x=é", "x=\t1"):
        odd = Format(96, "VP8/90000", "vp8", 90_000, parameters=parameters)
        assert negotiated(media, odd, transport_cc=False).parameters == ""


def test_codecs_are_described_for_people() -> None:
    assert describe(Codec(96, "vp8", 90_000)) == "VP8"
    long = describe(Codec(96, "h264", 90_000, parameters="x" * 500))
    assert long.startswith("H264 x")
    assert len(long) == 120
