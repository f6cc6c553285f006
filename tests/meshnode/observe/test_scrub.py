"""Nothing that names a person, forges a line or opens a door reaches a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.observe.scrub import (
    HIDDEN,
    TEXT_CHARACTERS_MAX,
    scrub,
    scrub_fields,
    scrub_lines,
    scrub_text,
)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("203.0.113.77", "203.0.113.x"),
        ("from 203.0.113.77:5004, lost", "from 203.0.113.x:5004, lost"),
        ("203.0.113.77.", "203.0.113.x."),
        ("2001:db8:7:8::9", "2001:db8:7::x"),
        ("[2001:db8:7:8::9]:5004", "[2001:db8:7::x]:5004"),
        ("fe80::1%eth0", "fe80::x"),
        ("::ffff:203.0.113.77", "203.0.113.x"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("bound to ::", "bound to ::"),
        ("10.0.0.0", "10.0.0.x"),
        ("aiortc 1.16.0 at 12:30:45", "aiortc 1.16.0 at 12:30:45"),
        ("999.1.1.1", "999.1.1.1"),
        ("a:b", "a:b"),
    ],
)
def test_addresses_lose_their_last_bits(text: str, kept: str) -> None:
    assert scrub_text(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer s3cret",
        "GET /whep/demo?token=s3cret HTTP/1.1",
        "a=ice-pwd:s3cret",
        "eyJhbGciOiJFZERTQSJ9.s3cret.s3cret",
    ],
)
def test_credentials_in_text_are_hidden(text: str) -> None:
    assert "s3cret" not in scrub_text(text)
    assert HIDDEN in scrub_text(text)


def test_fields_named_like_secrets_are_hidden_however_deep() -> None:
    assert scrub_fields({"Token": "x", "a": {"password": b"y"}}) == {
        "Token": HIDDEN,
        "a": {"password": HIDDEN},
    }


def test_a_name_cannot_forge_a_line_or_move_the_cursor() -> None:
    assert scrub_text("demo\n{}\x1b[2J\u202e\x9b") == "demo\\n{}\\x1b[2J\\u202e\\x9b"


def test_a_traceback_keeps_its_lines() -> None:
    assert scrub_lines("one\ntwo 203.0.113.77\x07") == "one\ntwo 203.0.113.x\\x07"


def test_values_of_any_type_are_fit_for_a_log() -> None:
    assert scrub([1, 2.5, None, True, {"b": ("203.0.113.77", 1)}]) == [
        1,
        2.5,
        None,
        True,
        {"b": ["203.0.113.x", 1]},
    ]
    assert scrub(b"\x00") == "b'\\x00'"


@given(st.text())
def test_text_is_printable_bounded_and_scrubbed_once(text: str) -> None:
    once = scrub_text(text)
    assert once.isprintable()
    assert len(once) <= 10 * TEXT_CHARACTERS_MAX + 10
    assert scrub_text(once) == once


@given(st.ip_addresses())
def test_no_global_address_survives(address: object) -> None:
    if not getattr(address, "is_global", False):
        return
    kept = scrub_text(f"peer {address} left")
    assert str(address) not in kept or str(address).endswith("::")
