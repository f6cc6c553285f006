"""A mesh over a network that can be cut: a line of nodes, and a relay that dies.

The first and the last node do not reach each other at first, so whatever the last one
shows has come through the one in between.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest

from meshnode.client.picture import read_number
from support.lab.namespaces import require_root
from support.lab.switch import Switched
from support.node import KEY, RunningNode, running_node

COMMAND = (sys.executable, "-m", "meshnode.cli.main")
ENVIRONMENT = {**os.environ, "MESHNODE_PUBLISH_KEY": KEY}
HTTP = "127.0.0.1:8080"
FRAMES_PER_S = 30


class Line:
    """Three nodes; `first` and `last` know each other through `relay` only."""

    def __init__(self, lab: Switched, stack: contextlib.ExitStack) -> None:
        self.lab = lab
        self.stack = stack
        lab.cut("a", "c")
        self.first = self._node("a")
        self.relay = self._node("b", "--bootstrap", f"{lab.address('a')}:5000")
        self.last = self._node("c", "--bootstrap", f"{lab.address('b')}:5000")

    def _node(self, name: str, *arguments: str) -> RunningNode:
        beside = self.lab.run(name)
        running = running_node(
            *arguments, http=HTTP, admin="127.0.0.1:8081", port=5000, beside=beside
        )
        return self.stack.enter_context(running)

    def start(self, host: str, *arguments: str) -> subprocess.Popen[str]:
        """A command of ours on a host, ended with the test."""
        process = subprocess.Popen(
            self.lab.run(host, *COMMAND, *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=ENVIRONMENT,
        )
        self.stack.callback(process.wait)
        self.stack.callback(process.kill)
        return process

    def publish(self) -> None:
        """The test picture into the first node."""
        self.start("a", "publish", "--test", f"http://{HTTP}/cam", "--size", "320x180")
        until(lambda: knows(self.last, "cam"), "the last node knows the stream")

    def play(self, output: Path, seconds: int) -> subprocess.Popen[str]:
        """The stream out of the last node."""
        wanted = [f"http://{HTTP}/cam", "-o", str(output), "--duration", str(seconds)]
        return self.start("c", "play", *wanted)

    def parent(self, which: str = "parent") -> str:
        """Who feeds the last node, or stands by to do so ("second")."""
        trees = mesh(self.last)["trees"]
        return str(trees[0][which] or "") if trees else ""


@pytest.fixture
def line() -> Iterator[Line]:
    require_root()
    with contextlib.ExitStack() as stack:
        lab = stack.enter_context(Switched(["a", "b", "c"]))
        yield Line(lab, stack)


def mesh(node: RunningNode) -> dict[str, Any]:
    found: dict[str, Any] = node.status()["mesh"]
    return found


def knows(node: RunningNode, stream: str) -> bool:
    return any(s["name"] == stream for s in mesh(node)["streams"])


def until(check: Callable[[], Any], what: str, deadline_s: float = 30.0) -> Any:
    end = time.monotonic() + deadline_s
    while not (value := check()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.1)
    return value


def numbers_in(path: Path) -> list[int]:
    """The frame numbers in the test picture, as they were decoded."""
    with av.open(str(path)) as container:
        found = [read_number(frame) for frame in container.decode(video=0)]
    return [number for number in found if number is not None]


@pytest.mark.timeout(150)
def test_a_line_of_three_shows_the_frames_in_order(line: Line, tmp_path: Path) -> None:
    line.publish()
    player = line.play(tmp_path / "out.mkv", 5)
    until(line.parent, "the last is fed")
    assert line.parent() == mesh(line.relay)["node"]
    said, _ = player.communicate(timeout=60)
    assert player.returncode == 0, said
    numbers = numbers_in(tmp_path / "out.mkv")
    assert len(numbers) > 2 * FRAMES_PER_S
    assert numbers == sorted(set(numbers)), "a frame came twice"
    # a loaded machine makes the publisher itself skip some
    assert len(numbers) > 0.95 * (numbers[-1] - numbers[0])


@pytest.mark.timeout(150)
def test_a_viewer_outlives_the_relay_that_fed_it(line: Line, tmp_path: Path) -> None:
    line.publish()
    output = tmp_path / "out.mkv"
    player = line.play(output, 45)
    until(line.parent, "the last is fed")
    relay, origin = mesh(line.relay)["node"], mesh(line.first)["node"]
    assert line.parent() == relay
    line.lab.mend("a", "c")
    until(lambda: line.parent("second") == origin, "the first stands by")
    line.relay.process.kill()
    until(lambda: line.parent() == origin, "another parent")
    said, _ = player.communicate(timeout=60)
    assert player.returncode == 0, said
    numbers = numbers_in(output)
    assert numbers == sorted(set(numbers)), "a frame came twice"
    gaps = [after - before - 1 for before, after in itertools.pairwise(numbers)]
    print(f"{len(numbers)} frames, {sum(gaps)} missing, most in a row {max(gaps)}")
    assert max(gaps) < 2 * FRAMES_PER_S
