"""What makes a description WebRTC, and who its writer is."""

from __future__ import annotations

import pytest

from meshproto.errors import DecodeError
from meshproto.wire.sdp.endpoint import DtlsRole
from meshproto.wire.sdp.model import Fingerprint, SdpLimits
from meshproto.wire.sdp.offer import is_refusal, read, require_one_transport
from support.sdp import (
    FINGERPRINT,
    OPUS,
    TRANSPORT,
    VP8,
    audio,
    data,
    description,
    section,
    video,
)

HOST = "a=candidate:1 1 udp 1 192.0.2.1 9 typ host"
OTHER = "a=candidate:2 1 udp 1 192.0.2.2 9 typ host"


def without(prefix: str) -> tuple[str, ...]:
    return tuple(line for line in TRANSPORT if not line.startswith(prefix))


def setup(value: str) -> tuple[str, ...]:
    return (*without("a=setup"), f"a=setup:{value}")


def refusal(text: str) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        require_one_transport(read(text))
    return caught.value


def test_the_writer_of_an_offer_is_known() -> None:
    offer = read(description(audio([HOST]), video([HOST, OTHER]), data()))
    require_one_transport(offer)
    assert len(offer.live) == 3
    remote = offer.remote
    assert (remote.ufrag, remote.pwd) == ("Remo", "lkjihgfedcba9876543210")
    assert remote.fingerprints == (Fingerprint("sha-256", FINGERPRINT),)
    assert [found.address for found in remote.candidates] == ["192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (setup("actpass"), DtlsRole.SERVER),
        (setup("active"), DtlsRole.SERVER),
        (setup("passive"), DtlsRole.CLIENT),
        (without("a=setup"), DtlsRole.SERVER),
    ],
)
def test_dtls_roles(theirs: tuple[str, ...], ours: DtlsRole) -> None:
    offer = read(description(section("audio", "111", OPUS, transport=theirs)))
    assert offer.remote.our_dtls_role is ours


def test_fingerprints_are_upper_case_and_of_hashes_that_still_hold() -> None:
    lines = (
        *without("a=fingerprint"),
        "a=fingerprint:md5 " + ":".join(["aa"] * 16),
        "a=fingerprint:sha-1 " + ":".join(["ab"] * 20),
    )
    offer = read(description(section("audio", "111", OPUS, transport=lines)))
    assert offer.remote.fingerprints == (Fingerprint("sha-1", ":".join(["AB"] * 20)),)


def test_sections_of_a_bundle_share_one_transport_wherever_it_stands() -> None:
    bare = section("video", "96 97", VP8, mid="1", transport=())
    for sections in ([audio(), bare], [bare, audio()]):
        offer = read(description(*sections))
        require_one_transport(offer)
        assert offer.remote.ufrag == "Remo"


def test_stopped_sections_need_nothing() -> None:
    stopped = section("video", "96", mid="1", port=0, transport=(), protocol="X")
    assert len(read(description(audio(), stopped)).live) == 1


def test_a_bundle_only_section_is_live() -> None:
    waiting = section("video", "96", [*VP8, "a=bundle-only"], mid="1", port=0)
    require_one_transport(read(description(audio(), waiting)))
    assert len(read(description(audio(), waiting)).live) == 2


def test_a_single_section_needs_neither_mid_nor_bundle() -> None:
    require_one_transport(read(description(section("audio", "111", OPUS))))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (description(), "empty"),
        (description(section("audio", "111", OPUS, port=0)), "empty"),
        (description(section("audio", "0", protocol="RTP/AVP")), "protocol"),
        (description(section("audio", "0", protocol="RTP/SAVP")), "protocol"),
        (
            description(section("audio", "111", transport=without("a=finger"))),
            "no-dtls",
        ),
        (
            description(
                section(
                    "audio",
                    "111",
                    ["a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"],
                    transport=without("a=finger"),
                )
            ),
            "sdes",
        ),
        (
            description(section("audio", "111", transport=without("a=ice-ufrag"))),
            "no-ice",
        ),
        (
            description(section("audio", "111", transport=without("a=ice-pwd"))),
            "no-ice",
        ),
        (
            description(
                section(
                    "audio",
                    "111",
                    transport=(
                        *without("a=finger"),
                        "a=fingerprint:md5 " + ":".join(["AA"] * 16),
                    ),
                )
            ),
            "no-dtls",
        ),
        (
            description(section("audio", "111", transport=setup("holdconn"))),
            "setup",
        ),
        (
            description(video(["a=ssrc:1 msid:s t", "a=ssrc:2 msid:s u"])),
            "plan-b",
        ),
        (description(audio(), session=["a=ice-lite"]), "ice-lite"),
        (description(audio()).replace("a=rtcp-mux\r\n", ""), "rtcp-mux"),
        (description(audio(), section("video", "96", VP8)), "bundle"),
        (description(audio(mid="a"), video(mid="a")), "mid"),
    ],
)
def test_what_is_no_webrtc_for_us_is_refused_with_its_reason(
    text: str, reason: str
) -> None:
    error = refusal(text)
    assert error.reason == f"sdp-refused-{reason}"
    assert is_refusal(error)


def test_refusals_about_a_section_name_its_line() -> None:
    text = description(audio(), section("video", "96", protocol="RTP/AVP", mid="1"))
    line = text.split("\r\n").index("m=video 9 RTP/AVP 96") + 1
    assert f"line {line}:" in str(refusal(text))


def test_sections_outside_the_only_bundle_are_refused() -> None:
    text = description(audio(mid="a"), video(mid="b")).replace(
        "a=group:BUNDLE a b", "a=group:BUNDLE a"
    )
    assert refusal(text).reason == "sdp-refused-bundle"


def test_the_two_halves_of_a_bundle_are_no_bundle() -> None:
    text = description(audio(mid="a"), video(mid="b")).replace(
        "a=group:BUNDLE a b", "a=group:BUNDLE a\r\na=group:BUNDLE b"
    )
    assert refusal(text).reason == "sdp-refused-bundle"


def test_malformed_text_is_no_refusal() -> None:
    with pytest.raises(DecodeError) as caught:
        read("v=0\r\nrubbish\r\n")
    assert not is_refusal(caught.value)


def test_limits_are_the_callers() -> None:
    with pytest.raises(DecodeError, match="more than 10 bytes"):
        read(description(audio()), SdpLimits(text_bytes=10))


def test_data_channels_alone_are_webrtc() -> None:
    require_one_transport(read(description(data())))
