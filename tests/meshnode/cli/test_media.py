"""publish and play through a real node: the frames that went in come out."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from meshnode.client.picture import read_number

Run = Callable[..., subprocess.CompletedProcess[str]]


def numbers_in(path: Path) -> list[int | None]:
    with av.open(str(path)) as container:
        return [read_number(frame) for frame in container.decode(video=0)]


def audio_seconds(path: Path) -> float:
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
    return sum(frame.samples / frame.sample_rate for frame in frames)


def streams(meshnode: Run, node: Any, name: str) -> list[dict[str, Any]]:
    """What the node says of the streams of that name: one, or none."""
    answer = json.loads(meshnode("status", "--admin", node.admin, "--json").stdout)
    return [stream for stream in answer["streams"] if stream["name"] == name]


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_the_test_picture_comes_out_again(
    lasting_node: Any, start: Any, meshnode: Run, tmp_path: Path, codec: str
) -> None:
    url = f"{lasting_node.url}/{codec}"
    test = ["--test", "--codec", codec, "--size", "320x180"]
    publisher = start("publish", *test, url)
    publisher.until_error("publishing to")
    output = tmp_path / {"vp8": "out.mkv", "h264": "out.mp4"}[codec]
    done = meshnode("play", url, "-o", str(output), "--duration", "3")
    assert done.returncode == 0, done.stderr
    assert "recorded" in done.stdout
    assert "connected" in done.stderr
    frames = numbers_in(output)
    numbers = [number for number in frames if number is not None]
    assert len(numbers) >= max(10, 0.9 * len(frames))
    assert numbers == sorted(set(numbers))
    assert audio_seconds(output) > 1.5
    publisher.until_error(r"connected .* 320x180")
    assert publisher.stop(signal.SIGINT) == 0
    publisher.until(r"published \d+ frames")
    assert all(s["state"] != "live" for s in streams(meshnode, lasting_node, codec))


def test_the_node_drains_and_both_clients_say_so(node: Any, start: Any) -> None:
    publisher = start("publish", "--test", f"{node.url}/demo", "--size", "320x180")
    publisher.until_error("publishing to")
    player = start("play", f"{node.url}/demo")
    player.until_error("playing ")
    began = time.monotonic()
    assert node.process.stop() == 0
    assert time.monotonic() - began < 20
    assert publisher.process.wait(30) == 1
    publisher.until_error("the server ended the session")
    assert player.process.wait(30) in {0, 1}  # 1 if no picture was decoded yet
    player.until_error("the stream ended")


def test_ctrl_c_deletes_the_session(
    lasting_node: Any, start: Any, meshnode: Run
) -> None:
    url = f"{lasting_node.url}/short"
    publisher = start("publish", "--test", url, "--size", "320x180")
    publisher.until_error("publishing to")
    player = start("play", url)
    player.until_error("playing ")
    (stream,) = streams(meshnode, lasting_node, "short")
    assert stream["viewers"] == 1
    assert player.stop(signal.SIGINT) == 0
    (stream,) = streams(meshnode, lasting_node, "short")
    assert stream["viewers"] == 0
    assert publisher.stop() == 0
    ended = streams(meshnode, lasting_node, "short")
    assert all(stream["state"] != "live" for stream in ended)


def test_a_file_is_published_to_its_end(
    lasting_node: Any, start: Any, meshnode: Run, tmp_path: Path
) -> None:
    node = lasting_node
    first = start("publish", "--test", f"{node.url}/one", "--size", "320x180")
    first.until_error("publishing to")
    clip = tmp_path / "clip.mp4"
    meshnode("play", f"{node.url}/one", "-o", str(clip), "--duration", "2")
    assert first.stop() == 0
    player = start("play", f"{node.url}/two", "-o", str(tmp_path / "again.webm"))
    player.until_error("409")  # it waits for a publisher
    done = meshnode("publish", str(clip), f"{node.url}/two")
    assert done.returncode == 0, done.stderr
    assert player.stop(signal.SIGINT) == 0
    numbers = [number for number in numbers_in(tmp_path / "again.webm") if number]
    assert set(numbers) & {number for number in numbers_in(clip) if number}


def test_a_stream_nobody_publishes(
    lasting_node: Any, start: Any, meshnode: Run
) -> None:
    node = lasting_node
    done = meshnode("play", f"{node.url}/nobody", "--wait", "0")
    assert done.returncode == 1
    assert "409" in done.stderr
    waiting = start("play", f"{node.url}/nobody")
    waiting.until_error("409")
    assert waiting.stop(signal.SIGINT) == 130


def test_publishing_where_a_key_is_asked_for(
    start: Any, meshnode: Run, tmp_path: Path
) -> None:
    key = tmp_path / "key.txt"
    key.write_text("correct horse\n")
    node = start(
        *("run", "--port", "0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"),
        *("--data", str(tmp_path / "d"), "--publish-key-file", str(key), "--no-mesh"),
    )
    url = node.until(r"page\s+(http\S+)/")[1]
    refused = meshnode("publish", "--test", f"{url}/demo", "--duration", "1")
    assert refused.returncode == 1
    assert "401" in refused.stderr
    test = ["publish", "--test", f"{url}/demo", "--size", "320x180", "--duration", "1"]
    assert meshnode(*test, "--key-file", str(key)).returncode == 0
    assert meshnode(*test, MESHNODE_PUBLISH_KEY="correct horse").returncode == 0
    token = tmp_path / "token.txt"
    signed = meshnode("token", "demo", "--publish-key-file", str(key)).stdout
    token.write_text(signed)
    assert meshnode(*test, "--key-file", str(token)).returncode == 0
    node.process.terminate()
    assert node.process.wait(30) == 0
