"""From an observation to a report: figures, oracle, ancestor, curves, story."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from typing import Any

from meshsim.metrics import figures
from meshsim.metrics.central import central, ratios
from meshsim.observation import Observation
from meshsim.report.model import Report, rounded
from meshsim.report.series import series
from meshsim.report.story import told
from meshsim.violation import EVENTS_MAX

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
        ancestor=figures(seen.ancestor) if seen.ancestor is not None else {},
        parameters=dict(seen.parameters),
        title=seen.title,
        version=version(),
        series=series(seen, best),
        story=told(seen.story, seen.population) if seen.story else None,
        violations=tuple(_violations(seen)),
        run=_run(seen),
    )


def version() -> str:
    """The version of the distribution, `unknown` in a tree that is not installed."""
    try:
        return metadata.version("meshnode")
    except metadata.PackageNotFoundError:
        return "unknown"


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
    }
