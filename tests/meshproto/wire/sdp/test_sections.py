"""Sections answered one by one: stopped, inactive, data, received."""

from __future__ import annotations

import pytest

from meshproto.errors import DecodeError
from meshproto.wire.parameters import MediaKind
from meshproto.wire.sdp.endpoint import DtlsRole, RemoteEndpoint
from meshproto.wire.sdp.extensions import TRANSPORT_CC, ExtensionIds
from meshproto.wire.sdp.model import Direction, Media, Setup
from meshproto.wire.sdp.offer import read
from meshproto.wire.sdp.section import Section
from meshproto.wire.sdp.sections import (
    ReceiveRules,
    answer_all,
    inactive,
    is_data,
    our_setup,
    receive,
    rejected,
)
from meshproto.wire.sdp.sections import data as answer_data
from support.sdp import LOCAL, audio, data, description, only_media, section, video


def take(media: Media, **rules: object) -> Section:
    return receive(media, ReceiveRules(**rules), ExtensionIds())[0]  # type: ignore[arg-type]


def refuse(media: Media, **rules: object) -> str:
    with pytest.raises(DecodeError) as caught:
        take(media, **rules)
    return caught.value.reason


def test_a_received_section_mirrors_what_was_offered() -> None:
    lines = [f"a=extmap:3 {TRANSPORT_CC}", "a=rtcp-rsize", "a=msid:stream track"]
    found, track = receive(only_media(video(lines)), ReceiveRules(), ExtensionIds())
    assert found.formats == ("96", "97")
    assert found.direction is Direction.RECVONLY
    assert found.rtcp_rsize
    assert "transport-cc" in found.codecs[0].feedback
    assert (track.kind, track.mid) == (MediaKind.VIDEO, "1")
    assert (track.stream_id, track.track_id) == ("stream", "track")
    assert track.codecs == found.codecs


def test_names_come_from_the_ssrc_where_the_section_has_none() -> None:
    media = only_media(video(["a=ssrc:5 cname:c", "a=ssrc:5 msid:s t"]))
    track = receive(media, ReceiveRules(), ExtensionIds())[1]
    assert (track.stream_id, track.track_id) == ("s", "t")
    assert track.ssrcs[0].ssrc == 5


def test_transport_cc_is_answered_whole_or_not_at_all() -> None:
    with_extension = only_media(video([f"a=extmap:3 {TRANSPORT_CC}"]))
    unwanted = take(with_extension, transport_cc=False)
    without_extension = take(only_media(video()))
    for found in (unwanted, without_extension):
        assert found.extensions == ()
        assert "transport-cc" not in found.codecs[0].feedback


def test_bitrates_are_capped_by_kind() -> None:
    rules = {"video_bitrate_bps": 2_000_000, "audio_bitrate_bps": 64_000}
    assert take(only_media(video()), **rules).bitrate_bps == 2_000_000
    assert take(only_media(audio()), **rules).bitrate_bps == 64_000


def test_only_allowed_codecs_are_taken() -> None:
    assert refuse(only_media(video()), video=("av1",)) == "sdp-refused-codec"
    assert refuse(only_media(section("text", "96"))) == "sdp-refused-media"


def test_layers_without_a_common_codec_are_refused() -> None:
    lines = ["a=rid:a send pt=96", "a=rid:b send pt=98", "a=rtpmap:98 VP9/90000"]
    assert refuse(only_media(video(lines))) == "sdp-refused-codec"
    common = only_media(video(["a=rid:a send pt=96", "a=rid:b send pt=96,98"]))
    assert take(common).rids == ("a", "b")


def test_a_stopped_section_stays_stopped() -> None:
    media = only_media(section("video", "96 97", port=0, mid="1"))
    found = rejected(media)
    assert (found.rejected, found.mid, found.formats) == (True, "1", ("96",))
    assert rejected(only_media(["m=video 0 X"])).formats == ("0",)


def test_an_inactive_section_keeps_one_codec() -> None:
    found = inactive(only_media(video()))
    assert (found.direction, found.formats) == (Direction.INACTIVE, ("96", "97"))
    unknown = inactive(only_media(section("video", "50", ["a=rtpmap:50 X/90000"])))
    assert unknown.rejected


@pytest.mark.parametrize(
    ("lines", "formats", "size"),
    [
        (data(), ("webrtc-datachannel",), 262_144),
        (["m=application 9 DTLS/SCTP 5000"], ("5000",), 65_536),
        (
            ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel"],
            ("webrtc-datachannel",),
            65_536,
        ),
    ],
)
def test_data_channels_in_both_forms(
    lines: list[str], formats: tuple[str, ...], size: int
) -> None:
    media = only_media(lines)
    assert is_data(media)
    found = answer_data(media)
    assert found.formats == formats
    assert found.data is not None
    assert (found.data.sctp_port, found.data.max_message_size) == (5_000, size)


def test_an_application_that_is_not_sctp_is_no_data() -> None:
    assert not is_data(only_media(section("application", "96")))


@pytest.mark.parametrize(
    ("role", "setup"),
    [(DtlsRole.SERVER, Setup.PASSIVE), (DtlsRole.CLIENT, Setup.ACTIVE)],
)
def test_setup_says_our_role(role: DtlsRole, setup: Setup) -> None:
    assert our_setup(RemoteEndpoint("u", "p", (), role)) is setup


def test_every_section_is_answered_in_its_place() -> None:
    stopped = section("video", "96", port=0, mid="s")
    offer = read(description(audio(), data("d"), stopped, data("e"), video(mid="v")))
    done = answer_all(offer, LOCAL, lambda _, media: inactive(media))
    assert [s.mid for s in done.sections] == ["0", "d", "s", "e", "v"]
    assert [s.rejected for s in done.sections] == [False, False, True, True, False]
    assert done.data is not None
    assert done.data.mid == "d"
    assert "a=group:BUNDLE 0 d v\r\n" in done.text


def test_one_transport_is_demanded() -> None:
    offer = read(description(audio(), session=["a=ice-lite"]))
    with pytest.raises(DecodeError):
        answer_all(offer, LOCAL, lambda _, media: inactive(media))
