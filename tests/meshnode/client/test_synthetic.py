"""The synthetic source keeps its clock, also when somebody is slow."""

from __future__ import annotations

import asyncio
import itertools
import struct

import pytest
from aiortc.mediastreams import MediaStreamError

from meshnode.client.pace import Pacer
from meshnode.client.picture import read_number
from meshnode.client.synthetic import SAMPLES_PER_FRAME, TestToneTrack, TestVideoTrack


async def test_frames_are_numbered_by_the_clock() -> None:
    track = TestVideoTrack(Pacer(), 160, 96, 100)
    frames = [await track.recv() for _ in range(5)]
    numbers = [read_number(frame) for frame in frames]
    assert numbers == [frame.pts for frame in frames]
    assert numbers == sorted(set(numbers))
    assert all(frame.time_base.denominator == 100 for frame in frames)


async def test_a_slow_reader_misses_frames_but_stays_live() -> None:
    pacer = Pacer()
    track = TestVideoTrack(pacer, 160, 96, 100)
    await track.recv()
    await asyncio.sleep(0.1)
    frame = await track.recv()
    assert frame.pts >= 10
    assert frame.pts <= pacer.elapsed_s() * 100


async def test_the_tone_is_440_hz_without_seams() -> None:
    track = TestToneTrack(Pacer())
    frames = [await track.recv() for _ in range(7)]
    assert [frame.pts for frame in frames] == [n * SAMPLES_PER_FRAME for n in range(7)]
    samples: list[int] = []
    for frame in frames:
        data = bytes(frame.planes[0])[: 2 * SAMPLES_PER_FRAME]
        samples += struct.unpack(f"<{SAMPLES_PER_FRAME}h", data)
    rising = sum(a < 0 <= b for a, b in itertools.pairwise(samples))
    assert rising == pytest.approx(440 * len(samples) / 48000, abs=1)
    steepest = max(abs(a - b) for a, b in itertools.pairwise(samples))
    assert steepest < 200


async def test_sound_catches_up_until_too_much_was_missed() -> None:
    class Clock:
        now = 0.0

        def __call__(self) -> float:
            return self.now

    clock = Clock()
    track = TestToneTrack(Pacer(clock))
    await track.recv()
    clock.now = 0.5
    assert (await track.recv()).pts == SAMPLES_PER_FRAME
    clock.now = 60.0
    assert (await track.recv()).pts == pytest.approx(
        60.0 * 48000, abs=SAMPLES_PER_FRAME
    )


async def test_a_stopped_track_ends() -> None:
    for track in (TestVideoTrack(Pacer(), 160, 96, 30), TestToneTrack(Pacer())):
        track.stop()
        with pytest.raises(MediaStreamError):
            await track.recv()
