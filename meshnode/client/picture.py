"""The test picture: a running clock, a frame counter for eyes and one for machines.

Drawn straight into the luma plane of a yuv420p frame, by slices of prepared rows, since
a picture must cost less than a millisecond and numpy is no dependency of ours.  Along
the bottom edge the frame number stands as 24 black and white cells, most significant
first, between a white and a black guard: large enough to survive any encoder, so that
a test can say which frames arrived and not just how many.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import datetime

from av import VideoFrame

COUNTER_BITS = 24
CELLS = COUNTER_BITS + 2
WHITE = 235
BLACK = 16
GREY = 96
GLYPH_WIDTH = 5
GLYPH_HEIGHT = 7
# Rows of 5x7 letters, top first, as five-bit numbers.
GLYPHS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    ":": (0, 12, 12, 0, 12, 12, 0),
    ".": (0, 0, 0, 0, 0, 12, 12),
    "#": (10, 10, 31, 10, 31, 10, 10),
    " ": (0, 0, 0, 0, 0, 0, 0),
}
# U and V of the colour bars: white, yellow, cyan, green, magenta, red, blue.
BARS = ((128, 128), (44, 136), (147, 44), (63, 52), (193, 204), (109, 212), (212, 114))


class TestPicture:
    """Draws frames of one size.  Sizes are even; at least 160 x 96."""

    __test__ = False  # pytest, this is a picture

    def __init__(self, width: int, height: int) -> None:
        if width % 2 or height % 2 or width < 160 or height < 96:
            raise ValueError(f"{width}x{height} should be even and at least 160x96")
        self.width = width
        self.height = height
        self._scale = max(1, width // 100)
        self._background = _luma_background(width, height)
        self._chroma = tuple(_chroma_plane(width, height, i) for i in range(2))
        self._glyph_rows = _scaled_glyphs(self._scale)

    def frame(self, number: int, when: datetime) -> VideoFrame:
        """Frame `number` with the time of day on it; pts is left to the caller."""
        luma = bytearray(self._background)
        self._write(luma, f"{when:%H:%M:%S}.{when.microsecond // 1000:03d}", 0.22)
        self._write(luma, f"#{number:06d}", 0.48)
        self._sweep(luma, number)
        self._count(luma, number)
        frame = VideoFrame(self.width, self.height, "yuv420p")
        _fill(frame, 0, luma, self.width)
        for index, plane in enumerate(self._chroma, start=1):
            _fill(frame, index, plane, self.width // 2)
        return frame

    def _write(self, luma: bytearray, text: str, top: float) -> None:
        """Draw `text` centred, its upper edge at the fraction `top` of the height."""
        advance = (GLYPH_WIDTH + 1) * self._scale
        left = (self.width - advance * len(text)) // 2
        first = int(self.height * top)
        rows = zip(*(self._glyph_rows[letter] for letter in text), strict=True)
        for offset, row in enumerate(rows):
            start = (first + offset) * self.width + left
            line = b"".join(row)
            luma[start : start + len(line)] = line

    def _sweep(self, luma: bytearray, number: int) -> None:
        """A bright bar that crosses the picture every 120 frames: motion to encode."""
        size = self.width // 20
        left = (number % 120) * (self.width - size) // 119
        bar = bytes([WHITE]) * size
        for row in range(int(self.height * 0.72), int(self.height * 0.8)):
            start = row * self.width + left
            luma[start : start + size] = bar

    def _count(self, luma: bytearray, number: int) -> None:
        edges = [index * self.width // CELLS for index in range(CELLS + 1)]
        widths = (right - left for left, right in itertools.pairwise(edges))
        cells = zip(_cells(number), widths, strict=True)
        line = b"".join(bytes([value]) * width for value, width in cells)
        tall = _counter_height(self.height)
        luma[(self.height - tall) * self.width :] = line * tall


def read_number(frame: VideoFrame) -> int | None:
    """The frame number in a decoded test picture of any size; None if there is none."""
    grey = frame.reformat(format="gray8")
    plane = grey.planes[0]
    row = frame.height - _counter_height(frame.height) // 2
    line = bytes(plane)[row * plane.line_size : row * plane.line_size + frame.width]
    seen = [
        line[(2 * index + 1) * frame.width // (2 * CELLS)] for index in range(CELLS)
    ]
    if seen[0] < 170 or seen[-1] > 85 or any(85 < value < 170 for value in seen):
        return None
    return int("".join("1" if value > 128 else "0" for value in seen[1:-1]), 2)


def _cells(number: int) -> Iterator[int]:
    yield WHITE
    for bit in reversed(range(COUNTER_BITS)):
        yield WHITE if number >> bit & 1 else BLACK
    yield BLACK


def _counter_height(height: int) -> int:
    return max(8, height // 12)


def _luma_background(width: int, height: int) -> bytes:
    """A grey ramp below bars of falling brightness; the middle stays plain for text."""
    bars = b"".join(
        bytes([WHITE - 26 * (column * len(BARS) // width)]) for column in range(width)
    )
    ramp = bytes(BLACK + (WHITE - BLACK) * column // width for column in range(width))
    top, text, bottom = height // 6, height * 2 // 3, height
    plain = bytes([GREY]) * width
    return bars * top + plain * (text - top) + ramp * (bottom - text)


def _chroma_plane(width: int, height: int, index: int) -> bytes:
    wide, high = width // 2, height // 2
    bars = bytes(BARS[column * len(BARS) // wide][index] for column in range(wide))
    coloured = high // 6
    return bars * coloured + bytes([128]) * wide * (high - coloured)


def _scaled_glyphs(scale: int) -> dict[str, list[bytes]]:
    """Each letter as rows of pixels with one column of space at its right."""
    return {
        letter: [line for row in rows for line in [_pixels(row, scale)] * scale]
        for letter, rows in GLYPHS.items()
    }


def _pixels(row: int, scale: int) -> bytes:
    bits = [row >> column & 1 for column in reversed(range(GLYPH_WIDTH))] + [0]
    return b"".join(bytes([WHITE if bit else GREY]) * scale for bit in bits)


def _fill(frame: VideoFrame, index: int, data: bytes | bytearray, width: int) -> None:
    """Copy rows into a plane, whose own rows may be padded."""
    plane = frame.planes[index]
    if plane.line_size == width:
        plane.update(bytes(data))
        return
    pad = bytes(plane.line_size - width)
    rows = (data[start : start + width] for start in range(0, len(data), width))
    plane.update(b"".join(bytes(row) + pad for row in rows))
