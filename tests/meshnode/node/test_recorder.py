"""A node records its own stream: synchronous, through reconnects, playable always."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from statistics import median
from typing import Any

import av
import pytest

from meshnode import LocalTrack, MeshNode, Settings
from meshnode.client.publisher import Publisher
from meshproto.errors import StateError
from meshproto.wire.parameters import Codec, MediaKind
from support.clapper import Clapper, beeps, flashes, offsets_s
from support.rtc import until

SETTINGS: dict[str, Any] = {"port": 0, "http": "127.0.0.1:0", "admin": "127.0.0.1:0"}
OFFSET_MAX_S = 0.04
"""Of most claps; one alone may be late because its publisher got the processor late."""


@pytest.fixture
async def node():
    async with MeshNode(Settings(**SETTINGS)) as running:
        yield running


def publisher(node: MeshNode, codec: str, clapper: Clapper) -> Publisher:
    return Publisher(f"{node.urls['whip']}demo", clapper.tracks, codec=codec)


# `long` also because a publisher that gets the processor late dates its pictures late:
# in `make test` two processes share two of them
@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "codec"), [("a.webm", "vp8"), ("a.mkv", "h264"), ("a.mp4", "h264")]
)
async def test_sound_and_picture_belong_together(
    node: MeshNode, tmp_path: Path, name: str, codec: str
) -> None:
    path = tmp_path / name
    async with (
        publisher(node, codec, Clapper()),
        node.record("demo", path) as recording,
    ):
        await until(lambda: recording.seconds > 4, "four seconds")
    summary = await recording.ended()
    assert summary.files == (path,)
    assert summary.left_out == summary.lost == 0
    offsets = offsets_s(path)
    assert len(offsets) >= 2
    assert median(map(abs, offsets)) < OFFSET_MAX_S


@pytest.mark.long
async def test_a_publisher_that_comes_back_goes_on_in_the_same_file(
    node: MeshNode, tmp_path: Path
) -> None:
    path = tmp_path / "b.mkv"
    async with node.record("demo", path) as recording:
        async with publisher(node, "vp8", Clapper()):
            await until(lambda: recording.seconds > 2.5, "the first part")
        before_s = recording.seconds
        async with publisher(node, "vp8", Clapper(640, 360)):
            await until(lambda: recording.seconds > before_s + 4, "the second part")
    summary = await recording.ended()
    assert summary.files == (path,)
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert {frame.width for frame in frames} == {320, 640}
    times = [frame.time for frame in frames]
    assert times == sorted(times)
    assert max(b - a for a, b in itertools.pairwise(times)) < 5
    late = [flash for flash in flashes(path) if flash > before_s]
    assert late
    assert median(map(abs, offsets_s(path))) < OFFSET_MAX_S


@pytest.mark.long
async def test_after_the_stream_ended_the_time_line_goes_on(
    node: MeshNode, tmp_path: Path
) -> None:
    path = tmp_path / "c.webm"
    async with node.record("demo", path) as recording:
        async with publisher(node, "vp8", Clapper()):
            await until(lambda: recording.seconds > 1, "the first part")
        await until(lambda: not node.streams(), "the end of the stream", 40)
        before_s = recording.seconds
        async with publisher(node, "vp8", Clapper()):
            await until(lambda: recording.seconds > before_s + 9, "the second part", 40)
    gaps = [b - a for a, b in zip(beeps(path), beeps(path)[1:], strict=False)]
    assert all(gap > 0.9 for gap in gaps)
    assert median(map(abs, offsets_s(path))) < OFFSET_MAX_S


async def test_another_codec_is_another_file(node: MeshNode, tmp_path: Path) -> None:
    path = tmp_path / "d.mkv"
    async with node.record("demo", path) as recording:
        async with publisher(node, "vp8", Clapper()):
            await until(lambda: recording.seconds > 1, "the first part")
        second = tmp_path / "d-2.mkv"
        async with publisher(node, "h264", Clapper()):
            # why not by the length: sound alone makes it longer, in the first file
            await until(second.exists, "a picture in the second", 40)
    summary = await recording.ended()
    assert summary.files == (path, second)
    for file, codec in zip(summary.files, ("vp8", "h264"), strict=True):
        with av.open(str(file)) as container:
            assert container.streams.video[0].codec_context.name == codec
            assert next(container.decode(video=0)).width == 320


async def test_it_ends_when_nobody_publishes_for_long(
    node: MeshNode, tmp_path: Path
) -> None:
    recording = node.record("nobody", tmp_path / "e.mkv", patience_s=0)
    async with asyncio.timeout(20):
        summary = await recording.ended()
    assert summary.files == ()


async def test_what_cannot_be_recorded_is_said(node: MeshNode, tmp_path: Path) -> None:
    with pytest.raises(StateError, match="should end in one of"):
        node.record("demo", tmp_path / "f.avi")
    track = LocalTrack(MediaKind.VIDEO, Codec(96, "vp8", 90000))
    with node.publish("demo", [track]):
        recording = node.record("demo", tmp_path / "f.mp4")
        with pytest.raises(StateError, match=r"vp8 .* choose a name that ends in"):
            await recording.ended()
