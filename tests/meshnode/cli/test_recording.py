"""record through a real node: by Ctrl-C, by kill -9, and onto a full disk."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import av
import pytest

from meshnode.client.picture import read_number


def numbers_in(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        found = [read_number(frame) for frame in container.decode(video=0)]
    return [number for number in found if number is not None]


def sound_s(path: Path) -> float:
    with av.open(str(path)) as container:
        return sum(f.samples / f.sample_rate for f in container.decode(audio=0))


def grown(path: Path, frames: int) -> None:
    """Wait until that many pictures can be read out of the unfinished file."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and path.stat().st_size > 2000:
            try:
                if len(numbers_in(path)) >= frames:
                    return
            except av.FFmpegError:
                pass  # not even a header yet
        time.sleep(0.1)
    raise AssertionError(f"{path} does not grow")


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".webm", "vp8"),
        pytest.param(".mkv", "h264", marks=pytest.mark.long),
        pytest.param(".mp4", "h264", marks=pytest.mark.long),
    ],
)
def test_what_was_recorded_is_there_after_kill_9(
    lasting_node: Any, start: Any, tmp_path: Path, suffix: str, codec: str
) -> None:
    url = f"{lasting_node.url}/killed{suffix}"
    test = ["--test", "--codec", codec, "--size", "320x180"]
    publisher = start("publish", *test, url)
    publisher.until_error("publishing to")
    path = tmp_path / f"out{suffix}"
    recorder = start("record", url, "-o", str(path))
    recorder.until_error("recording ")
    grown(path, 60)
    recorder.stop(signal.SIGKILL)
    numbers = numbers_in(path)
    # a publisher that is short of time leaves out numbers: they rise, not more
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= 60
    # two seconds of pictures are there; sound may be a fragment of one second behind
    assert sound_s(path) > 0.5
    assert publisher.stop(signal.SIGINT) == 0


def test_ctrl_c_completes_the_file_and_says_what_is_in_it(
    lasting_node: Any, start: Any, tmp_path: Path
) -> None:
    url = f"{lasting_node.url}/finished"
    publisher = start("publish", "--test", "--size", "320x180", url)
    publisher.until_error("publishing to")
    path = tmp_path / "out.mkv"
    recorder = start("record", url, "-o", str(path))
    grown(path, 30)
    assert recorder.stop(signal.SIGINT) == 0
    recorder.until(r"recorded \d+ of video and \d+ of audio in [\d.]+ s into")
    assert not any("had holes" in line for line in recorder.errors)
    with av.open(str(path)) as container:
        assert container.duration is not None
    assert publisher.stop(signal.SIGINT) == 0


def test_a_full_disk_ends_it_with_one_sentence(
    lasting_node: Any, start: Any, tmp_path: Path
) -> None:
    url = f"{lasting_node.url}/full"
    publisher = start("publish", "--test", "--size", "320x180", url)
    publisher.until_error("publishing to")
    path = tmp_path / "out.mkv"
    path.symlink_to("/dev/full")
    recorder = start("record", url, "-o", str(path))
    recorder.until_error(r"meshnode: .*out\.mkv cannot be written: no space left")
    assert recorder.process.wait(30) == 1
    assert not any("Traceback" in line for line in recorder.errors)
    assert publisher.stop(signal.SIGINT) == 0


def test_mistakes_are_one_sentence(say: Any, tmp_path: Path) -> None:
    code, _, error = say("record", "demo", "-o", str(tmp_path / "out.avi"))
    assert code == 2
    assert "should end in one of .webm, .mkv, .mp4" in error
    code, _, error = say("record", "demo", "-o", "x.mkv", "--duration", "0")
    assert code == 2
    assert "--duration is 0.0 but should be more than 0" in error
