"""Storms without end: a million topology events, kept count of (RFC 0012 section 6.4).

    python -m meshsim.storms                     goes on where the last one stopped
    python -m meshsim.storms --until 20000 --fresh    a slice, nothing is kept

Every batch has a seed of its own and is two storms: one over routers alone (`storm`),
a few thousand events, and one over whole brains with trees (`tree_storm`), a hundred.
The total is kept beside the other baselines, by kind of storm and by size of graph.
The first violation ends it, with the command that shows it again.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path

from meshsim import storm
from meshsim.tree_storm import TreeStorm

SCHEMA = "meshsim/storm/1"
UNTIL = 1_000_000
ROUTER_EVENTS = 4_000
BRAIN_EVENTS = 100
SMALL_MAX, LARGE_MIN, LARGE_MAX = 60, 100, 200
BRAINS_LARGE_MAX = 120
LARGE_EVERY = 8
"""One batch in so many is on a graph of 100 nodes and more: an eighth of all events."""


@dataclass(slots=True)
class Total:
    """What was done so far: events by kind of storm, and those on large graphs."""

    batches: int = 0
    routers: int = 0
    brains: int = 0
    large: int = 0
    inputs: int = 0
    checks: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)

    @property
    def events(self) -> int:
        """All topology events."""
        return self.routers + self.brains


def baseline() -> Path:
    """Where the total is kept."""
    return Path(str(files("meshsim").joinpath("baselines", "storm.json")))


def read(path: Path) -> Total:
    """The total so far, an empty one without a file."""
    if not path.exists():
        return Total()
    value = json.loads(path.read_text(encoding="utf-8"))
    if value.pop("schema", None) != SCHEMA:
        raise ValueError(f"{path} is no total of storms")
    value.pop("events", None)
    return Total(**value)


def write(path: Path, total: Total) -> None:
    """Keep the total."""
    path.parent.mkdir(exist_ok=True)
    value = {"schema": SCHEMA, "events": total.events, **asdict(total)}
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def sizes(seed: int) -> tuple[int, int]:
    """How many routers and how many brains the batch `seed` has."""
    chance = random.Random(f"storms/{seed}")  # noqa: S311
    if seed % LARGE_EVERY == LARGE_EVERY - 1:
        return (
            chance.randint(LARGE_MIN, LARGE_MAX),
            chance.randint(LARGE_MIN, BRAINS_LARGE_MAX),
        )
    return chance.randint(5, LARGE_MIN - 1), chance.randint(5, SMALL_MAX)


def batch(total: Total, seed: int, routers: int, brains: int) -> str:
    """Do one batch of so many events; the violation found, empty without."""
    many, few = sizes(seed)
    if routers:
        counts = storm.run(seed, many, routers)
        total.routers += counts.events
        total.inputs += counts.inputs
        total.checks += counts.walks
        if many >= LARGE_MIN:
            total.large += counts.events
        if counts.violations:
            again = f"meshsim.storm --seed {seed} --nodes {many} --events {routers}"
            return f"{counts.first}\npython -m {again}"
    if brains:
        done = TreeStorm(seed, few).play(brains)
        total.brains += done.events
        total.inputs += done.inputs
        total.checks += done.checks
        if few >= LARGE_MIN:
            total.large += done.events
        for kind, count in done.by_kind.items():
            total.by_kind[kind] = total.by_kind.get(kind, 0) + count
        if done.broken:
            again = f"meshsim.tree_storm --seed {seed} --nodes {few} --events {brains}"
            return f"{done.broken[0]}\npython -m {again}"
    total.batches += 1
    return ""


def go_on(
    total: Total, until: int, kept: Callable[[Total], object], first_seed: int = 0
) -> str:
    """Batches until so many events are done; `kept(total)` is called after each."""
    while total.events < until:
        left = until - total.events
        brains = min(BRAIN_EVENTS, max(1, left // 10))
        routers = min(ROUTER_EVENTS, max(0, left - brains))
        broken = batch(total, first_seed + total.batches, routers, brains)
        if broken:
            return broken
        kept(total)
    return ""


def main() -> int:
    """Go on; 1 if a promise broke."""
    parser = argparse.ArgumentParser(description="storms of topology events")
    parser.add_argument("--until", type=int, default=UNTIL)
    parser.add_argument("--fresh", action="store_true", help="keep no total")
    parser.add_argument("--seed", type=int, default=0, help="first seed")
    arguments = parser.parse_args()
    path = baseline()
    total = Total() if arguments.fresh else read(path)

    def kept(total: Total) -> None:
        if not arguments.fresh:
            write(path, total)
        sys.stdout.write(f"\r{total.events:,} events, {total.large:,} on large graphs")
        sys.stdout.flush()

    broken = go_on(total, arguments.until, kept, arguments.seed)
    sys.stdout.write(f"\n{broken or 'no promise broke'}\n")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
