"""A clapperboard: a white picture and a beep at the same instants, once a second.

What a recording or a player makes of it tells how far sound and picture lie apart.
"""

from __future__ import annotations

import asyncio
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from aiortc import MediaStreamTrack

RATE_HZ = 25
SAMPLES = 960
SAMPLE_RATE_HZ = 48000
CLAP_S = 0.2


class Clapper:
    """Two tracks on one clock, which begins with the first that is asked."""

    def __init__(self, width: int = 320, height: int = 180) -> None:
        self.began_s: float | None = None
        self.tracks: list[MediaStreamTrack] = [_Flash(self, width, height), _Beep(self)]

    async def until(self, media_s: float) -> None:
        """Wait for that time of the media."""
        if self.began_s is None:
            self.began_s = time.monotonic()
        await asyncio.sleep(max(0.0, self.began_s + media_s - time.monotonic()))


def _claps(media_s: float) -> bool:
    return media_s % 1.0 < CLAP_S - 1e-9 and media_s >= 1.0 - 1e-9


class _Flash(MediaStreamTrack):
    kind = "video"

    def __init__(self, clapper: Clapper, width: int, height: int) -> None:
        super().__init__()
        self._clapper, self._size, self._number = clapper, (width, height), 0

    async def recv(self) -> av.VideoFrame:
        media_s = self._number / RATE_HZ
        await self._clapper.until(media_s)
        width, height = self._size
        luma = 235 if _claps(media_s) else 16
        picture = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
        picture[:height] = luma
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = self._number * 3600, Fraction(1, 90000)
        self._number += 1
        return frame


class _Beep(MediaStreamTrack):
    kind = "audio"

    def __init__(self, clapper: Clapper) -> None:
        super().__init__()
        self._clapper, self._number = clapper, 0

    async def recv(self) -> av.AudioFrame:
        media_s = self._number * SAMPLES / SAMPLE_RATE_HZ
        await self._clapper.until(media_s)
        times = np.arange(SAMPLES) * 2 * np.pi * 1000 / SAMPLE_RATE_HZ
        loud = 12000 if _claps(media_s) else 0
        mono = (np.sin(times) * loud).astype(np.int16)
        both = np.repeat(mono, 2).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts, frame.time_base = self._number * SAMPLES, Fraction(1, SAMPLE_RATE_HZ)
        self._number += 1
        return frame


def flashes(path: Path) -> list[float]:
    """When pictures turn white in a file, seconds; where the file or a session begins
    with white ones nobody knows since when they were.
    """
    found: list[float] = []
    black_s = float("-inf")
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            now_s = float(frame.time)
            white = bool(frame.to_ndarray(format="gray")[::8, ::8].mean() > 120)
            if not white:
                black_s = now_s
            elif now_s - black_s < CLAP_S:
                found.append(now_s)
                black_s = float("-inf")
    return found


def beeps(path: Path) -> list[float]:
    """When sound sets in in a file, seconds, to the millisecond."""
    found: list[float] = []
    quiet_s = 1.0
    with av.open(str(path)) as container:
        resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE_HZ)
        for frame in container.decode(audio=0):
            began_s = float(frame.time)
            frame.pts = None
            for piece in resampler.resample(frame):
                samples = np.abs(piece.to_ndarray().reshape(-1).astype(np.int32))
                for place in range(0, len(samples), 48):
                    if samples[place : place + 48].max() > 3000:
                        if quiet_s > 0.5:
                            found.append(began_s + place / SAMPLE_RATE_HZ)
                        quiet_s = 0.0
                    else:
                        quiet_s += 0.001
    return found


def offsets_s(path: Path) -> list[float]:
    """By how much each beep is later than its flash."""
    sound = beeps(path)
    pairs = [
        (flash, min(sound, key=lambda beep: abs(beep - flash)))
        for flash in flashes(path)
    ]
    return [beep - flash for flash, beep in pairs if abs(beep - flash) < 0.5]
