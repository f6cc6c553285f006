"""Attribute lines one by one: read, or refused with the right reason."""

from __future__ import annotations

import pytest

from meshproto.errors import DecodeError
from meshproto.wire.sdp.attributes import Draft, number, read_attribute
from meshproto.wire.sdp.model import (
    DEFAULT_LIMITS,
    Direction,
    ExtMap,
    Group,
    Rid,
    Setup,
    SsrcGroup,
)
from meshproto.wire.sdp.parse import parse
from support.sdp import FINGERPRINT, audio, description, only_media


def draft(*values: str) -> Draft:
    found = Draft(DEFAULT_LIMITS)
    for value in values:
        read_attribute(found, value)
    return found


def test_header_extensions_with_direction_and_attributes() -> None:
    found = draft(
        "extmap:1 urn:a",
        "extmap:2/sendonly urn:b",
        "extmap:3 urn:c vad=on more",
    )
    assert found.extensions == [
        ExtMap(1, "urn:a"),
        ExtMap(2, "urn:b", Direction.SENDONLY),
        ExtMap(3, "urn:c", None, "vad=on more"),
    ]


def test_rids_with_restrictions() -> None:
    found = draft("rid:hi send", "rid:lo send max-width=640;pt=96,97", "rid:x recv ")
    assert found.rids == [
        Rid("hi", "send"),
        Rid("lo", "send", (96, 97)),
        Rid("x", "recv"),
    ]


def test_groups_of_mids_and_of_ssrcs() -> None:
    found = draft("group:BUNDLE a b", "group:", "ssrc-group:FID 1 2", "ssrc-group:")
    assert found.groups == [Group("BUNDLE", ("a", "b")), Group("", ())]
    assert found.ssrc_groups == [SsrcGroup("FID", (1, 2)), SsrcGroup("", ())]


def test_the_first_simulcast_and_msid_line_counts() -> None:
    found = draft("simulcast:send a;b", "simulcast:send c", "msid:s t", "msid:s2 t")
    assert (found.simulcast, found.msid) == ("send a;b", "s t")


def test_flags_directions_and_numbers() -> None:
    found = draft(
        "rtcp-mux",
        "rtcp-rsize",
        "bundle-only",
        "inactive",
        "sctp-port:5000",
        "max-message-size:0",
        "setup:passive",
        "crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x",
    )
    assert found.flags == {"rtcp-mux", "rtcp-rsize", "bundle-only", "crypto"}
    assert found.direction is Direction.INACTIVE
    assert (found.sctp_port, found.max_message_size) == (5_000, 0)
    assert found.setup is Setup.PASSIVE


def test_equal_fingerprints_count_once_and_algorithms_fold() -> None:
    found = draft(f"fingerprint:SHA-256 {FINGERPRINT}").fingerprints
    assert found[0].algorithm == "sha-256"
    assert len(draft(*[f"fingerprint:sha-256 {FINGERPRINT}"] * 20).fingerprints) == 1


def test_what_changes_nothing_may_be_odd() -> None:
    found = draft(
        "fmtp:x y", "fmtp:200", "fmtp:1234 a", "rtcp-fb:q", "unknown", "", ":"
    )
    assert found.fmtps == {200: ""}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("mid:", "sdp-mid"),
        ("mid:a b", "sdp-mid"),
        ("mid:" + "a" * 129, "sdp-mid"),
        ("mid:é", "sdp-mid"),
        ("rtpmap:96", "sdp-rtpmap"),
        ("rtpmap:96 VP8", "sdp-rtpmap"),
        ("rtpmap:96 VP8/fast", "sdp-rtpmap"),
        ("rtpmap:128 VP8/90000", "sdp-rtpmap"),
        ("rtpmap:-1 VP8/90000", "sdp-rtpmap"),
        ("rtpmap:96 VP8/90000/1/1", "sdp-rtpmap"),
        ("rtpmap:96 V P8/90000", "sdp-rtpmap"),
        ("extmap:1", "sdp-extmap"),
        ("extmap:x urn:a", "sdp-extmap"),
        ("extmap:1/sideways urn:a", "sdp-extmap"),
        ("extmap:65536 urn:a", "sdp-extmap"),
        ("rid:a", "sdp-rid"),
        ("rid:a both", "sdp-rid"),
        ("rid:a.b send", "sdp-rid"),
        ("rid:a send pt=96,x", "sdp-rid"),
        ("ssrc:x cname:c", "sdp-ssrc"),
        ("ssrc:4294967296 cname:c", "sdp-ssrc"),
        ("ssrc-group:FID 1 x", "sdp-ssrc"),
        ("ice-ufrag:", "sdp-ice"),
        ("ice-ufrag:a b", "sdp-ice"),
        ("ice-pwd:" + "p" * 257, "sdp-ice"),
        ("ice-pwd:pé", "sdp-ice"),
        ("fingerprint:sha-256", "sdp-fingerprint"),
        ("fingerprint:sha-256 5A:5A", "sdp-fingerprint"),
        ("fingerprint:sha-256 " + FINGERPRINT[:-1] + "g", "sdp-fingerprint"),
        ("setup:backwards", "sdp-setup"),
        ("candidate:1", "sdp-candidate"),
        ("sctp-port:65536", "sdp-sctp"),
        ("sctpmap:x webrtc-datachannel", "sdp-sctp"),
        ("max-message-size:-1", "sdp-sctp"),
    ],
)
def test_malformed_values_are_refused(value: str, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        draft(value)
    assert caught.value.reason == reason
    lines = audio([f"a={value}"])
    with pytest.raises(DecodeError, match=r": line \d+: "):
        parse(description(lines))


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "٣", "1" * 21, "0x1", " 1"])
def test_numbers_are_plain_digits(text: str) -> None:
    with pytest.raises(DecodeError):
        number(text, 10**30)


def test_credentials_of_libp2p_are_read() -> None:
    ufrag = "libp2p+webrtc+v1/a75469cf:x"
    assert only_media(audio([f"a=ice-ufrag:{ufrag}"])).ice_ufrag == ufrag
