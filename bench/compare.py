"""The tables: a node beside its baselines, every figure with its spread.

Node and baseline take turns within each repeat, so that a slow minute of the machine
meets both; the ratio is that of the medians.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from bench import joins, naive_run, node_run, relay_run
from bench.cost import Cost
from bench.measure import Spread
from bench.shapes import SHAPES, VIDEO_HIGH, VIDEO_LOW, Shape

REPORTING = 50
"""Viewers of the extra rows, who send feedback as browsers do."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured; `QUICK` only shows that everything works.

    `crowds` join a node as players do, `viewers` are those of a plane alone.
    """

    shapes: tuple[Shape, ...]
    reported: tuple[Shape, ...]
    repeats: int
    duration_s: float
    crowds: tuple[int, ...]
    viewers: tuple[int, ...]
    relayed: tuple[int, ...]
    joins: int
    minutes: float


FULL = Scale(
    shapes=SHAPES,
    reported=(VIDEO_HIGH, VIDEO_LOW),
    repeats=5,
    duration_s=3.0,
    crowds=(10, 50, 200),
    viewers=(1, 10, 100, 200, 1_000, 3_000),
    relayed=(10, 20),
    joins=500,
    minutes=10.0,
)
QUICK = Scale((VIDEO_LOW,), (VIDEO_LOW,), 1, 0.5, (5,), (1, 5), (2,), 20, 0.05)


async def cost(scale: Scale) -> None:
    """CPU per delivered packet and age of packets, node against the naive loop."""
    print("CPU us per delivered packet: median (low-high); age at arrival p50/p99 ms")
    head = f"{'':22} {'node':>22} {'naive loop':>22}  ratio"
    print(f"{head}    age node   age naive  lost")
    for shape in scale.shapes:
        for viewers in scale.crowds:
            await _beside(scale, shape, viewers, feedback=False)
    print("\nthe same with viewers that send transport-wide feedback as browsers do")
    for shape in scale.reported:
        await _beside(scale, shape, min(REPORTING, max(scale.crowds)), feedback=True)


async def _beside(scale: Scale, shape: Shape, viewers: int, *, feedback: bool) -> None:
    """One row: node and naive loop in turns."""
    node, naive = [], []
    for _ in range(scale.repeats):
        run = node_run.run(shape, viewers, scale.duration_s, feedback=feedback)
        node.append(await run)
        naive.append(await naive_run.run(shape, viewers, scale.duration_s))
    print(_row(shape, viewers, node, naive), flush=True)


def _row(shape: Shape, viewers: int, node: list[Cost], naive: list[Cost]) -> str:
    ours, theirs = spread(node), spread(naive)
    ratio = ours.median / theirs.median
    lost = max(run.lost for run in (*node, *naive))
    cells = f"{ours!s:>22} {theirs!s:>22}  {ratio:5.2f}  {_age(node)}  {_age(naive)}"
    return f"{shape.name:15} {viewers:>4} v {cells}  {lost:.1%}"


def spread(runs: list[Cost]) -> Spread:
    """CPU microseconds per packet of repeats."""
    return Spread.of([run.us_per_packet for run in runs])


def _age(runs: list[Cost]) -> str:
    middle = statistics.median(run.p50_ms for run in runs)
    worst = statistics.median(run.p99_ms for run in runs)
    return f"{middle:5.2f}/{worst:<5.2f}"


async def relay(scale: Scale) -> None:
    """CPU per viewer against aiortc's MediaRelay, which transcodes for each."""
    shape = VIDEO_LOW
    print(f"{shape.name} against aiortc's MediaRelay, CPU us per delivered packet")
    for viewers in scale.relayed:
        node, relayed, rates = [], [], []
        for _ in range(scale.repeats):
            node.append(await node_run.run(shape, viewers, scale.duration_s))
            run, rate_hz = await relay_run.run(shape, viewers, scale.duration_s)
            relayed.append(run)
            rates.append(rate_hz)
        for line in _relay_rows(viewers, node, relayed, statistics.median(rates)):
            print(line, flush=True)


def _relay_rows(
    viewers: int, node: list[Cost], relayed: list[Cost], rate_hz: float
) -> Iterator[str]:
    ours, theirs = spread(node), spread(relayed)
    carried = [
        statistics.median(run.viewers_per_core for run in runs)
        for runs in (node, relayed)
    ]
    yield (
        f"{viewers:>4} viewers: node {ours}, MediaRelay {theirs} at {rate_hz:.0f} fps,"
        f" {theirs.median / ours.median:.0f} times as much"
    )
    yield f"{'':13} one core carries {carried[0]:.0f} viewers, and {carried[1]:.0f}"


async def joining(scale: Scale) -> None:
    """Handshakes a second, and memory per viewer."""
    viewers = max(scale.crowds)
    runs = [await joins.run(scale.joins, viewers) for _ in range(scale.repeats)]
    rate, spent, held = (
        Spread.of(values)
        for values in zip(
            *((r.rate_hz, r.cpu_ms, r.viewer_bytes / 1024) for r in runs), strict=True
        )
    )
    print(f"joins (WHEP, ICE, DTLS) a second, clients beside {rate}")
    print(f"CPU ms of the node per join                      {spent}")
    print(
        f"joins per CPU second of the node                 {1000 / spent.median:8.0f}"
    )
    print(f"KiB of memory per viewer, of {viewers:<3}                 {held}")
