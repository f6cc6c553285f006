"""`make sim-vs-live`: the same topology and faults, in virtual time and on the wire.

Twelve hosts, everybody watches, relays die one by one for twelve seconds each.  Both
must agree on parents and on how long viewers see nothing; where they do not, one of
them is wrong about the mesh.  `MESHNODE_LAB_DEATHS` says how many die.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from support.lab import script
from support.lab.figures import Report, count, percentile
from support.lab.lab import Lab
from support.lab.mesh import Mesh
from support.lab.namespaces import require_root
from support.lab.processes import Fleet
from support.lab.script import DOWN_S, EVERY_S, Played
from support.lab.source import LIGHT, Source
from support.lab.viewer import Viewer

SIZE, SEED, STREAM = 12, 1, "lab"
NAMES = [f"n{number}" for number in range(SIZE)]
LIKE_SIMULATED = ("--max-upload", "20M", "--max-relays", "7")
"""Eight copies, one of them kept for orphans; by its line alone a node could feed a
light stream to everybody, and the tree would be a star.
"""

SAME_PARENTS_MIN = 0.9
APART_SHARE, APART_MS = 0.25, 30.0
WATCH_S = 8.0
BEFORE_S = 0.5


@pytest.mark.timeout(3600)
async def test_the_simulator_foretells_the_live_mesh() -> None:
    require_root()
    report = Report("sim-vs-live")
    deaths = count("deaths", 10)
    one_way_ms = script.delays(SIZE, SEED)
    with Lab(NAMES) as lab, Fleet(lab.folder, report.name) as fleet:
        matrix = lab.folder / "matrix.csv"
        script.write_matrix(matrix, SIZE, one_way_ms)
        foretold, victims = await asyncio.to_thread(
            script.simulate, matrix, SIZE, LIGHT.per_second, deaths, SEED
        )
        lab.only((NAMES[a], NAMES[b], ms) for (a, b), ms in one_way_ms.items())
        mesh = Mesh(lab, fleet)
        for number, name in enumerate(NAMES):
            mesh.host(name, [NAMES[0]] if number else [], *LIKE_SIMULATED)
        fleet.start()
        await asyncio.to_thread(mesh.wait_whole)
        seen = await play(lab, mesh, victims)
    compare(report, foretold, seen)
    report.verdict()


async def play(lab: Lab, mesh: Mesh, victims: list[int]) -> Played:
    """The script's streams, viewers and faults, live."""
    home = mesh.fleet[NAMES[0]]
    source = await Source.open(home.namespace, f"{home.url}/whip/{STREAM}", LIGHT)
    viewers = {name: await watch(mesh, name) for name in NAMES[1:]}
    began = time.monotonic()
    await asyncio.sleep(script.SETTLE_S - script.VIEWERS_AT_S)  # the script's own time
    seen = Played()
    for number, victim in enumerate(victims):
        due = began + script.SETTLE_S - script.VIEWERS_AT_S + EVERY_S * number
        await asyncio.sleep(due - time.monotonic())  # the script's own time
        await death(lab, mesh, NAMES[victim], viewers, seen)
    for viewer in viewers.values():
        await viewer.close()
    await source.close()
    return seen


async def watch(mesh: Mesh, name: str) -> Viewer:
    """A viewer on that node."""
    node = mesh.fleet[name]
    return await Viewer.open(node.namespace, f"{node.url}/whep/{STREAM}")


async def death(
    lab: Lab, mesh: Mesh, victim: str, viewers: dict[str, Viewer], seen: Played
) -> None:
    """One of the script's faults, and what those below noticed."""
    view = await asyncio.to_thread(mesh.view)
    alive = [name for name in NAMES[1:] if name in view.meshes]
    parents = {name: view.parent(name, STREAM) for name in alive}
    number_of = {name: number for number, name in enumerate(NAMES)}
    seen.parents.append(
        {number_of[n]: number_of.get(p) if p else None for n, p in parents.items()}
    )
    lab.wiring.hush(victim)
    struck = mesh.fleet[victim].kill()
    await asyncio.sleep(WATCH_S)  # the time of the recording itself
    end = time.time()
    below = {
        name for name in alive if name != victim and victim in ancestors(name, parents)
    }
    seen.gaps_ms += [viewers[n].gap(struck - BEFORE_S, end).ms for n in sorted(below)]
    await asyncio.sleep(max(struck + DOWN_S - time.time(), 0))  # the script's own time
    lab.wiring.hush()
    node = mesh.fleet[victim]
    node.start()
    await asyncio.to_thread(node.wait_ready)
    viewers[victim] = await watch(mesh, victim)


def ancestors(name: str, parents: dict[str, str | None]) -> set[str]:
    """Everybody between a node and the origin."""
    above: set[str] = set()
    at: str | None = parents.get(name)
    while at is not None and at not in above:
        above.add(at)
        at = parents.get(at)
    return above


def compare(report: Report, foretold: Played, seen: Played) -> None:
    """Both side by side, and what the issue asks of the difference."""
    report.spread("repairs", "simulated, ms", foretold.gaps_ms)
    report.spread("repairs", "live, ms", seen.gaps_ms)
    for node, parent in foretold.parents[0].items():
        found = seen.parents[0].get(node)
        report.row("before the first fault", node=node, simulated=parent, live=found)
    same = script.agreement(foretold, seen)
    report.row("parents", same_percent=100 * same)
    report.limit("other parents", 1 - same, 1 - SAME_PARENTS_MIN, "share")
    for percent in (50, 95):
        wanted = percentile(foretold.gaps_ms, percent)
        apart = abs(percentile(seen.gaps_ms, percent) - wanted)
        most = max(APART_SHARE * wanted, APART_MS)
        report.limit(f"p{percent} apart", apart, most)
