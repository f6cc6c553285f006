"""A file plays at the speed of its own clock, once or for ever."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import pytest
from aiortc.mediastreams import MediaStreamError

from meshnode.client.media_file import MediaFile
from meshnode.client.pace import Pacer
from meshnode.client.picture import read_number
from meshnode.client.recorder import Recorder
from meshnode.client.synthetic import TestToneTrack, TestVideoTrack
from meshproto.errors import StateError
from support.patience import soon

FRAMES = 20
RATE_HZ = 50


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.4 s of test picture and tone."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"

    async def record() -> None:
        pacer = Pacer()
        video = TestVideoTrack(pacer, 320, 180, RATE_HZ)
        tone = TestToneTrack(pacer)
        recorder = Recorder(path, ["video", "audio"])
        for number in range(FRAMES):
            recorder.add("video", number / RATE_HZ, await video.recv())
            recorder.add("audio", number / RATE_HZ, await tone.recv())
        recorder.close()

    asyncio.run(record())
    return path


async def drained(track: Any, count: int = 10_000) -> list[Any]:
    frames = []
    try:
        while len(frames) < count:
            frames.append(await track.recv())
    except MediaStreamError:
        pass
    return frames


async def test_both_tracks_in_step_at_their_own_speed(clip: Path) -> None:
    await soon(lambda: played_in_step(clip), 2.0)


async def played_in_step(clip: Path) -> float:
    """How long 0.4 s of it take."""
    file = MediaFile(clip, loop=False)
    began = time.monotonic()
    video, audio = await asyncio.gather(*(drained(track) for track in file.tracks))
    took_s = time.monotonic() - began
    assert file.finished.is_set()
    await file.close()
    numbers = [read_number(frame) for frame in video]
    assert numbers == sorted(numbers)
    assert len(video) > FRAMES // 2
    assert took_s > 0.3
    assert [frame.pts for frame in audio] == sorted(frame.pts for frame in audio)
    assert audio[-1].pts / 48000 == pytest.approx(0.4, abs=0.15)
    return took_s


async def test_a_loop_goes_on_where_it_ended(clip: Path) -> None:
    file = MediaFile(clip, loop=True)
    video, audio = file.tracks
    async with asyncio.timeout(40):
        frames, _ = await asyncio.gather(drained(video, 3 * FRAMES), drained(audio, 50))
    await file.close()
    times = [frame.pts for frame in frames]
    assert times == sorted(set(times))
    assert times[-1] / 90000 > 1.0
    numbers = [read_number(frame) for frame in frames]
    assert sum(a > b for a, b in itertools.pairwise(numbers)) >= 2


async def test_one_track_alone_can_be_played(clip: Path) -> None:
    file = MediaFile(clip, loop=False)
    audio = next(track for track in file.tracks if track.kind == "audio")
    assert len(await drained(audio)) >= FRAMES - 2
    assert not file.finished.is_set()
    await file.close()


async def test_frames_that_are_long_overdue_are_left_out(clip: Path) -> None:
    pacer = Pacer()
    file = MediaFile(clip, loop=False, pacer=pacer)
    pacer.elapsed_s()
    pacer._start_s = (pacer._start_s or 0.0) - 60.0
    with pytest.raises(MediaStreamError):
        await file.tracks[0].recv()
    await file.close()


async def test_closing_ends_the_tracks(clip: Path) -> None:
    file = MediaFile(clip, loop=True)
    await file.tracks[0].recv()
    await file.close()
    assert len(await drained(file.tracks[0], 1000)) < 1000


def test_what_cannot_be_played(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be played: No such file"):
        MediaFile(tmp_path / "absent.mp4", loop=False)
    text = tmp_path / "text.mp4"
    text.write_text("hello")
    with pytest.raises(StateError, match="cannot be played: Invalid data"):
        MediaFile(text, loop=False)
    subtitles = tmp_path / "sub.srt"
    subtitles.write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    with pytest.raises(StateError, match="neither video nor audio"):
        MediaFile(subtitles, loop=False)
