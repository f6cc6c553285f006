"""`describe`: one entry for all codecs, whatever the bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import MIDDLE, OPAQUE, describe, describer
from meshproto.wire.descriptor.frame import FrameFacts, facts

CODECS = ("vp8", "vp9", "h264", "h265", "av1")


def test_audio_says_nothing_and_every_packet_may_begin() -> None:
    assert describe("opus", b"\x01\x02") is OPAQUE
    assert OPAQUE.start
    assert not OPAQUE.keyframe
    assert describer("opus") is None


@pytest.mark.parametrize("codec", CODECS)
def test_a_packet_of_padding_only_begins_nothing(codec: str) -> None:
    assert describe(codec, b"") is MIDDLE
    assert describer(codec) is not None


@given(st.sampled_from(CODECS), st.binary(min_size=1, max_size=40))
def test_any_bytes_are_described_or_refused(codec: str, payload: bytes) -> None:
    try:
        found = describe(codec, payload)
    except DecodeError:
        return
    assert 0 <= found.spatial < 64
    assert 0 <= found.temporal < 8
    assert found.switch_up >= found.keyframe


def test_equal_facts_are_shared() -> None:
    first = facts(True, False, 1, 2, False, False, True, None)
    assert first is facts(True, False, 1, 2, False, False, True, None)
    assert first == FrameFacts(start=True, spatial=1, temporal=2, discardable=True)
