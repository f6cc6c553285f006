"""Names and codecs: what is known before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshnode.recording.formats import FORMATS, check_codec, check_name
from meshproto.errors import StateError


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_may_be_written_in_capitals_too(suffix: str) -> None:
    path = Path(f"out{suffix.upper()}")
    check_name(path)
    check_codec(path, "opus")


def test_a_name_that_says_no_format_is_told_those_there_are() -> None:
    with pytest.raises(StateError, match=r"should end in one of \.webm, \.mkv, \.mp4"):
        check_name(Path("out.avi"))


def test_a_codec_that_does_not_fit_is_told_where_it_does() -> None:
    with pytest.raises(StateError, match=r"h264 cannot .* ends in \.mkv or \.mp4"):
        check_codec(Path("out.webm"), "h264")
    with pytest.raises(StateError, match="sorry"):
        check_codec(Path("out.mkv"), "g722")
