"""`make partition`: the mesh falls into halves, and becomes whole again.

Two halves of four hosts, a stream in each, viewers of both streams in both.  A stream
whose origin is on my side never stops; the other one comes back within two seconds of
the healing, without a loop and without a packet twice.  `MESHNODE_LAB_PARTITION` says
how often.
"""

from __future__ import annotations

import asyncio
import time
from itertools import combinations

import pytest

from support.lab.figures import Report, count
from support.lab.lab import Lab
from support.lab.mesh import Mesh
from support.lab.namespaces import require_root
from support.lab.processes import Fleet
from support.lab.source import LIGHT, TRACKS, Source
from support.lab.viewer import Viewer
from support.lab.wiring import across

LEFT = ("l0", "l1", "l2", "l3")
RIGHT = ("r0", "r1", "r2", "r3")
NEAR_MS, FAR_MS = 8.0, 25.0
CUT_S = (3.0, 12.0, 30.0)
"""Short, beyond every liveness limit, and beyond the leases too; in turn."""

BACK_MS, STOP_MS = 2000.0, 250.0
AFTER_S = 8.0
PATHS_S = 20.0
HOMES = {"left": "l0", "right": "r0"}
WATCHERS = ("l1", "l3", "r1", "r3")


@pytest.mark.timeout(1800)
async def test_halves_go_on_and_the_whole_comes_back() -> None:
    require_root()
    report = Report("partition")
    names = [*LEFT, *RIGHT]
    with Lab(names) as lab, Fleet(lab.folder, "partition") as fleet:
        near = [
            (*pair, NEAR_MS) for half in (LEFT, RIGHT) for pair in combinations(half, 2)
        ]
        far = [(*pair, FAR_MS) for pair in across((LEFT, RIGHT))]
        lab.only([*near, *far])
        mesh = Mesh(lab, fleet)
        for name in names:
            mesh.host(name, ["l0"] if name != "l0" else [])
        fleet.start()
        await asyncio.to_thread(mesh.wait_whole)
        sources, viewers = await audience(mesh)
        for number in range(count("partition", 6)):
            await partition(lab, mesh, viewers, report, CUT_S[number % len(CUT_S)])
        for viewer in viewers.values():
            await viewer.close()
        for source in sources:
            await source.close()
    report.verdict()


async def audience(mesh: Mesh) -> tuple[list[Source], dict[tuple[str, str], Viewer]]:
    """Both streams, and a viewer of each on every watcher's node."""
    sources, viewers = [], {}
    for stream, home in HOMES.items():
        node = mesh.fleet[home]
        url = f"{node.url}/whip/{stream}"
        sources.append(await Source.open(node.namespace, url, LIGHT))
    for stream in HOMES:
        for name in WATCHERS:
            node = mesh.fleet[name]
            url = f"{node.url}/whep/{stream}"
            viewers[stream, name] = await Viewer.open(node.namespace, url)
    for viewer in viewers.values():
        await viewer.sees(60)
    return sources, viewers


def is_mine(stream: str, name: str) -> bool:
    """Whether the origin is on the viewer's side."""
    return HOMES[stream][0] == name[0]


async def partition(
    lab: Lab,
    mesh: Mesh,
    viewers: dict[tuple[str, str], Viewer],
    report: Report,
    cut_s: float,
) -> None:
    """One falling apart and its end."""
    pairs = across((LEFT, RIGHT))
    cut = lab.wiring.cut(pairs)
    await asyncio.sleep(cut_s)  # the length of the fault
    healed = lab.wiring.heal(pairs)
    await asyncio.sleep(AFTER_S)  # the time of the recording itself
    end = time.time()
    wanted = [(name, stream) for stream, name in viewers]
    view = await asyncio.to_thread(
        mesh.wait,
        lambda view: view.is_whole and view.has_paths(wanted),
        PATHS_S,
        "everybody below an origin, in a whole mesh",
    )
    for (stream, name), viewer in viewers.items():
        twice = sum(viewer.tally(cut, end, t).duplicates for t in range(len(TRACKS)))
        way = view.path(name, stream)
        if is_mine(stream, name):
            stopped = viewer.gap(cut, end).ms
            report.limit(f"{stream} at {name} stopped", stopped, STOP_MS, cut_s=cut_s)
        else:
            gap = viewer.gap(cut, end)
            back = max(gap.ended - healed, 0) * 1000
            report.limit(f"{stream} at {name} back", back, BACK_MS, cut_s=cut_s)
        report.limit(
            f"{stream} at {name} twice", twice, 0, "packets", path=" ".join(way)
        )
