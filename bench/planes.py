"""Both packet paths over the number of viewers, beside loops that do one thing only.

Everything of a row takes turns within each repeat, so that a slow minute of the machine
meets all of it; a ratio is that of the medians.  Columns: the two planes, each alone in
its process; copies in runs that the kernel segments (`gso`), the physical limit without
encryption; copies by the batch and one by one (`sendmmsg`, `sendto`); encryption for
everybody without sending (`seal`).  What a column cannot carry at a row's rate is left
out: it would be measured as loss.
"""

from __future__ import annotations

from bench import plane_run
from bench.compare import Scale
from bench.cost import Cost
from bench.growth import fitted
from bench.measure import Spread
from bench.plot import drawn
from bench.record import Record
from bench.shapes import Shape
from meshnode.media import native

PLANES = ("reference", "native")
RATES_HZ = {
    "reference": 30_000,
    "native": 300_000,
    "gso": 300_000,
    "sendmmsg": 150_000,
    "sendto": 150_000,
    "seal": 300_000,
}
"""Packets a second that each is asked to deliver at most, with room to spare."""
ASIDE = 100
"""The loops besides `gso` are measured with so many viewers; they hardly vary."""


async def planes(scale: Scale) -> None:
    """CPU per delivered packet of each plane, and of the loops."""
    if why := native.missing():
        print(f"left out: {why}; `make native` builds it")
        return
    print(
        "CPU us per delivered packet: median (low-high); ratio native/gso; worst loss"
    )
    print(f"{'':22} " + " ".join(f"{name:>20}" for name in RATES_HZ) + "  ratio   lost")
    record = Record("planes")
    for shape in scale.shapes:
        for viewers in scale.viewers:
            runs = await _row(scale, shape, viewers)
            if runs:
                record.add(shape, viewers, runs)
                print(_told(shape, viewers, runs), flush=True)
    for line in fitted(record):
        print(line)
    record.write()
    print(f"kept in {record.path}, drawn in {drawn(record)}")


async def _row(scale: Scale, shape: Shape, viewers: int) -> dict[str, list[Cost]]:
    rate_hz = shape.packets_hz * viewers
    names = [
        name
        for name, most_hz in RATES_HZ.items()
        if rate_hz <= most_hz and (name in (*PLANES, "gso") or viewers == ASIDE)
    ]
    runs: dict[str, list[Cost]] = {name: [] for name in names}
    for _ in range(scale.repeats):
        for name, costs in runs.items():
            costs.append(await _run(name, shape, viewers, scale.duration_s))
    return runs


async def _run(name: str, shape: Shape, viewers: int, duration_s: float) -> Cost:
    if name in PLANES:
        return await plane_run.run(name, shape, viewers, duration_s)
    return await plane_run.copies(name, shape, viewers, duration_s)


def _told(shape: Shape, viewers: int, runs: dict[str, list[Cost]]) -> str:
    spreads = {
        name: Spread.of([cost.us_per_packet for cost in costs])
        for name, costs in runs.items()
    }
    cells = " ".join(f"{spreads.get(name, '-')!s:>20}" for name in RATES_HZ)
    ratio = spreads["native"].median / spreads["gso"].median
    lost = max(cost.lost for costs in runs.values() for cost in costs)
    return f"{shape.name:15} {viewers:>4} v {cells}  {ratio:5.2f}  {lost:5.1%}"
