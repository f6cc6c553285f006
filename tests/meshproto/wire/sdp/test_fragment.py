"""Trickle fragments, read and written (RFC 8840 section 9)."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.sdp.candidate import host_candidate
from meshproto.wire.sdp.fragment import (
    Fragment,
    parse_fragment,
    restart_answer,
    write_fragment,
)
from meshproto.wire.sdp.offer import read
from meshproto.wire.sdp.publish import answer
from support.sdp import LOCAL, audio, description, section, video

CANDIDATE = "candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host"
TRICKLE = f"""a=group:BUNDLE 0 1
m=audio 9 UDP/TLS/RTP/SAVPF 111
a=mid:0
a=ice-ufrag:EsAw
a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1
a={CANDIDATE}
a=end-of-candidates
"""


def reason(text: str | bytes) -> str:
    with pytest.raises(DecodeError) as caught:
        parse_fragment(text)
    return caught.value.reason


def test_a_patch_of_the_whip_rfc_is_read() -> None:
    found = parse_fragment(TRICKLE.replace("\n", "\r\n").encode())
    assert (found.ufrag, found.pwd) == ("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")
    mid, candidate = found.candidates[0]
    assert (mid, candidate.address, candidate.port) == ("0", "192.0.2.1", 61_764)
    assert found.end_of_candidates


def test_credentials_at_session_level_and_text_mids_are_read() -> None:
    text = f"a=ice-ufrag:u\na=ice-pwd:p\nm=video 9 X 0\na=mid:video0\na={CANDIDATE}\n"
    found = parse_fragment(text)
    assert (found.ufrag, found.pwd) == ("u", "p")
    assert [mid for mid, _ in found.candidates] == ["video0"]
    assert not found.end_of_candidates


def test_candidates_need_neither_mid_nor_credentials() -> None:
    found = parse_fragment(f"a={CANDIDATE}\n")
    assert (found.ufrag, found.pwd) == (None, None)
    assert found.candidates[0][0] is None
    assert parse_fragment("a=end-of-candidates").end_of_candidates


def test_the_same_credentials_in_every_section_are_one_transport() -> None:
    twice = TRICKLE + TRICKLE.replace("a=mid:0", "a=mid:1")
    assert parse_fragment(twice).ufrag == "EsAw"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "sdp-fragment"),
        ("a=mid:0\n", "sdp-fragment"),
        (TRICKLE + TRICKLE.replace("EsAw", "Other"), "sdp-fragment"),
        (TRICKLE.replace("a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\n", ""), "sdp-fragment"),
        (TRICKLE.replace(" typ host", ""), "sdp-candidate"),
        ("{}", "sdp-line"),
        (b"\xff", "sdp-encoding"),
    ],
)
def test_bodies_that_are_no_fragment_are_refused(
    text: str | bytes, expected: str
) -> None:
    assert reason(text) == expected


def test_what_is_written_is_read_back() -> None:
    candidate = host_candidate("192.0.2.9", 5_000)
    fragment = Fragment("user", "password", (("0", candidate),), True)
    text = write_fragment(fragment, [("0", "audio"), ("1", "video")])
    assert parse_fragment(text) == fragment
    bare = Fragment(None, None, (("0", candidate),), False)
    assert parse_fragment(write_fragment(bare, [("0", "audio")])) == bare


def test_the_answer_to_a_restart_has_new_credentials_and_all_candidates() -> None:
    stopped = section("audio", "111", port=0, mid="s")
    offer = read(description(stopped, audio(), video()))
    sections = answer(offer, LOCAL).sections
    local = replace(LOCAL, ufrag="fresh", pwd="fresh-password-of-22-cha")
    text = restart_answer(local, sections)
    found = parse_fragment(text)
    assert (found.ufrag, found.pwd) == ("fresh", "fresh-password-of-22-cha")
    assert [c for _, c in found.candidates] == list(LOCAL.candidates)
    assert found.candidates[0][0] == "0"
    assert found.end_of_candidates
    assert "a=ice-lite\r\n" in text
    assert "a=group:BUNDLE 0 1\r\n" in text


def test_a_restart_of_a_session_without_mids() -> None:
    offer = read(description(section("audio", "111", ["a=rtpmap:111 opus/48000/2"])))
    text = restart_answer(LOCAL, answer(offer, LOCAL).sections)
    assert "mid" not in text
    assert "BUNDLE" not in text


@given(st.one_of(st.text(max_size=300), st.binary(max_size=300)))
def test_anything_is_read_or_refused(text: str | bytes) -> None:
    with contextlib.suppress(DecodeError):
        parse_fragment(text)
