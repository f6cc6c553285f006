"""Three nodes of one mesh, each a process of its own, and what machine and nodes do.

async with trio() as nodes:
    ...
    before = Usage.now(nodes)
    ...
    print(Usage.now(nodes).since(before))
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bench import measure
from support.node import RunningNode, eventually, running_node
from support.ports import free_port

FLAGS = (
    "--open-rooms",
    *("--max-upload", "1G"),
    *("--limit", "sessions_per_address=4096"),
    *("--limit", "requests_per_minute=100000"),
)
LINKS_S = 60.0
LATE_TICK_S = 0.005


@contextlib.asynccontextmanager
async def trio(*more: str) -> AsyncIterator[tuple[RunningNode, ...]]:
    """Three linked nodes on loopback; `more` are flags for each."""
    with contextlib.ExitStack() as stack:
        nodes: list[RunningNode] = []
        for _ in range(3):
            flags = [*FLAGS, *more]
            for line in [_line(node) for node in nodes]:
                flags += ["--bootstrap", line]
            http, admin = _free(), _free()
            begun = running_node(*flags, http=http, admin=admin, port=0)
            nodes.append(await asyncio.to_thread(_enter, stack, begun))
        for node in nodes:
            await eventually(lambda node=node: _linked(node), LINKS_S, "links")
        yield tuple(nodes)


def _enter(stack: contextlib.ExitStack, begun: Any) -> RunningNode:
    node: RunningNode = begun.__enter__()
    stack.push(lambda *_: _leave(begun, node))
    return node


def _leave(begun: Any, node: RunningNode) -> None:
    """End it; one that a test killed has ended."""
    with contextlib.suppress(*([RuntimeError] if node.process.returncode else [])):
        begun.__exit__(None, None, None)


def _line(node: RunningNode) -> str:
    line: str = node.status()["mesh"]["bootstrap"][0]
    return line


async def _linked(node: RunningNode) -> bool:
    status = await asyncio.to_thread(node.status)
    return sum(peer["ready"] for peer in status["mesh"]["peers"]) == 2


def _free() -> str:
    return f"127.0.0.1:{free_port()}"


GAUGES = ("transports", "producers", "consumers")


async def held(nodes: Sequence[RunningNode]) -> list[dict[str, float]]:
    """What lives in the packet path of each node, and the streams it knows."""
    found = []
    for node in nodes:
        status = await asyncio.to_thread(node.status)
        gauges = {name: status["gauges"][name] for name in GAUGES}
        found.append(gauges | {"streams": len(status["streams"])})
    return found


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds so far, by name, those of the machine, and when."""

    at: float
    machine_s: float
    idle_s: float
    used_s: Mapping[str, float]
    rss_bytes: Mapping[str, int]

    @classmethod
    def now(cls, nodes: Sequence[RunningNode], **others: Iterable[int]) -> Usage:
        """Of nodes that live, and of other groups of processes by name."""
        groups = {
            f"node {place}": [node.process.pid]
            for place, node in enumerate(nodes)
            if node.process.returncode is None
        } | {name: list(pids) for name, pids in others.items()}
        busy, idle = _machine_s()
        return cls(
            time.monotonic(),
            busy,
            idle,
            {name: sum(map(_cpu_s, pids)) for name, pids in groups.items()},
            {name: sum(map(_rss, pids)) for name, pids in groups.items()},
        )

    def since(self, before: Usage) -> str:
        """What was used since then, for people: shares of one core, and memory."""
        passed = self.at - before.at
        busy, idle = self.machine_s - before.machine_s, self.idle_s - before.idle_s
        whole = (busy + idle) / passed
        told = [f"machine busy {busy / passed:.2f} idle {idle / passed:.2f}"]
        told[0] += f" of {whole:.1f} cores, load {os.getloadavg()[0]:.2f}"
        for name, used in self.used_s.items():
            share = (used - before.used_s.get(name, 0.0)) / passed
            told.append(f"{name} {share:.2f} ({self.rss_bytes[name] >> 20} MiB)")
        return f"{passed:.0f} s: " + "; ".join(told)


class Lateness:
    """How late the loop of this process woke at worst: what others did to everybody.

    async with Lateness() as late:
        ...
    print(late)
    """

    def __init__(self) -> None:
        self.worst_s = 0.0
        self._task: asyncio.Task[None] | None = None

    def __str__(self) -> str:
        return f"this process was let wait for {self.worst_s * 1000:.0f} ms at most"

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LATE_TICK_S
            await asyncio.sleep(LATE_TICK_S)
            self.worst_s = max(self.worst_s, loop.time() - due)


def tree_of(root: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def _cpu_s(pid: int) -> float:
    with contextlib.suppress(OSError):
        return measure.cpu_s(pid)
    return 0.0


def _rss(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        return measure.rss_bytes(pid)
    return 0


def _machine_s() -> tuple[float, float]:
    """Busy and idle seconds of all cores."""
    ticks = [int(t) for t in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    idle = ticks[3] + ticks[4]
    hz = os.sysconf("SC_CLK_TCK")
    return (sum(ticks) - idle) / hz, idle / hz
