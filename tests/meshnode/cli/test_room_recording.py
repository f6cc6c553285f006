"""record --room as its users run it: a node of its own that joins and watches."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from meshnode import MeshNode, Settings
from support.clapper import Clapper
from support.dialects.sfu_go import SfuGoClient
from support.node import eventually
from support.ports import free_port
from support.recorder import grown

Say = Callable[..., tuple[int, str, str]]
RECORDED_S = 3.0


def test_a_name_that_no_room_has_is_a_sentence(say: Say, tmp_path: Path) -> None:
    code, _, errors = say("record", "--room", "a b", "-o", str(tmp_path / "green"))
    assert code == 2
    assert "the name of a room must be 1 to 128 characters" in errors
    assert not (tmp_path / "green").exists()


def test_a_node_that_is_none_is_a_sentence(say: Say, tmp_path: Path) -> None:
    target = "host:port/green"
    code, _, errors = say("record", "--room", target, "-o", str(tmp_path / "green"))
    assert code == 2
    assert "'host:port' should be HOST, HOST:PORT" in errors


@pytest.mark.timeout(180)
async def test_a_room_is_recorded_by_a_command(start: Callable, tmp_path: Path) -> None:
    port, folder = free_port(), tmp_path / "green"
    settings = Settings(
        port=port,
        mesh=True,
        http="127.0.0.1:0",
        admin="127.0.0.1:0",
        hosts=("127.0.0.1",),
    )
    async with MeshNode(settings) as node:
        base = node.urls["local"].rstrip("/")
        ann = SfuGoClient(base, "ann", "Ann", tracks=Clapper().tracks)
        async with ann:
            await ann.join("green")
            target = f"127.0.0.1:{port}/green"
            recorder = start("record", "--room", target, "-o", str(folder))
            await grown(folder / "ann.mkv", RECORDED_S)
            assert await asyncio.to_thread(recorder.stop, signal.SIGINT) == 0
        recorder.until(r"recorded \d+ of video and \d+ of audio in [\d.]+ s into")
        assert any("recording ann.mkv" in line for line in recorder.errors)

        async def alone() -> bool:
            mesh = node.status().mesh
            return mesh is not None and not mesh.peers

        await eventually(alone, 40, "the recorder's node has left")
    [part] = json.loads((folder / "room.json").read_text())
    assert (part["file"], part["user"], part["name"]) == ("ann.mkv", "ann", "Ann")
    with av.open(str(folder / "ann.mkv")) as container:
        assert {stream.type for stream in container.streams} == {"audio", "video"}


@pytest.mark.timeout(120)
async def test_a_room_without_anybody_ends_with_a_sentence(
    start: Callable, tmp_path: Path
) -> None:
    target = f"127.0.0.1:{free_port()}/green"
    folder = str(tmp_path / "green")
    recorder = start("record", "--room", target, "-o", folder, "--wait", "2")
    assert await asyncio.to_thread(recorder.process.wait, 60) == 1
    assert any(f"nobody shows anything in {target}" in e for e in recorder.errors)
