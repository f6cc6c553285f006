"""`make idle`: what a node costs while nothing happens, in meshes of 3, 10 and 30.

Every node is a host of its own on the wire, so that bytes are counted with IP headers
and by kind; CPU is the kernel's count for the process.  `MESHNODE_LAB_IDLE_S` says how
long is measured.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from itertools import combinations

import pytest

from support.lab.figures import Report, count, is_slice
from support.lab.lab import Lab
from support.lab.mesh import Mesh
from support.lab.processes import Fleet
from support.netns import require_root

SIZES = (3, 10, 30)
DELAYS_MS = (5.0, 60.0)
SETTLE_S, MEASURE_S = 60, 60
CPU_PERCENT_MAX, BYTES_PER_S_MAX = 2.0, 3000.0


@pytest.mark.timeout(900)
@pytest.mark.parametrize("size", SIZES)
async def test_a_node_without_a_stream_costs_next_to_nothing(size: int) -> None:
    require_root()
    report = Report(f"idle-{size}")
    names = [f"n{number}" for number in range(size)]
    chance = random.Random(size)
    links = [(*pair, chance.uniform(*DELAYS_MS)) for pair in combinations(names, 2)]
    with Lab(names) as lab, Fleet(lab.folder, f"idle-{size}") as fleet:
        lab.only(links)
        mesh = Mesh(lab, fleet)
        for name in names:
            mesh.host(name, ["n0"] if name != "n0" else [])
        fleet.start(["n0"])
        fleet.start(names[1:])
        await asyncio.to_thread(mesh.wait_whole, 60.0)
        # the newcomers' search and shuffle is over after this time
        await asyncio.sleep(3 if is_slice() else count("settle_s", SETTLE_S))
        await measure(lab, fleet, report)
        view = mesh.view()
        degrees = [degree for _, degree in view.graph().degree()]
        report.row("mesh", nodes=size, least=min(degrees), most=max(degrees))
    report.verdict()


async def measure(lab: Lab, fleet: Fleet, report: Report) -> None:
    """Nobody asks anything meanwhile."""
    lab.wiring.reset()
    before = {node.name: node.cpu_s() for node in fleet}
    began = time.monotonic()
    await asyncio.sleep(10 if is_slice() else count("idle_s", MEASURE_S))
    lasted_s = time.monotonic() - began
    cpu = {node.name: (node.cpu_s() - before[node.name]) / lasted_s for node in fleet}
    counters = lab.wiring.counters()
    sent: dict[str, Counter[str]] = {name: Counter() for name in cpu}
    for pair in counters["pairs"]:
        sent[pair["source"]].update(pair["octets"])
    for name, share in cpu.items():
        kinds = {kind: round(n / lasted_s) for kind, n in sorted(sent[name].items())}
        rss_mb = fleet[name].rss_bytes() / 1e6
        report.row("nodes", node=name, cpu_percent=100 * share, rss_mb=rss_mb, **kinds)
    totals = [kinds.total() / lasted_s for kinds in sent.values()]
    shares = [100 * share for share in cpu.values()]
    report.spread("spreads", "bytes/s sent, IP headers included", totals)
    report.spread("spreads", "CPU, percent of a core", shares)
    report.limit("mean bytes/s", sum(totals) / len(totals), BYTES_PER_S_MAX, "B/s")
    report.limit("mean CPU", sum(shares) / len(shares), CPU_PERCENT_MAX, "%")
    report.row("wire", **counters["wire"])
