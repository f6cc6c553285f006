"""A room is recorded at any node: one file for each member, sound and picture in it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import av
import pytest

from meshnode import MeshNode
from meshproto.errors import StateError
from support.clapper import Clapper, offsets_s
from support.dialects.sfu_go import SfuGoClient
from support.mesh_nodes import Start, mesh_nodes, ready
from support.recorder import grown
from support.rtc import until

OFFSET_MAX_S = 0.04
RECORDED_S = 5.0


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with mesh_nodes() as begin:
        yield begin


def member(node: MeshNode, user: str, **more) -> SfuGoClient:
    return SfuGoClient(node.urls["local"].rstrip("/"), user, user.title(), **more)


def seconds(path: Path, kind: str) -> float:
    """From the first to the last frame of that kind."""
    with av.open(str(path)) as container:
        [stream] = [s for s in container.streams if s.type == kind]
        times = [float(p.pts * p.time_base) for p in container.demux(stream) if p.pts]
    return max(times) - min(times)


@pytest.mark.long
async def test_a_room_is_recorded_at_a_node_where_nobody_sits(
    start: Start, tmp_path: Path
) -> None:
    a = await start()
    b = await start(a)
    await until(lambda: ready(a) and ready(b), "a link")
    folder = tmp_path / "green"
    async with (
        member(a, "ann", tracks=Clapper().tracks) as ann,
        member(a, "ben") as ben,
        b.record_room("green", folder) as recording,
    ):
        await ann.join("green")
        await ben.join("green")
        await until(lambda: len(recording.files) == 2, "two files", 40)
        await grown(folder / "ann.mkv", RECORDED_S)
        await grown(folder / "ben.mkv", RECORDED_S)
        await ben.send("leave")
        before_s = await grown(folder / "ann.mkv", 0.0)
        await grown(folder / "ann.mkv", before_s + 2.0)
        closed_s = time.time()
    summaries = await recording.close()
    assert sorted(path.name for s in summaries for path in s.files) == [
        "ann.mkv",
        "ben.mkv",
    ]
    told = json.loads((folder / "room.json").read_text())
    assert {(part["file"], part["name"]) for part in told} == {
        ("ann.mkv", "Ann"),
        ("ben.mkv", "Ben"),
    }
    # it began when its first picture came, not when its member was seen
    [began_s] = [part["began"] for part in told if part["user"] == "ann"]
    length_s = seconds(folder / "ann.mkv", "audio")
    assert began_s + length_s == pytest.approx(closed_s, abs=1.0)
    for kind in ("video", "audio"):
        assert seconds(folder / "ann.mkv", kind) > RECORDED_S + 1.0
        assert seconds(folder / "ben.mkv", kind) > RECORDED_S - 1.0
    offsets = offsets_s(folder / "ann.mkv")
    assert len(offsets) >= 4
    assert max(map(abs, offsets)) < OFFSET_MAX_S


async def test_what_is_turned_off_and_on_goes_on_in_the_same_file(
    start: Start, tmp_path: Path
) -> None:
    node = await start(mesh=False)
    async with (
        member(node, "ann") as ann,
        node.record_room("green", tmp_path) as recording,
    ):
        await ann.join("green")
        path = tmp_path / "ann.mkv"
        await grown(path, 1.0)
        assert ann.pc is not None
        shows = [t for t in ann.pc.getTransceivers() if t.sender.track]
        [video] = [t for t in shows if t.kind == "video"]
        for way in ("inactive", "sendonly", "inactive", "sendonly"):
            video.direction = way
            await ann._negotiate()
            room = node._parts.rooms.get("green")
            assert room is not None
            shown = 1 if way == "inactive" else 2
            await until(lambda n=shown, r=room: len(r.seats["ann"].shown) == n, way, 40)
            await asyncio.sleep(1.0)  # what is recorded meanwhile
    [summary] = await recording.close()
    assert summary.files == (path,)
    assert recording.files == ["ann.mkv"]
    assert seconds(path, "audio") > 4.0
    assert seconds(path, "video") > 2.0


async def test_a_place_that_cannot_be(start: Start, tmp_path: Path) -> None:
    node = await start(mesh=False)
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="cannot be written"):
        node.record_room("green", tmp_path / "file")
