"""One run as a job: a scenario, changes to it, a seed; its answer is a report.

Jobs are plain values, so the same one runs here, in a process beside, or on a machine
of a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from meshsim.ancestor_run import observe
from meshsim.observation import Observation
from meshsim.report.build import build
from meshsim.report.model import Report
from meshsim.scenario import Scenario, load

Progress = Callable[[float], None]
"""Told the share of the run that is done, 0 to 1."""
Simulate = Callable[[Scenario, int, Progress | None], Observation]
Work = Callable[["Job"], Report]

SHOWN = ("nodes", "duration_s", "paths.model")
"""Parameters that every report gives under names of its own."""


@dataclass(frozen=True, slots=True)
class Job:
    """A scenario by name or path, overridden by dotted paths, and a seed."""

    scenario: str
    seed: int
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The job in one line."""
        changes = " ".join(f"{key}={value}" for key, value in self.overrides.items())
        return f"{self.scenario} {changes} seed {self.seed}".replace("  ", " ")

    def read(self) -> Scenario:
        """The scenario with the changes; raises `ScenarioError`."""
        return load(self.scenario, self.overrides)


def run_job(
    job: Job, progress: Progress | None = None, simulator: Simulate | None = None
) -> Report:
    """Run it to the end; raises `ScenarioError` if it cannot be."""
    scenario = job.read()
    seen = (simulator or _brain())(scenario, job.seed, progress)
    if scenario.ancestor.compare and seen.ancestor is None:
        seen.ancestor = observe(scenario, job.seed)
    told = parameters(scenario, job.overrides) | dict(seen.parameters)
    seen.parameters = told
    seen.title = seen.title or scenario.title
    return build(seen)


def _brain() -> Simulate:
    """The real one, imported late: `list` and `compare` do without the mesh."""
    from meshsim.run import simulate  # noqa: PLC0415

    return simulate


def run_bare(job: Job) -> Report:
    """The same for sweeps: without curves and story, which nobody would look at."""
    return run_job(job).bare()


def parameters(scenario: Scenario, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """What a reader of the report must know: size, model, and every change."""
    return {
        "nodes": scenario.nodes,
        "model": scenario.paths.model,
        "duration_s": scenario.duration_s,
        **{key: value for key, value in overrides.items() if key not in SHOWN},
    }


def grid(
    scenario: str,
    over: Mapping[str, list[Any]],
    seeds: list[int],
    fixed: Mapping[str, Any],
) -> list[Job]:
    """A job for every combination of values and every seed, seeds varying fastest."""
    return [
        Job(scenario, seed, {**fixed, **dict(zip(over, chosen, strict=True))})
        for chosen in product(*over.values())
        for seed in seeds
    ]
