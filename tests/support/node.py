"""A real `meshnode run` in a process of its own, here or in a lab's namespace."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEY = "a-key-for-tests-only"
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class RunningNode:
    """A node that answers, its process, and how to run a command beside it."""

    process: subprocess.Popen[bytes]
    url: str
    admin: str
    beside: tuple[str, ...]
    log: Path

    def whip(self, stream: str) -> str:
        """Where to publish `stream`."""
        return f"{self.url}/whip/{stream}"

    def whep(self, stream: str) -> str:
        """Where to watch `stream`."""
        return f"{self.url}/whep/{stream}"

    def status(self) -> dict[str, Any]:
        """The node's `/status`, asked from the node's own host."""
        answer: dict[str, Any] = json.loads(_get(self.beside, f"{self.admin}/status"))
        return answer

    def plane(self) -> str:
        """Which packet path it has; MESHNODE_PLANE reaches it as any other setting."""
        name: str = self.status()["plane"]
        return name

    def rss_bytes(self) -> int:
        """Resident memory of the node's process."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("the node is gone")


def _get(beside: Sequence[str], url: str) -> bytes:
    if not beside:
        with urllib.request.urlopen(url, timeout=20) as answer:
            body: bytes = answer.read()
            return body
    fetch = (
        "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
    )
    return subprocess.run(
        [*beside, sys.executable, "-c", fetch, url],
        capture_output=True,
        check=True,
        timeout=30,
    ).stdout


def _wait_ready(node: RunningNode) -> None:
    deadline = time.monotonic() + START_DEADLINE_S
    while time.monotonic() < deadline:
        if node.process.poll() is not None:
            break
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            _get(node.beside, f"{node.admin}/healthz")
            return
        time.sleep(0.1)
    raise RuntimeError(f"the node did not start: {node.log.read_text()}")


@contextlib.contextmanager
def running_node(
    *arguments: str,
    http: str = "127.0.0.1:18080",
    admin: str = "127.0.0.1:18081",
    port: int = 15000,
    beside: Sequence[str] = (),
) -> Iterator[RunningNode]:
    """Start a node, wait until it answers, and stop it gently at the end."""
    with tempfile.TemporaryDirectory(prefix="meshnode-data-") as data:
        log = Path(data) / "log.txt"
        command = [sys.executable, "-m", "meshnode.cli.main", "run", "--http", http]
        command += ["--admin", admin, "--port", str(port), "--data", data, *arguments]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*beside, *command],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "MESHNODE_PUBLISH_KEY": KEY},
            )
        node = RunningNode(
            process, f"http://{http}", f"http://{admin}", tuple(beside), log
        )
        try:
            _wait_ready(node)
            yield node
            # a test may kill it; nobody else does
            if process.poll() not in {None, -signal.SIGKILL}:
                raise RuntimeError(f"the node ended by itself: {log.read_text()}")
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def eventually(check: Any, deadline_s: float, what: str) -> Any:
    """Await `check()` until it is true; its value, or a failure that says `what`."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        value = await check()
        if value:
            return value
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {deadline_s} s: {what}")
