"""Commands run as people run them: in a process of their own."""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from meshnode.cli.main import main

START_S = 60.0
STOP_S = 30.0
COMMAND = [sys.executable, "-m", "meshnode.cli.main"]


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Ours without any setting, and with a data folder of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MESHNODE_")}
    return {**kept, "XDG_DATA_HOME": str(folder), "COLUMNS": "80", **more}


@dataclass
class Process:
    """A running command; its lines of output are kept."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _arrived: queue.Queue[str | None] = field(default_factory=queue.Queue)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read_errors, daemon=True).start()
        threading.Thread(target=self._read_lines, daemon=True).start()

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self.errors += iter(self.process.stderr.readline, "")

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._arrived.put(line.rstrip("\n"))
        self._arrived.put(None)

    def until(self, pattern: str, within_s: float = START_S) -> re.Match[str]:
        """The first line of output, past or to come, that matches."""
        for line in self.lines:
            if found := re.search(pattern, line):
                return found
        deadline = time.monotonic() + within_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._arrived.get(timeout=left)
            except queue.Empty:
                break
            if line is None:
                break
            self.lines.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no {pattern!r} in {self.lines} {self.errors}")

    def until_error(self, pattern: str, within_s: float = START_S) -> str:
        """The same on standard error."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            for line in list(self.errors):
                if re.search(pattern, line):
                    return line
            if self.process.poll() is not None and not self.errors:
                break
            time.sleep(0.02)
        raise AssertionError(f"no {pattern!r} in {self.errors}")

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(STOP_S)


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command; whatever still runs at the end is killed."""
    with _starting(tmp_path) as run:
        yield run


@contextlib.contextmanager
def _starting(folder: Path) -> Iterator[Start]:
    running: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **more: str) -> Process:
        process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(folder, **more),
        )
        running.append(process)
        return Process(process)

    yield run
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()


@dataclass
class Node:
    """A node in a process, and where it is."""

    process: Process
    url: str
    admin: str
    data: Path


@pytest.fixture
def node(start: Start, tmp_path: Path) -> Node:
    """A node on free ports of loopback."""
    return _node(start, tmp_path / "node")


@pytest.fixture(scope="module")
def lasting_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """The same for all tests of a module, which must not end it."""
    folder = tmp_path_factory.mktemp("lasting")
    with _starting(folder) as start:
        yield _node(start, folder / "node")


def _node(start: Start, data: Path) -> Node:
    """One that serves alone: libp2p would be imported for nothing."""
    process = start("run", "--no-mesh", "--data", str(data), *FREE_PORTS)
    admin = process.until(r"admin\s+http://(\S+)")[1]
    page = process.until(r"page\s+(http\S+)/")[1]
    process.until("Only this machine")
    return Node(process, page, admin, data)


FREE_PORTS = ("--port", "0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0")


@pytest.fixture
def meshnode(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command to its end."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=environment(tmp_path, **more),
            timeout=90,
        )

    return run


@pytest.fixture
def say(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command in this process: exit code, output, errors."""
    for name in [name for name in os.environ if name.startswith("MESHNODE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        return code, *capsys.readouterr()

    return run
