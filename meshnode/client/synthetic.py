"""A source without hardware: the test picture and a 440 Hz tone, kept in step.

Both are functions of the media clock.  A frame that comes late is drawn for the moment
at which it is due now, so a busy machine shows fewer frames, never older ones.
"""

from __future__ import annotations

import math
import struct
from datetime import datetime
from fractions import Fraction

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from meshnode.client.pace import Pacer
from meshnode.client.picture import TestPicture

SAMPLE_RATE_HZ = 48000
SAMPLES_PER_FRAME = 960
FRAME_S = SAMPLES_PER_FRAME / SAMPLE_RATE_HZ
LATE_MAX_S = 1.0
TONE_HZ = 440
TONE_AMPLITUDE = 3000
# 44 periods are a whole number of frames, so the tone has no seam.
TONE_FRAMES = 5


class TestVideoTrack(MediaStreamTrack):
    """The test picture at `rate_hz` frames a second."""

    __test__ = False
    kind = "video"

    def __init__(self, pacer: Pacer, width: int, height: int, rate_hz: int) -> None:
        super().__init__()
        self._pacer = pacer
        self._picture = TestPicture(width, height)
        self._rate_hz = rate_hz
        self._next = 0

    async def recv(self) -> VideoFrame:
        """The next frame when it is due; numbers are left out when we are late."""
        if self.readyState != "live":
            raise MediaStreamError
        await self._pacer.until(self._next / self._rate_hz)
        number = max(self._next, int(self._pacer.elapsed_s() * self._rate_hz))
        self._next = number + 1
        frame = self._picture.frame(number, datetime.now().astimezone())
        frame.pts = number
        frame.time_base = Fraction(1, self._rate_hz)
        return frame


class TestToneTrack(MediaStreamTrack):
    """A quiet 440 Hz tone in frames of 20 ms, 48 kHz mono."""

    __test__ = False
    kind = "audio"

    def __init__(self, pacer: Pacer) -> None:
        super().__init__()
        self._pacer = pacer
        self._tone = _tone()
        self._next = 0

    async def recv(self) -> AudioFrame:
        """The next 20 ms.  A late one comes at once, sound must not have holes, unless
        a second was missed (the machine slept).
        """
        if self.readyState != "live":
            raise MediaStreamError
        late_s = await self._pacer.until(self._next * FRAME_S)
        number = self._next + (int(late_s / FRAME_S) if late_s > LATE_MAX_S else 0)
        self._next = number + 1
        frame = AudioFrame(format="s16", layout="mono", samples=SAMPLES_PER_FRAME)
        frame.planes[0].update(self._tone[number % TONE_FRAMES])
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = number * SAMPLES_PER_FRAME
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        return frame


def _tone() -> list[bytes]:
    """`TONE_FRAMES` frames of samples, little endian, that repeat without a seam."""
    step = 2 * math.pi * TONE_HZ / SAMPLE_RATE_HZ
    samples = [
        round(TONE_AMPLITUDE * math.sin(step * index))
        for index in range(TONE_FRAMES * SAMPLES_PER_FRAME)
    ]
    frames = range(0, len(samples), SAMPLES_PER_FRAME)
    return [
        struct.pack(f"<{SAMPLES_PER_FRAME}h", *samples[at : at + SAMPLES_PER_FRAME])
        for at in frames
    ]
