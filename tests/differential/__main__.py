"""Both forwarders through drawn traces, a million packets: `make differential`.

    make differential                              goes on where the last one stopped
    make differential ARGS="--packets 20000 --fresh"    a slice, from the beginning
    make differential ARGS="--seed 17"             one trace again

Each seed is one trace (`support.trace`); what was compared is kept in
`.differential/`.  A difference is printed with its seed, and the run goes on: the
status says whether there was any.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "protocol"), str(ROOT / "tests")]
KEPT = ROOT / ".differential" / "progress.json"
PACKETS = 1_000_000
SEEDS = 200
SECONDS = 4.0
"""How long one trace is: some 8,000 packets."""


@dataclass(slots=True)
class Progress:
    """Seeds are taken in order from 1; `differing` are those that differed."""

    seeds: int = 0
    packets: int = 0
    differing: list[int] = field(default_factory=list)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential")
    parser.add_argument("--packets", type=int, default=PACKETS, help="at least so many")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="at least so many")
    parser.add_argument("--seed", type=int, help="this one trace, and nothing is kept")
    parser.add_argument("--fresh", action="store_true", help="begin with seed 1")
    return parser.parse_args()


def compare(seed: int) -> tuple[int, str | None]:
    """Packets of one trace, and what differed."""
    from support.both import Both, DifferenceError
    from support.trace import Trace

    trace = Trace(seed, Both)
    try:
        trace.play(SECONDS)
    except DifferenceError as difference:
        return trace.forwarder.packets, str(difference)
    return trace.forwarder.packets, None


def kept(fresh: bool) -> Progress:
    """Where the last run stopped."""
    if fresh or not KEPT.exists():
        return Progress()
    return Progress(**json.loads(KEPT.read_text()))


def keep(progress: Progress) -> None:
    """Note it for the next run; a run that is ended meanwhile leaves the old file."""
    KEPT.parent.mkdir(exist_ok=True)
    written = KEPT.with_suffix(".new")
    written.write_text(json.dumps(asdict(progress)))
    written.replace(KEPT)


def go_on(asked: argparse.Namespace) -> Progress:
    """Trace after trace, until there are enough."""
    progress = kept(asked.fresh)
    while progress.seeds < asked.seeds or progress.packets < asked.packets:
        seed = progress.seeds + 1
        packets, difference = compare(seed)
        progress.seeds = seed
        progress.packets += packets
        if difference is not None:
            progress.differing.append(seed)
            print(f"seed {seed}: {difference}")
        keep(progress)
        print(f"seed {seed}: {progress.packets} packets compared", flush=True)
    return progress


def main() -> int:
    """0 without a difference, 1 with one, 2 without the extension."""
    asked = arguments()
    try:
        from meshnode import _native  # noqa: F401
    except ImportError:
        print("differential: the extension is not built, see `make native`")
        return 2
    if asked.seed is not None:
        packets, difference = compare(asked.seed)
        print(difference or f"seed {asked.seed}: {packets} packets, no difference")
        return 1 if difference else 0
    progress = go_on(asked)
    found = len(progress.differing)
    print(f"{progress.packets} packets of {progress.seeds} traces, {found} differ")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
