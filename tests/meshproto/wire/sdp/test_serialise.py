"""A description survives being written and read again."""

from __future__ import annotations

from meshproto.wire.sdp.parse import parse
from meshproto.wire.sdp.serialise import serialise
from support.sdp import audio, data, description, video


def test_text_comes_back_as_it_was_unknown_lines_included() -> None:
    text = description(
        audio(["a=x-unknown:1", "z=0 0"]), video(), data(), session=["b=AS:1", "a=q"]
    )
    assert serialise(parse(text)) == text


def test_line_endings_become_crlf_and_blank_lines_go() -> None:
    text = description(audio())
    loose = text.replace("\r\n", "\n") + "\n\n"
    assert serialise(parse(loose)) == text
