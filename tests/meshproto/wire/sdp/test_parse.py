"""Text to description: what is read, what is kept, what is refused and where."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.sdp.model import (
    DEFAULT_LIMITS,
    ROOM_LIMITS,
    Direction,
    Fingerprint,
    Setup,
)
from meshproto.wire.sdp.parse import parse, parse_lines
from meshproto.wire.sdp.serialise import serialise
from support.effort import effort
from support.sdp import (
    FINGERPRINT,
    OPUS,
    audio,
    data,
    description,
    only_media,
    section,
    video,
)


def refusal(text: str | bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        parse(text)
    return caught.value


def test_a_whole_offer_is_read() -> None:
    found = parse(description(audio(), video(), data(), session=["a=ice-lite"]))
    assert [media.kind for media in found.media] == ["audio", "video", "application"]
    assert found.bundle() == ("0", "1", "2")
    assert found.ice_lite
    sound = found.media[0]
    assert (sound.mid, sound.direction) == ("0", Direction.SENDONLY)
    assert (sound.ice_ufrag, sound.ice_pwd) == ("Remo", "lkjihgfedcba9876543210")
    assert sound.fingerprints == (Fingerprint("sha-256", FINGERPRINT),)
    assert sound.setup is Setup.ACTPASS
    assert (sound.codecs[0].name, sound.codecs[0].channels) == ("opus", 2)
    assert (found.media[2].sctp_port, found.media[2].max_message_size) == (
        5_000,
        262_144,
    )


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_both_line_endings_and_bytes_are_read_alike(ending: str) -> None:
    text = description(audio(), video())
    assert parse(text.replace("\r\n", ending).encode()) == parse(text)


def test_missing_final_newline_and_blank_lines_do_no_harm() -> None:
    text = description(audio()).rstrip() + "\r\n \r\n"
    assert len(parse(text).media) == 1


def test_unknown_lines_are_kept_in_their_place() -> None:
    media = only_media(audio(["z=odd", "a=x-new:1", "k=clear:1"]))
    values = [(line.type, line.value) for line in media.lines]
    at = values.index(("z", "odd"))
    assert values[at : at + 3] == [("z", "odd"), ("a", "x-new:1"), ("k", "clear:1")]


def test_the_session_level_is_the_fallback() -> None:
    bare = section("audio", "111", OPUS, transport=(), mid="0")
    bare.remove("a=sendonly")
    session = [
        "a=ice-ufrag:Sess",
        "a=ice-pwd:abcdefghijklmnopqrstuv",
        f"a=fingerprint:sha-256 {FINGERPRINT}",
        "a=setup:active",
        "a=recvonly",
        "a=extmap:3 urn:example:all",
        "a=extmap-allow-mixed",
        "a=end-of-candidates",
    ]
    media = parse(description(bare, session=session)).media[0]
    assert (media.ice_ufrag, media.setup) == ("Sess", Setup.ACTIVE)
    assert media.direction is Direction.RECVONLY
    assert [found.id for found in media.extensions] == [3]
    assert media.fingerprints
    assert media.allow_mixed
    assert media.end_of_candidates


def test_a_section_without_direction_is_sendrecv() -> None:
    lines = audio()
    lines.remove("a=sendonly")
    assert only_media(lines).direction is Direction.SENDRECV


def test_formats_come_in_the_order_of_the_m_line() -> None:
    media = only_media(
        section(
            "video",
            "98 96 7 98 text",
            ["a=rtpmap:96 VP8/90000", "a=rtpmap:98 VP9/90000", "a=rtpmap:99 X/1"],
        )
    )
    assert [found.payload_type for found in media.codecs] == [98, 96]
    assert media.formats == ("98", "96", "7", "98", "text")


def test_feedback_for_every_format_joins_its_own() -> None:
    media = only_media(
        section(
            "video",
            "96",
            [
                "a=rtpmap:96 VP8/90000",
                "a=rtcp-fb:* nack",
                "a=rtcp-fb:96 nack",
                "a=rtcp-fb:96  ccm  fir",
            ],
        )
    )
    assert media.codecs[0].feedback == ("nack", "ccm fir")


def test_an_ssrc_may_say_little_or_nothing() -> None:
    media = only_media(
        video(["a=ssrc:1", "a=ssrc:2 cname:c", "a=ssrc:2 msid:s t", "a=ssrc:2 cname:d"])
    )
    assert [(f.ssrc, f.cname, f.msid) for f in media.ssrcs] == [
        (1, "", ""),
        (2, "c", "s t"),
    ]


@pytest.mark.parametrize(
    ("line", "port"),
    [
        ("m=application 9 DTLS/SCTP 5001", 5_001),
        ("m=application 9 UDP/DTLS/SCTP webrtc-datachannel", None),
        ("m=application 9 DTLS/SCTP", None),
        ("m=application 9 DTLS/SCTP 1234567", None),
    ],
)
def test_the_sctp_port_of_older_forms(line: str, port: int | None) -> None:
    assert only_media([line]).sctp_port == port


def test_sctpmap_gives_the_port_where_nothing_newer_does() -> None:
    old = ["m=application 9 DTLS/SCTP 5000", "a=sctpmap:5002 webrtc-datachannel 1024"]
    assert only_media(old).sctp_port == 5_002
    assert only_media([old[0], "a=sctp-port:5003", old[1]]).sctp_port == 5_003


def test_a_channel_count_that_is_no_number_is_one() -> None:
    media = only_media(section("audio", "96", ["a=rtpmap:96 opus/48000/two"]))
    assert media.codecs[0].channels == 1


@pytest.mark.parametrize(
    ("text", "reason", "detail"),
    [
        ("", "sdp-version", "line 1"),
        ("o=- 1 1 IN IP4 127.0.0.1\r\n", "sdp-version", "line 1"),
        ("v=0\r\nrubbish\r\n", "sdp-line", "line 2"),
        ("v=0\r\nA=x\r\n", "sdp-line", "line 2"),
        ("v=0\r\ns\r\n", "sdp-line", "line 2"),
        ("v=0\r\ns=a\x00b\r\n", "sdp-control", "line 2"),
        ("v=0\r\ns=a\rb\r\n", "sdp-control", "line 2"),
        ("v=0\r\ns=a\u2028a=b\r\n", "sdp-control", "line 2"),
        ("v=0\r\ns=\ud800\r\n", "sdp-encoding", "UTF-8"),
        (b"v=0\r\ns=\xff\r\n", "sdp-encoding", "UTF-8"),
        ("v=0\r\nm=audio\r\n", "sdp-media", "line 2"),
        ("v=0\r\nm=audio x P 0\r\n", "sdp-media", "line 2"),
        ("v=0\r\nm=audio 65536 P 0\r\n", "sdp-media", "line 2"),
        ("v=0\r\nm=audio 9 Pé 0\r\n", "sdp-media", "line 2"),
        ("v=0\r\na=group:BUNDLE" + " 0" * 65, "sdp-limit", "line 2"),
    ],
)
def test_a_refusal_names_its_line(text: str | bytes, reason: str, detail: str) -> None:
    error = refusal(text)
    assert error.reason == reason
    assert detail in str(error)


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        ("formats", "a=rtpmap:{} VP8/90000"),
        ("formats", "a=fmtp:{} x=1"),
        ("extensions", "a=extmap:{} urn:x"),
        ("rids", "a=rid:{} send"),
        ("ssrcs", "a=ssrc:{} cname:c"),
        ("ssrcs", "a=ssrc-group:FID {}"),
        ("candidates", "a=candidate:{} 1 udp 1 192.0.2.1 9 typ host"),
    ],
)
def test_every_table_of_a_section_is_bounded(limit: str, line: str) -> None:
    limits = replace(DEFAULT_LIMITS, **{limit: 3})
    fits = description(audio([line.format(n) for n in range(3 - (limit == "formats"))]))
    parse(fits, limits)
    with pytest.raises(DecodeError, match=r"line \d+: more than 3 ") as caught:
        parse(description(audio([line.format(n) for n in range(4)])), limits)
    assert caught.value.reason == "sdp-limit"


def test_sections_lines_formats_and_bytes_are_bounded() -> None:
    two = description(audio(), video())
    parse(two, replace(DEFAULT_LIMITS, media=2))
    for limits in (
        replace(DEFAULT_LIMITS, media=1),
        replace(DEFAULT_LIMITS, lines=10),
        replace(DEFAULT_LIMITS, formats=1),
    ):
        with pytest.raises(DecodeError) as caught:
            parse(two, limits)
        assert caught.value.reason == "sdp-limit"
    with pytest.raises(DecodeError) as caught:
        parse(two, replace(DEFAULT_LIMITS, text_bytes=len(two) - 1))
    assert caught.value.reason == "sdp-too-large"


def test_feedback_groups_and_fingerprints_are_bounded() -> None:
    many = {
        "formats": [f"a=rtcp-fb:96 x{n}" for n in range(2_049)],
        "groups": [f"a=group:G{n}" for n in range(65)],
        "fingerprints": [
            f"a=fingerprint:sha-256 {':'.join([f'{n:02X}'] * 32)}" for n in range(9)
        ],
    }
    for lines in many.values():
        assert refusal(description(audio(lines))).reason == "sdp-limit"


def test_an_offer_of_a_full_room_is_read() -> None:
    sections = [video(mid=str(n), direction="recvonly") for n in range(200)]
    assert len(parse(description(*sections), ROOM_LIMITS).media) == 200


def test_a_fragment_has_no_session_lines() -> None:
    session, media = parse_lines(b"m=audio 9 X 0\r\na=mid:0\r\n", DEFAULT_LIMITS)
    assert (session.lines, media.mid) == ([], "0")


def worst_texts() -> list[str]:
    """The largest text of each shape that might be slow."""
    shapes = [
        ["a=rtcp-fb:96 nack"],
        ["a=fmtp:96 " + "a=1;" * 30],
        ["a=ssrc-group:FID " + "1 " * 200],
        ["a=group:BUNDLE " + "0 " * 60],
        ["a=rid:a send pt=" + "1," * 100 + "1"],
        ["m=video 9 UDP/TLS/RTP/SAVPF " + "96 " * 120],
        ["a=" + "x" * 500],
        ["a=candidate:1 1 udp 1 192.0.2.1 9 typ host " + "a b " * 100],
        ["a=simulcast:send " + "a,~b;" * 100],
    ]
    texts = []
    for lines in shapes:
        room = DEFAULT_LIMITS.text_bytes - 1_000
        count = min(room // (sum(map(len, lines)) + 2), 4_000)
        texts.append(description(video(lines * count)))
    texts.append("v=0\n" + "\n" * 65_000)
    texts.append("v=0\n" + "a=" + ":" * 65_000)
    return texts


def test_the_largest_texts_are_read_or_refused_at_once() -> None:
    def read() -> None:
        with contextlib.suppress(DecodeError):
            parse(text)

    for text in worst_texts():
        assert effort(read) < 50, text[:60]


@given(st.one_of(st.text(max_size=400), st.binary(max_size=400)))
def test_anything_is_read_or_refused(text: str | bytes) -> None:
    # nothing else may come out
    with contextlib.suppress(DecodeError):
        serialise(parse(text)).encode()
