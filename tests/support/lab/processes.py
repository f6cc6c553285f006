"""Nodes of the mesh as processes of a laboratory, and everything one does to them.

A `NodeProcess` is one `meshnode run` in a namespace (or on this host, with "" for the
namespace): started and awaited, asked for its status from where it runs, killed,
frozen, drained.  Its folder outlives a restart, so that it comes back as the same node.
Logs go to a file that `Fleet` keeps when a test fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure import cpu_s, rss_bytes
from support.lab.namespaces import die_with_parent, inside
from support.lab.timeline import entries
from support.node import KEY

ROOT = Path(__file__).resolve().parents[3]
KEPT = ROOT / ".lab" / "logs"
READY = re.compile(rb"^meshnode \S+ is running", re.MULTILINE)
READY_DEADLINE_S = 60.0
READY_EACH_S = 8.0
"""More for each one that starts at the same time: two to three seconds of CPU."""

STOP_DEADLINE_S = 12.0
ASK_TIMEOUT_S = 5.0
PORTS = (5000, 8080, 8081)


def _own() -> dict[str, str]:
    """What a node need know of our environment: nothing of the laboratory's."""
    return {k: v for k, v in os.environ.items() if not k.startswith("MESHNODE_LAB_")}


@dataclass
class NodeProcess:
    """One node: where it runs and how it is started."""

    name: str
    namespace: str
    address: str
    folder: Path
    ports: tuple[int, int, int] = PORTS
    """Media and libp2p, HTTP, admin."""

    bootstrap: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    module: tuple[str, ...] = ("-m", "meshnode.cli.main", "run")
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """What it printed, over all its lives."""
        return self.folder / "log.txt"

    @property
    def url(self) -> str:
        """Where its page is."""
        return f"http://{self.address}:{self.ports[1]}"

    @property
    def entry(self) -> str:
        """What another node says to `--bootstrap`."""
        return f"{self.address}:{self.ports[0]}"

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self.process is not None, f"{self.name} was never started"
        return self.process.pid

    @property
    def is_up(self) -> bool:
        """Whether the process exists."""
        return self.process is not None and self.process.poll() is None

    # -- life --------------------------------------------------------------------------

    def command(self) -> list[str]:
        """The argument vector inside the namespace."""
        media, page, admin = self.ports
        made = [sys.executable, *self.module, "--port", str(media)]
        made += ["--http", f"{self.address}:{page}", "--admin", f"127.0.0.1:{admin}"]
        made += ["--data", str(self.folder / "data"), "--log-format", "json"]
        for entry in self.bootstrap:
            made += ["--bootstrap", entry]
        return [*made, *self.flags]

    def start(self) -> None:
        """Begin; only from the main thread, whose end ends the node."""
        assert not self.is_up, f"{self.name} runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        enter = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        paths = f"{ROOT}:{ROOT / 'protocol'}"
        with self.log.open("ab") as output:
            self._said = output.tell()
            self.process = subprocess.Popen(
                [*enter, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - prctl only
                env={
                    **_own(),
                    "PYTHONPATH": paths,
                    "PYTHONUNBUFFERED": "1",
                    "MESHNODE_PUBLISH_KEY": KEY,
                    **self.environment,
                },
            )

    @property
    def is_ready(self) -> bool:
        """Whether this life has printed its first line.  Raises when it ended."""
        if not self.is_up:
            raise RuntimeError(f"{self.name} ended: {self.log.read_text()[-2000:]}")
        with self.log.open("rb") as file:
            file.seek(self._said)
            return READY.search(file.read()) is not None

    def wait_ready(self, deadline_s: float = READY_DEADLINE_S) -> float:
        """Block until it is; the moment (`time.time()`)."""
        wait_for(lambda: self.is_ready, deadline_s, f"{self.name} ready")
        return time.time()

    def _signal(self, number: int) -> float:
        os.kill(self.pid, number)
        return time.time()

    def kill(self) -> float:
        """SIGKILL: it vanishes between two instructions; when."""
        at = self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()
        return at

    def freeze(self) -> float:
        """SIGSTOP: its sockets take and answer nothing; when."""
        return self._signal(signal.SIGSTOP)

    def thaw(self) -> float:
        """SIGCONT; when."""
        return self._signal(signal.SIGCONT)

    def drain(self) -> float:
        """SIGTERM, without waiting; when."""
        return self._signal(signal.SIGTERM)

    def stop(self) -> int:
        """Leave in good order; the exit code, or that of the kill it needed."""
        if self.process is None:
            return 0
        with contextlib.suppress(ProcessLookupError):
            self.thaw()
            self.drain()
        try:
            return self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    # -- questions ---------------------------------------------------------------------

    def get(self, path: str, *, page: bool = False) -> Any:
        """The JSON at a path of its admin (or public) address, asked beside it."""
        host, port = (
            (self.address, self.ports[1]) if page else ("127.0.0.1", self.ports[2])
        )
        connection = http.client.HTTPConnection(host, port, timeout=ASK_TIMEOUT_S)
        with inside(self.namespace):
            connection.connect()
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self.name} {path}: {answer.status} {body[:200]!r}")
        return json.loads(body)

    def status(self) -> dict[str, Any]:
        """Its whole `/status`."""
        found: dict[str, Any] = self.get("/status")
        return found

    def mesh(self) -> dict[str, Any]:
        """The part of `/status` about the mesh."""
        found: dict[str, Any] = self.status().get("mesh") or {}
        return found

    def tell(self, command: str, *arguments: str) -> str:
        """What `meshnode COMMAND ... --admin` prints, run beside it."""
        admin = f"127.0.0.1:{self.ports[2]}"
        enter = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        words = [sys.executable, "-m", "meshnode.cli.main", command, *arguments]
        done = subprocess.run(
            [*enter, *words, "--admin", admin],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'protocol'}"},
        )
        if done.returncode:
            raise RuntimeError(f"meshnode {command}: {done.stdout}{done.stderr}")
        return done.stdout

    def cpu_s(self) -> float:
        """CPU seconds it has used."""
        return cpu_s(self.pid)

    def rss_bytes(self) -> int:
        """Its resident memory."""
        return rss_bytes(self.pid)

    def events(self) -> list[dict[str, Any]]:
        """Its log lines that are JSON objects, of all lives, oldest first."""
        return entries(self.log.read_bytes()) if self.log.exists() else []


