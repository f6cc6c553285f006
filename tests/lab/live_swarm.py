"""`make swarm`: thirty processes on one machine become one mesh; some of them die.

On loopback, without the wire, and each with room for two copies, for else all viewers
hang below the origin and nobody's parent dies.  `MESHNODE_LAB_SWARM` says how many they
are, and `MESHNODE_LAB_ROUNDS` how often nine of thirty die.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.lab.figures import Report, count, percentile, size
from support.lab.mesh import Mesh, View
from support.lab.processes import Fleet
from support.lab.source import LIGHT, Source
from support.lab.viewer import Viewer

USUAL, STREAM = 30, "lab"
SHARE_DYING = 0.3
ROUNDS = 5
WHOLE_S, BACK_P95_MS = 10.0, 2000.0
WATCHED = 4
"""One node in so many has a viewer: enough others are left to die."""

COPIES = ("--max-relays", "2")
WATCH_S = 6.0
UNDISTURBED_MS = 500.0
PORTS = (20_000, 21_000, 22_000)


@contextlib.contextmanager
def swarm(nodes: int) -> Iterator[Mesh]:
    """That many nodes on loopback, the first one known to all others."""
    with (
        tempfile.TemporaryDirectory(prefix="meshnode-swarm-") as folder,
        Fleet(Path(folder), "swarm") as fleet,
    ):
        for number in range(nodes):
            bootstrap = () if not number else (f"127.0.0.1:{PORTS[0]}",)
            ports = tuple(port + number for port in PORTS)
            more = {"ports": ports, "bootstrap": bootstrap, "flags": COPIES}
            fleet.add(f"n{number:02}", "", "127.0.0.1", **more)
        yield Mesh(None, fleet)


def victims(
    view: View, origin: str, viewers: dict[str, Viewer], chance: random.Random
) -> set[str]:
    """Three in ten, a viewer's parent among them, and no other viewer's node."""
    parents = {view.parent(name, STREAM) for name in viewers} - {origin, None}
    others = sorted(set(view.meshes) - {*viewers, origin})
    chosen = {chance.choice(sorted(parents))} if parents else set()  # type: ignore[type-var]
    wanted = round(len(view.meshes) * SHARE_DYING)
    chance.shuffle(others)
    return set([*chosen, *(name for name in others if name not in chosen)][:wanted])


@pytest.mark.timeout(1800)
async def test_thirty_become_one_and_nine_deaths_are_survived() -> None:
    nodes = size("swarm", USUAL)
    report = Report("swarm")
    backs: list[float] = []
    with_parent = 0
    rounds = count("rounds", ROUNDS)
    for number in range(rounds):
        with swarm(nodes) as mesh:
            await whole(mesh, report)
            found, hit = await deaths(mesh, report, random.Random(number))
            backs += found
            with_parent += hit
    report.spread("spreads", "nine of thirty die: silence of viewers, ms", backs)
    report.limit("p95 of viewers' silence", percentile(backs, 95), BACK_P95_MS)
    missed = rounds - with_parent
    report.limit("rounds without a viewer's parent", missed, 0.4 * rounds, "rounds")
    report.verdict()


async def whole(mesh: Mesh, report: Report) -> None:
    """Start everybody; how long after the last ready line they are one component."""
    last_ready = await start(mesh)
    view = await asyncio.to_thread(mesh.wait_whole, 60.0)
    took_s = time.time() - last_ready
    degrees = sorted(degree for _, degree in view.graph().degree())
    report.limit("one mesh after the last ready line", took_s, WHOLE_S, "s")
    report.row("mesh", nodes=len(view.meshes), least=degrees[0], most=degrees[-1])


async def start(mesh: Mesh) -> float:
    """All at once behind the first; when the last one was ready."""
    first, *others = mesh.fleet
    first.start()
    first.wait_ready()
    return mesh.fleet.start([node.name for node in others]) if others else time.time()


async def deaths(
    mesh: Mesh, report: Report, chance: random.Random
) -> tuple[list[float], bool]:
    """The bootstrap dies, then three in ten; the viewers' silences in milliseconds, and
    whether a viewer's parent was among the dead.
    """
    names = [node.name for node in mesh.fleet]
    origin, *watched = chance.sample(names[1:], max(len(names) // WATCHED, 2) + 1)
    home = mesh.fleet[origin]
    source = await Source.open("", f"{home.url}/whip/{STREAM}", LIGHT)
    viewers = {}
    for name in watched:
        url = f"{mesh.fleet[name].url}/whep/{STREAM}"
        viewers[name] = await Viewer.open("", url)
    for viewer in viewers.values():
        await viewer.sees(30)
    silences = await after(viewers, mesh.fleet["n00"].kill)
    report.limit("silence when the bootstrap dies", max(silences), UNDISTURBED_MS)
    view = await asyncio.to_thread(mesh.view)
    dying = victims(view, origin, viewers, chance)
    living = {name: viewer for name, viewer in viewers.items() if name not in dying}
    hit = any(view.parent(name, STREAM) in dying for name in living)
    silences = await after(living, lambda: _kill(mesh, dying))
    report.row("deaths", died=len(dying), parent=hit, worst_ms=max(silences))
    for viewer in viewers.values():
        await viewer.close()
    await source.close()
    return silences, hit


def _kill(mesh: Mesh, names: set[str]) -> float:
    nodes = [mesh.fleet[name] for name in sorted(names)]
    struck = time.time()
    for node in nodes:
        os.kill(node.pid, signal.SIGKILL)
    for node in nodes:
        assert node.process is not None
        node.process.wait()
    return struck


async def after(viewers: dict[str, Viewer], strike: object) -> list[float]:
    """Strike, record, and tell every viewer's longest silence in milliseconds."""
    struck: float = await asyncio.to_thread(strike)  # type: ignore[arg-type]
    await asyncio.sleep(WATCH_S)  # the time of the recording itself
    return [viewer.gap(struck, time.time()).ms for viewer in viewers.values()]
