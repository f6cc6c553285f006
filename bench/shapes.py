"""The streams that every comparison carries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shape:
    """A stream as packets: `frames_hz` frames of `sizes` payload bytes each.

    Sizes within a frame differ by one byte as libwebrtc makes them, which is what
    decides whether a burst fits one segmentation-offload send.
    """

    name: str
    kind: str
    frames_hz: int
    sizes: tuple[int, ...]

    @property
    def packets_hz(self) -> int:
        """Packets a second."""
        return self.frames_hz * len(self.sizes)

    @property
    def bitrate_bps(self) -> int:
        """Payload bits a second."""
        return self.frames_hz * sum(self.sizes) * 8

    @property
    def clock_hz(self) -> int:
        """Ticks per second of the RTP timestamps."""
        return 90_000 if self.kind == "video" else 48_000

    def deadlines(self, start: float) -> Iterator[float]:
        """When each frame is due, for ever: paced by deadline, not by sleeps."""
        number = 0
        while True:
            yield start + number / self.frames_hz
            number += 1


VIDEO_HIGH = Shape("video 2.5 Mb/s", "video", 30, (1158,) * 5 + (1157,) * 4)
VIDEO_FOUR = Shape("video 1.1 Mb/s", "video", 30, (1158,) * 3 + (1157,))
VIDEO_LOW = Shape("video 600 kb/s", "video", 30, (1251, 1250))
AUDIO = Shape("opus", "audio", 50, (100,))
SHAPES = (VIDEO_HIGH, VIDEO_FOUR, VIDEO_LOW, AUDIO)
