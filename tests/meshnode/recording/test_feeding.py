"""A loop feeds a recording: nothing is lost while it writes, and memory has a limit."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from meshnode.recording.feeding import BATCH_MAX, Feed
from meshnode.recording.recording import Recording, TrackInfo
from meshnode.recording.reorder import Packet
from meshproto.errors import StateError
from meshproto.wire.parameters import MediaKind

SOUND = TrackInfo(MediaKind.AUDIO, "opus", 48000)


def packet(number: int) -> Packet:
    return Packet("opus", number, number * 960, False, b"\xfc\xff\xfe", number / 50)


async def test_batches_become_a_file(tmp_path: Path) -> None:
    feed = Feed(Recording(tmp_path / "a.webm"))
    await feed.begin([SOUND])
    for number in range(400):
        feed.put(0, packet(number))
        if number % 50 == 0:
            await feed.write()
    assert (await feed.close()).frames == {"audio": 400}
    assert feed.end_s == pytest.approx(7.98)
    assert feed.size == (0, 0)


async def test_who_waits_for_room_gets_it_and_who_cannot_drops(tmp_path: Path) -> None:
    feed = Feed(Recording(tmp_path / "a.webm"))
    await feed.begin([SOUND])
    for number in range(BATCH_MAX):
        assert feed.offer(0, packet(number))
    assert not feed.offer(0, packet(BATCH_MAX))
    waiting = asyncio.create_task(feed.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await feed.write()
    await waiting
    assert feed.offer(0, packet(BATCH_MAX))
    assert (await feed.close()).frames == {"audio": BATCH_MAX + 1}


async def test_a_full_disk_comes_out_of_writing(tmp_path: Path) -> None:
    path = tmp_path / "full.mkv"
    path.symlink_to("/dev/full")
    feed = Feed(Recording(path))
    await feed.begin([SOUND])
    with pytest.raises(StateError, match="no space left"):
        await fill(feed)
    with pytest.raises(StateError, match="no space left"):
        await feed.close()


async def fill(feed: Feed) -> None:
    for number in range(20000):
        await feed.room()
        feed.put(0, packet(number & 0xFFFF))
        if number % 100 == 0:
            await feed.write()
