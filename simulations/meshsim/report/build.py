"""From an observation to a report: figures, oracle, ancestor, curves, story."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from hashlib import blake2b
from importlib import metadata
from pathlib import Path
from typing import Any

import meshproto
from meshsim.figures import LABELS
from meshsim.metrics import figures
from meshsim.metrics.basis import Table
from meshsim.metrics.central import central, ratios
from meshsim.observation import Observation
from meshsim.report.model import Report, rounded
from meshsim.report.series import series
from meshsim.report.story import told
from meshsim.violation import EVENTS_MAX

NO_NOTION = frozenset(
    {
        *("over_cap", "over_burst", "violations", "tree_loops", "asks_peak"),
        *("moves_per_node_h", "false_moves_per_node_h", "reassignments_per_node_h"),
        *(f"{label}.asks_peak" for label in LABELS),
    }
)
"""What the draft does not know: slots, moves, joins, one active parent."""
VIOLATIONS_MAX = 20
"""Violations told in a report; the figure counts them all."""


def build(seen: Observation, *, oracle: bool = True) -> Report:
    """The report of a run; without `oracle` that column is empty, which saves time."""
    best = central(seen) if oracle else None
    ours = figures(seen)
    theirs = best.figures() if best else {}
    return Report(
        scenario=seen.scenario,
        seed=seen.seed,
        figures=ours | ratios(ours, theirs),
        oracle=theirs,
        ancestor=_old(seen.ancestor) if seen.ancestor is not None else {},
        parameters=dict(seen.parameters),
        title=seen.title,
        version=version(),
        series=series(seen, best),
        story=told(seen.story, seen.population) if seen.story else None,
        violations=tuple(_violations(seen)),
        run=_run(seen),
    )


def _old(seen: Observation) -> Table:
    """The ancestor's figures, without zeros of what it has no notion of."""
    return {name: v for name, v in figures(seen).items() if name not in NO_NOTION}


def version() -> str:
    """The version of the distribution, `unknown` in a tree that is not installed."""
    try:
        return metadata.version("meshnode")
    except metadata.PackageNotFoundError:
        return "unknown"


@cache
def code() -> str:
    """A hash of all that decides a run: protocol, simulator, scenarios."""
    home = Path(__file__).parents[1]
    copied = home / "CODE"  # beside a compiled copy, whose sources are a little changed
    if copied.exists():
        return copied.read_text(encoding="ascii").strip()
    digest = blake2b(digest_size=8)
    for package in (Path(str(meshproto.__file__)).parent, home):
        for path in sorted(package.rglob("*")):
            if path.suffix in {".py", ".toml"}:
                digest.update(path.relative_to(package).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _violations(seen: Observation) -> list[Mapping[str, Any]]:
    told_ones = [asdict(violation) for violation in seen.violations[:VIOLATIONS_MAX]]
    return [
        violation | {"events": list(violation["events"][-EVENTS_MAX:])}
        for violation in told_ones
    ]


def _run(seen: Observation) -> Mapping[str, Any]:
    return {
        "simulated_s": rounded(seen.simulated_s),
        "wall_s": rounded(seen.wall_s),
        "memory_bytes": seen.memory_bytes,
        "events": seen.events,
        "log_hash": seen.log_hash,
        "python": platform.python_version(),
        "code": code(),
    }
