"""The wheel as users get it, installed into an environment that knows nothing else."""

from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("meshnode", "protocol", "simulations")
FILES = ("pyproject.toml", "README.md", "LICENSE")
INSTALL_S = 600
"""An empty cache and a busy machine: fastecdsa has no wheel and is compiled."""


def clean_environment(**more: str) -> dict[str, str]:
    """Ours without anything that could lead back into the tree."""
    dropped = ("PYTHON", "MESHNODE_", "VIRTUAL_ENV", "COVERAGE", "COV_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    return {**kept, **more}


WITH_WHEEL = {"wheel", "installed", "launch"}


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that build or install the wheel take a minute before they begin."""
    for item in items:
        if WITH_WHEEL & set(getattr(item, "fixturenames", ())):
            item.add_marker("long")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy so that nothing is left in the tree."""
    copy = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.so")
    for name in SOURCES:
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, copy / name)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", copy / "dist", copy],
        check=True,
        capture_output=True,
        timeout=INSTALL_S,
    )
    (built,) = (copy / "dist").glob("*.whl")
    return built


@dataclass(frozen=True)
class Environment:
    """A virtual environment with the wheel, and an empty folder to run things in."""

    python: Path
    folder: Path

    @property
    def meshnode(self) -> Path:
        return self.python.with_name("meshnode")


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The wheel with what it says it needs, and nothing else."""
    home = tmp_path_factory.mktemp("outside")
    # our pip installs into it, and compiles nothing that no test will import: together
    # that is a third of the work
    bare = [sys.executable, "-m", "venv", "--without-pip", home / "env"]
    subprocess.run(bare, check=True)
    python = home / "env/bin/python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q"]
    pip += ["--no-compile", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "-c", ROOT / "constraints.txt", wheel],
        check=True,
        env=clean_environment(),
        timeout=INSTALL_S,
    )
    folder = home / "work"
    folder.mkdir()
    return Environment(python, folder)


class Running:
    """A program whose first lines of output we wait for."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.seen: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip())

    def until(self, pattern: str, within_s: float = 180.0) -> re.Match[str]:
        """The first line that matches."""
        deadline = time.monotonic() + within_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.seen.append(self._lines.get(timeout=left))
            except queue.Empty:
                break
            if found := re.search(pattern, self.seen[-1]):
                return found
        raise AssertionError(f"no {pattern!r} in {self.seen}")


Launch = Callable[..., Running]


@pytest.fixture
def launch(installed: Environment) -> Iterator[Launch]:
    """Run a program of the environment; it is ended with the test."""
    running: list[subprocess.Popen[str]] = []

    def start(*command: str | Path) -> Running:
        process = subprocess.Popen(
            list(map(str, command)),
            cwd=installed.folder,
            env=clean_environment(XDG_DATA_HOME=str(installed.folder)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return Running(process)

    yield start
    for process in running:
        process.terminate()
    for process in running:
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def example(installed: Environment, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of an example, away from the tree."""

    def copied(name: str) -> Path:
        target = tmp_path / name
        shutil.copy(ROOT / "examples" / name, target)
        return target

    return copied
