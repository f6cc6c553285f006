"""The test picture can be read back, through an encoder and at other sizes."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.client.picture import COUNTER_BITS, TestPicture, read_number

NOW = datetime(2026, 11, 21, 12, 34, 56, 789000, tzinfo=UTC)
SMALL = TestPicture(160, 96)


@given(st.integers(0, 2**COUNTER_BITS - 1))
def test_the_number_is_read_back(number: int) -> None:
    assert read_number(SMALL.frame(number, NOW)) == number


@pytest.mark.parametrize("size", [(640, 360), (854, 480), (1280, 720), (322, 242)])
def test_at_any_size_and_after_scaling(size: tuple[int, int]) -> None:
    frame = TestPicture(*size).frame(0xABCDEF, NOW)
    assert (frame.width, frame.height) == size
    assert read_number(frame) == 0xABCDEF
    assert read_number(frame.reformat(width=320, height=180)) == 0xABCDEF


def test_a_codec_does_not_hide_the_number() -> None:
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 640, 360, "yuv420p"
    encoder.bit_rate, encoder.time_base = 250_000, Fraction(1, 30)
    decoder = av.CodecContext.create("libvpx", "r")
    picture = TestPicture(640, 360)
    seen = []
    for number in range(30):
        frame = picture.frame(number * 77, NOW)
        frame.pts = number
        for packet in encoder.encode(frame):
            seen += [read_number(decoded) for decoded in decoder.decode(packet)]
    for packet in encoder.encode(None):
        seen += [read_number(decoded) for decoded in decoder.decode(packet)]
    assert seen == [number * 77 for number in range(30)]


def test_another_picture_has_no_number() -> None:
    frame = av.VideoFrame(640, 360, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    assert read_number(frame) is None


@pytest.mark.parametrize("size", [(159, 96), (158, 96), (160, 95), (160, 94)])
def test_odd_and_tiny_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="even and at least"):
        TestPicture(*size)


def test_the_clock_moves_the_picture() -> None:
    later = datetime(2026, 11, 21, 12, 34, 57, 0, tzinfo=UTC)
    assert bytes(SMALL.frame(1, NOW).planes[0]) != bytes(
        SMALL.frame(1, later).planes[0]
    )
