"""`make idle`: what a node costs while nothing happens, in meshes of 3, 10 and 30,
and that a relay with a cap on its upload keeps to it while more is asked of it.

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
from support.lab.namespaces import require_root
from support.lab.processes import Fleet
from support.lab.source import Rate, Source
from support.lab.viewer import Viewer

SIZES = (3, 10, 30)
DELAYS_MS = (5.0, 60.0)
SETTLE_S, MEASURE_S = 60, 60
CAP_BPS, LEAVES = 10_000_000, 6
"""The least with which a node relays for others; six copies of the stream are 14."""
CAP_S, WINDOW_S, LOOKS_HZ = 60, 10, 5
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


@pytest.mark.timeout(300)
async def test_a_relay_with_a_cap_keeps_to_it() -> None:
    require_root()
    report = Report("cap")
    below = [f"leaf{number}" for number in range(LEAVES)]
    names = ["origin", "relay", *below]
    links = [("origin", "relay", 10.0), *(("relay", leaf, 10.0) for leaf in below)]
    with Lab(names) as lab, Fleet(lab.folder, "cap") as fleet:
        lab.only(links)
        mesh = Mesh(lab, fleet)
        mesh.host("origin")
        mesh.host("relay", ["origin"], "--max-upload", f"{CAP_BPS // 10**6}M")
        for leaf in below:
            mesh.host(leaf, ["relay"])
        fleet.start(names[:2])
        fleet.start(below)
        await asyncio.to_thread(mesh.wait_whole)
        home = fleet["origin"]
        source = await Source.open(home.namespace, f"{home.url}/whip/lab", Rate(10))
        watching = [asyncio.create_task(watch(fleet, leaf)) for leaf in below]
        rates = await windows(lab, "relay")
        for task in watching:
            task.cancel()
        opened = await asyncio.gather(*watching, return_exceptions=True)
        served = [viewer for viewer in opened if isinstance(viewer, Viewer)]
        report.row("cap", leaves=LEAVES, served=len(served), windows=len(rates))
        for viewer in served:
            await viewer.close()
        await source.close()
    report.spread("spreads", "upload in 10 s, b/s", rates)
    report.limit("upload in 10 s", max(rates), 1.05 * CAP_BPS, "b/s")
    report.limit("leaves without the stream", int(not served), 0, "leaves")
    report.verdict()


async def watch(fleet: Fleet, name: str) -> Viewer:
    """A viewer there, however long it takes to be served."""
    node = fleet[name]
    url = f"{node.url}/whep/lab"
    return await Viewer.open(node.namespace, url, deadline_s=300)


async def windows(lab: Lab, name: str) -> list[float]:
    """Bits a second that a host sent in every ten seconds, IP headers included."""
    sent: list[float] = []
    times: list[float] = []
    lab.wiring.reset()
    for _ in range((20 if is_slice() else CAP_S) * LOOKS_HZ):
        pairs = lab.wiring.counters()["pairs"]
        mine = [pair for pair in pairs if pair["source"] == name]
        sent.append(sum(sum(pair["octets"].values()) for pair in mine))
        times.append(time.monotonic())
        await asyncio.sleep(1 / LOOKS_HZ)  # the interval of the measurement itself
    step = WINDOW_S * LOOKS_HZ
    return [
        8 * (after - before) / (late - early)
        for before, after, early, late in zip(
            sent, sent[step:], times, times[step:], strict=False
        )
    ]


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
