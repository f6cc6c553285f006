"""`make shapes`: a line, a ring and random graphs of eight hosts, 5 to 60 ms apart.

The path of every viewer is compared with the shortest one over the same links, by the
links' own delays and by the age of the packets that arrive; `trace` has to name it; and
the wire counts what went over every link: one copy or none.
"""

from __future__ import annotations

import asyncio
import random
import time
from itertools import pairwise

import networkx as nx
import pytest

from support.lab.figures import Report
from support.lab.lab import Lab, shortest_ms
from support.lab.mesh import Link, Mesh, View
from support.lab.namespaces import require_root
from support.lab.processes import Fleet
from support.lab.source import LIGHT, Source
from support.lab.viewer import Viewer

SIZE, STREAM = 8, "lab"
NAMES = [f"n{number}" for number in range(SIZE)]
DELAYS_MS = (5.0, 60.0)
COST_MAX = 1.10
COPIES_MAX = 1.1
"""Packets on a link for each one published; repairs may add a few."""

SETTLE_S = 75.0
"""A turn of maintenance is a minute: paths may be bad before."""

MEASURE_S = 5.0


def shape(kind: str, seed: int) -> list[Link]:
    """The links of a graph with delays drawn by `seed`."""
    graph = {
        "line": lambda: nx.path_graph(SIZE),
        "ring": lambda: nx.cycle_graph(SIZE),
        "random": lambda: nx.connected_watts_strogatz_graph(SIZE, 4, 0.6, seed=seed),
    }[kind]()
    chance = random.Random(seed)
    return [(NAMES[a], NAMES[b], chance.uniform(*DELAYS_MS)) for a, b in graph.edges]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kind", "seed"), [("line", 1), ("ring", 2), ("random", 3)])
async def test_paths_are_nearly_the_shortest_and_links_carry_one_copy(
    kind: str, seed: int
) -> None:
    require_root()
    links = shape(kind, seed)
    report = Report(f"shapes-{kind}")
    with Lab(NAMES) as lab, Fleet(lab.folder, f"shapes-{kind}") as fleet:
        lab.only(links)
        mesh = Mesh(lab, fleet)
        known: dict[str, list[str]] = {name: [] for name in NAMES}
        for one, other, _ in links:
            known[max(one, other)].append(min(one, other))
        for name in NAMES:
            mesh.host(name, known[name])
        fleet.start()
        await asyncio.to_thread(mesh.wait_whole)
        await measure(lab, mesh, links, report)
    report.verdict()


async def measure(lab: Lab, mesh: Mesh, links: list[Link], report: Report) -> None:
    """Everybody watches what the first node publishes."""
    home = mesh.fleet[NAMES[0]]
    source = await Source.open(home.namespace, f"{home.url}/whip/{STREAM}", LIGHT)
    viewers = {}
    for name in NAMES[1:]:
        node = mesh.fleet[name]
        url = f"{node.url}/whep/{STREAM}"
        viewers[name] = await Viewer.open(node.namespace, url)
    best = shortest_ms(links, NAMES[0])
    await asyncio.to_thread(
        mesh.wait, lambda view: is_good(view, links, best), SETTLE_S, "good paths"
    )
    lab.wiring.reset()
    before, began = source.sent[:], time.time()
    await asyncio.sleep(MEASURE_S)  # the time of the measurement itself
    published = sum(source.sent) - sum(before)
    counters = lab.wiring.counters()
    view = await asyncio.to_thread(mesh.view)
    for name, viewer in viewers.items():
        age_ms = viewer.age_ms(began, time.time())
        path(report, view, name, links, best, age_ms)
        await asyncio.to_thread(traced, report, mesh, view, name)
    copies(report, view, counters, published)
    for viewer in viewers.values():
        await viewer.close()
    await source.close()


def cost_ms(path_: list[str], links: list[Link]) -> float:
    """The delays along a path."""
    delays = {frozenset((a, b)): delay for a, b, delay in links}
    return sum(delays[frozenset(hop)] for hop in pairwise(path_))


def is_good(view: View, links: list[Link], best: dict[str, float]) -> bool:
    """Whether every path is within the limit by now."""
    try:
        return all(
            cost_ms(view.path(name, STREAM), links) <= COST_MAX * best[name]
            for name in NAMES[1:]
        )
    except AssertionError:
        return False


def path(
    report: Report,
    view: View,
    name: str,
    links: list[Link],
    best: dict[str, float],
    age_ms: float,
) -> None:
    """One viewer's row and promise."""
    way = view.path(name, STREAM)
    cost = cost_ms(way, links)
    report.row(
        "paths",
        viewer=name,
        path=" ".join(way),
        cost_ms=cost,
        best_ms=best[name],
        packets_ms=age_ms,
    )
    report.limit(f"{name}: cost / best", cost / best[name], COST_MAX, "times")


def traced(report: Report, mesh: Mesh, view: View, name: str) -> None:
    """`meshnode trace` names every hop above its own node."""
    try:
        said = mesh.fleet[name].tell("trace", STREAM)
    except RuntimeError as error:
        said = str(error)
    hops = [str(view.meshes[hop]["node"]) for hop in view.path(name, STREAM)[:-1]]
    missing = [hop for hop in hops if hop not in said and hop[-8:] not in said]
    if missing:
        print(said)
    report.limit(f"{name}: hops that trace does not name", len(missing), 0, "hops")


def copies(report: Report, view: View, counters: dict, published: int) -> None:  # type: ignore[type-arg]
    """Media went down the edges of the tree, once."""
    edges = {(view.parent(name, STREAM), name) for name in NAMES[1:]}
    for pair in counters["pairs"]:
        way = pair["source"], pair["target"]
        packets = pair["packets"].get("rtp", 0)
        most = COPIES_MAX if way in edges else COPIES_MAX - 1
        report.limit(f"copies {way[0]} to {way[1]}", packets / published, most, "times")
