"""`make bench`, or ARGS="cost --quick": the tables, one part after the other."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import subprocess
import sys
import time

from bench import ROOT, compare, measure
from bench.latency import latency
from bench.memory import memory
from bench.planes import planes
from bench.shapes import SHAPES
from bench.soak import soak

PARTS = {
    "cost": compare.cost,
    "planes": planes,
    "latency": latency,
    "memory": memory,
    "relay": compare.relay,
    "joins": compare.joining,
}
REWRITING = "rewriting"
ASKED = {"soak": soak}
"""What runs for so long that it is to be asked for by name."""


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    usual = [*PARTS, REWRITING]
    names = [*usual, *ASKED]
    told = f"of {', '.join(names)}; default all but {', '.join(ASKED)}"
    parser.add_argument("parts", nargs="*", help=told)
    parser.add_argument(
        "--quick", action="store_true", help="small, figures mean little"
    )
    parser.add_argument("--viewers", help="numbers of viewers for `planes`: 10,200")
    parser.add_argument("--shape", help="of the streams, those with this in the name")
    parser.add_argument("--repeats", type=int, help="of everything")
    parser.add_argument("--seconds", type=float, help="of each run")
    parser.add_argument("--minutes", type=float, help="of `soak`: 10")
    options = parser.parse_args()
    if unknown := [part for part in options.parts if part not in names]:
        parser.error(f"no part {unknown[0]}; there are: {' '.join(names)}")
    options.parts = options.parts or usual
    return options


def rewriting(*, quick: bool) -> None:
    """The packet algorithm alone, in a process that no server's work disturbs."""
    command = [sys.executable, "-m", "bench.forwarder"]
    subprocess.run(
        [*command, *(["--frames", "30"] if quick else [])], cwd=ROOT, check=True
    )


def scaled(options: argparse.Namespace) -> compare.Scale:
    """How much is measured, with what was asked for instead."""
    scale = compare.QUICK if options.quick else compare.FULL
    if options.viewers:
        viewers = tuple(int(one) for one in options.viewers.split(","))
        scale = dataclasses.replace(scale, viewers=viewers)
    if options.shape:
        shapes = tuple(shape for shape in SHAPES if options.shape in shape.name)
        scale = dataclasses.replace(scale, shapes=shapes, reported=shapes)
    if options.repeats:
        scale = dataclasses.replace(scale, repeats=options.repeats)
    if options.seconds:
        scale = dataclasses.replace(scale, duration_s=options.seconds)
    if options.minutes:
        scale = dataclasses.replace(scale, minutes=options.minutes)
    return scale


def main() -> None:
    """Print where it runs, then every part."""
    options = arguments()
    scale = scaled(options)
    for name, fact in measure.machine().items():
        print(f"{name:8} {fact}")
    for part in options.parts:
        print(f"\n== {part}", flush=True)
        began = time.monotonic()
        if part == REWRITING:
            rewriting(quick=options.quick)
        else:
            asyncio.run({**PARTS, **ASKED}[part](scale))
        print(f"({time.monotonic() - began:.0f} s)", flush=True)


if __name__ == "__main__":
    main()
