"""`make sim-vs-live`: the same topology and faults, in virtual time and on the wire.

Twelve hosts, everybody watches, relays die one by one for twelve seconds each.  Both
must agree on parents and on how long viewers see nothing; where they do not, one of
them is wrong about the mesh.  Every difference is printed with what it costs: below the
least gain for which a node moves both are right.  Who hangs where soon after a loss
depends on whose turn of maintenance comes first, which is luck in both: the limit is
for moments at rest, the others are shown.  `MESHNODE_LAB_DEATHS` says how many die.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from support.lab import script
from support.lab.figures import Report, count, percentile
from support.lab.lab import Lab
from support.lab.mesh import Mesh, View
from support.lab.namespaces import require_root
from support.lab.processes import Fleet
from support.lab.script import Parents, Played, Topology
from support.lab.source import LIGHT, Source
from support.lab.viewer import Viewer

STREAM = "lab"
NAMES = [f"n{number}" for number in range(script.SIZE)]

SAME_PARENTS_MIN = 0.9
APART_SHARE, APART_MS = 0.25, 30.0
WATCH_S = 8.0
BEFORE_S = 0.5
CALM_BY_S = 120.0
RTT_SHARE, RTT_S = 0.1, 0.005
"""Twelve processes that start make round trips long; the simulated ones are known at
once.
"""


@pytest.mark.timeout(3600)
async def test_the_simulator_foretells_the_live_mesh() -> None:
    require_root()
    report = Report("sim-vs-live")
    deaths = count("deaths", 6)
    topology = Topology.of(script.SIZE, script.SEED)
    with Lab(NAMES) as lab, Fleet(lab.folder, report.name) as fleet:
        matrix = lab.folder / "matrix.csv"
        topology.write(matrix)
        plan = script.scenario(topology, matrix, LIGHT.per_second, LIGHT.bps, deaths)
        foretold, victims = await asyncio.to_thread(
            script.simulate, plan, deaths, script.SEED
        )
        ways = topology.one_way_ms.items()
        lab.only((NAMES[a], NAMES[b], ms) for (a, b), ms in ways)
        mesh = Mesh(lab, fleet)
        for number, name in enumerate(NAMES):
            mesh.host(name, [NAMES[0]] if number else [])
        fleet.start()
        what = "everybody linked, round trips as on the wire"
        # why not more often: to be asked makes round trips long
        await asyncio.to_thread(
            mesh.wait, lambda view: is_measured(view, topology), CALM_BY_S, what, 2.0
        )
        seen = await play(lab, mesh, topology, victims)
    compare(report, topology, foretold, seen)
    report.verdict()


def is_measured(view: View, topology: Topology) -> bool:
    """Whether every pair has a link, and both ends know how long it is."""
    for one in range(topology.size):
        peers = view.peers(NAMES[one])
        for other in set(range(topology.size)) - {one}:
            wire_s = 2 * topology.ms(one, other) / 1000
            rtt_s = peers.get(NAMES[other], {}).get("rtt_s")
            if rtt_s is None or abs(rtt_s - wire_s) > RTT_SHARE * wire_s + RTT_S:
                return False
    return True


async def play(lab: Lab, mesh: Mesh, topology: Topology, victims: list[int]) -> Played:
    """The script's stream, viewers and faults, live."""
    zero = time.monotonic() - script.STREAM_AT_S
    home = mesh.fleet[NAMES[0]]
    source = await Source.open(home.namespace, f"{home.url}/whip/{STREAM}", LIGHT)
    viewers: dict[str, Viewer] = {}
    for node, at_s in script.arrivals(topology):
        await until(zero + at_s)
        viewers[NAMES[node]] = await watch(mesh, NAMES[node])
    seen = Played()
    for number, at_s in enumerate(script.deaths(len(victims))):
        await until(zero + at_s - script.LOOK_S)
        view = await asyncio.to_thread(mesh.view)
        seen.parents.append(parents_of(view))
        await until(zero + at_s)
        await death(lab, mesh, NAMES[victims[number]], view, viewers, seen)
    for viewer in viewers.values():
        await viewer.close()
    await source.close()
    return seen


async def until(moment: float) -> None:
    """Keep to the script's own times (`time.monotonic()`)."""
    await asyncio.sleep(moment - time.monotonic())


async def watch(mesh: Mesh, name: str) -> Viewer:
    """A viewer on that node."""
    node = mesh.fleet[name]
    return await Viewer.open(node.namespace, f"{node.url}/whep/{STREAM}")


def parents_of(view: View) -> Parents:
    """Who feeds whom, by numbers."""
    number_of: dict[str | None, int] = {name: n for n, name in enumerate(NAMES)}
    return {
        n: number_of.get(view.parent(name, STREAM))
        for n, name in enumerate(NAMES)
        if n and name in view.meshes
    }


async def death(
    lab: Lab,
    mesh: Mesh,
    victim: str,
    view: View,
    viewers: dict[str, Viewer],
    seen: Played,
) -> None:
    """One of the script's faults, and what those below noticed."""
    parents = {name: view.parent(name, STREAM) for name in viewers}
    lab.wiring.hush(victim)
    struck = mesh.fleet[victim].kill()
    await asyncio.sleep(WATCH_S)  # the time of the recording itself
    end = time.time()
    below = [name for name in viewers if victim in ancestors(name, parents)]
    seen.gaps_ms += [
        viewers[name].gap(struck - BEFORE_S, end).ms for name in below if name != victim
    ]
    await asyncio.sleep(struck + script.DOWN_S - time.time())  # the script's own time
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


def differences(
    report: Report, topology: Topology, foretold: Played, seen: Played
) -> None:
    """Every node that hung elsewhere, and how much farther from the origin it was."""
    both = zip(foretold.parents, seen.parents, strict=True)
    for number, (before, after) in enumerate(both):
        for node in before.keys() & after.keys():
            one, other = before[node], after[node]
            if one == other or one is None or other is None:
                continue
            costs = topology.cost_ms(node, one), topology.cost_ms(node, other)
            report.row(
                "other parents",
                before_death=number + 1,
                node=node,
                simulated=one,
                live=other,
                apart_ms=abs(costs[0] - costs[1]),
                worth_a_move=script.is_worth(*costs),
            )


def parents(
    report: Report, when: str, topology: Topology, foretold: Played, seen: Played
) -> float:
    """The share of (moment, node) with the same parent; and with the best one."""
    same = script.agreement(foretold, seen)
    best = Played([topology.parents()] * len(seen.parents))
    report.row(
        "parents",
        when=when,
        n=sum(map(len, seen.parents)),
        same_percent=100 * same,
        simulated_best_percent=100 * script.agreement(best, foretold),
        live_best_percent=100 * script.agreement(best, seen),
    )
    return same


def compare(report: Report, topology: Topology, foretold: Played, seen: Played) -> None:
    """Both side by side, and what the issue asks of the difference."""
    report.spread("repairs", "simulated, ms", foretold.gaps_ms)
    report.spread("repairs", "live, ms", seen.gaps_ms)
    differences(report, topology, foretold, seen)
    same = parents(report, "at rest", topology, foretold.rested(), seen.rested())
    parents(report, "and while it heals", topology, foretold, seen)
    report.limit("other parents", 1 - same, 1 - SAME_PARENTS_MIN, "share")
    for percent in (50, 95):
        wanted = percentile(foretold.gaps_ms, percent)
        apart = abs(percentile(seen.gaps_ms, percent) - wanted)
        most = max(APART_SHARE * wanted, APART_MS)
        report.limit(f"p{percent} apart", apart, most)