class Fleet:
    """Nodes by name; all are gone when it closes.

    Their logs are kept after a failure, or always with `MESHNODE_LAB_KEEP=1`; read them
    together by `python -m support.lab.timeline FOLDER`.
    """

    def __init__(self, folder: Path, keep_as: str) -> None:
        self.nodes: dict[str, NodeProcess] = {}
        self._folder = folder
        self._keep_as = keep_as

    def __getitem__(self, name: str) -> NodeProcess:
        return self.nodes[name]

    def __iter__(self) -> Iterator[NodeProcess]:
        return iter(self.nodes.values())

    def add(self, name: str, namespace: str, address: str, **more: Any) -> NodeProcess:
        """A further node, not started yet."""
        made = NodeProcess(name, namespace, address, self._folder / name, **more)
        self.nodes[name] = made
        return made

    @property
    def up(self) -> list[NodeProcess]:
        """Those that run."""
        return [node for node in self if node.is_up]

    def start(self, names: Sequence[str] = ()) -> float:
        """Start these (all without names) and wait; when the last one was ready."""
        chosen = [self[name] for name in names] or list(self)
        for node in chosen:
            node.start()
        deadline_s = READY_DEADLINE_S + READY_EACH_S * len(chosen)
        return max(node.wait_ready(deadline_s) for node in chosen)

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if error is not None or os.environ.get("MESHNODE_LAB_KEEP"):
            self.keep_logs()
        for node in self.up:
            with contextlib.suppress(ProcessLookupError):
                node.thaw()
                node.process.kill()  # type: ignore[union-attr]
        for node in self:
            if node.process is not None:
                node.process.wait()

    def keep_logs(self) -> None:
        """Copy every node's log to where the next person looks."""
        target = KEPT / self._keep_as
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for node in self:
            if node.log.exists():
                shutil.copy(node.log, target / f"{node.name}.log")


def wait_for(
    check: Callable[[], Any], deadline_s: float, what: str, every_s: float = 0.05
) -> Any:
    """Block until `check()` is true; its value, or a failure that says `what`."""
    end = time.monotonic() + deadline_s
    while True:
        if value := check():
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(every_s)


async def eventually(
    check: Callable[[], Any], deadline_s: float, what: str, every_s: float = 0.05
) -> Any:
    """`wait_for` beside a running loop; `check` runs in a thread."""
    end = time.monotonic() + deadline_s
    while True:
        if value := await asyncio.to_thread(check):
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        await asyncio.sleep(every_s)
