"""Both packet paths beside the limit: plain copies in runs that the kernel segments.

All three take turns within each repeat, so that a slow minute of the machine meets all;
the ratio is that of the medians.
"""

from __future__ import annotations

from bench import copies_run, node_run
from bench.compare import Scale, spread
from bench.cost import Cost
from bench.shapes import Shape
from meshnode.media import native


async def planes(scale: Scale) -> None:
    """CPU per delivered packet of each plane, and of copies."""
    if why := native.missing():
        print(f"left out: {why}; `make native` builds it")
        return
    print("CPU us per delivered packet: median (low-high)")
    names = f"{'reference':>22} {'native':>22} {'copies':>22}"
    print(f"{'':22} {names}  native/copies  age ms  lost")
    for shape in scale.shapes:
        for viewers in scale.crowds:
            print(await _row(scale, shape, viewers), flush=True)


async def _row(scale: Scale, shape: Shape, viewers: int) -> str:
    runs: dict[str, list[Cost]] = {"reference": [], "native": [], "copies": []}
    for _ in range(scale.repeats):
        for plane in ("reference", "native"):
            cost = await node_run.run(shape, viewers, scale.duration_s, plane=plane)
            runs[plane].append(cost)
        runs["copies"].append(await copies_run.run(shape, viewers, scale.duration_s))
    cells = " ".join(f"{spread(each)!s:>22}" for each in runs.values())
    ratio = spread(runs["native"]).median / spread(runs["copies"]).median
    aged = sorted(run.p50_ms for run in runs["native"])[scale.repeats // 2]
    lost = max(run.lost for each in runs.values() for run in each)
    row = f"{shape.name:15} {viewers:>4} v {cells}"
    return f"{row}  {ratio:13.2f}  {aged:6.2f}  {lost:.1%}"
