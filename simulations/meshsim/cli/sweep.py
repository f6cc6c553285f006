"""`meshsim sweep`: a scenario over values of its parameters and over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from rich import box
from rich.markup import escape
from rich.table import Table

from meshsim.cli.terminal import (
    UsageError,
    bar,
    command,
    console,
    overrides,
    seeds,
    tell,
    writable,
)
from meshsim.figures import shown
from meshsim.jobs import Job, grid
from meshsim.pool import run_all
from meshsim.report.model import Report, save_all
from meshsim.scenario import parameter

ABOUT = """\
Run a scenario for every combination of parameter values and every seed, on all
cores here or on a Dask cluster, and print the mean of each figure."""
EXAMPLES = """\
  meshsim sweep settled --over nodes=100,300,1000 --seeds 1..5
  meshsim sweep churn --over churn.0.per_min=0.01,0.05 \\
      --over paths.model=planetlab,cities --scheduler tcp://10.0.0.1:8786
  meshsim sweep deaths --show one.repair_p95_ms --json sweep.json"""
SHOWN = (
    *("served_share", "delay_p50_over_oracle", "excess_p99_ms", "depth_max"),
    *("join_p95_ms", "repair_p50_ms", "repair_500_share", "control_octets_s"),
)

app = command("sweep", ABOUT, EXAMPLES)


@app.default
def sweep(
    scenario: str,
    *,
    over: Annotated[list[str] | None, Parameter(name="--over")] = None,
    seeds_text: Annotated[str, Parameter(name="--seeds")] = "1",
    nodes: int | None = None,
    settings: Annotated[list[str] | None, Parameter(name="--set")] = None,
    show: Annotated[list[str] | None, Parameter(name="--show")] = None,
    json: Path | None = None,
    scheduler: str | None = None,
    jobs: int = 0,
) -> int:
    """Sweep.

    Parameters
    ----------
    scenario
        Name of a scenario or path of a TOML file.
    over
        A parameter and its values: key=a,b,c. Repeatable: all combinations.
    seeds_text
        Seeds of every combination: 1..5 or 1,7.
    nodes
        Nodes in the mesh, instead of the scenario's.
    settings
        Change a parameter for all runs: key=value. Repeatable.
    show
        Names of the figures to print. Repeatable.
    json
        Write all reports into this file; it grows while the sweep runs.
    scheduler
        Address of a Dask scheduler (extra `cluster`); else all cores here.
    jobs
        Runs at a time on this machine; 0 is one per core.

    """
    writable(json)
    varied = dict(axis(text) for text in over or [])
    wanted = grid(scenario, varied, seeds(seeds_text), overrides(settings or [], nodes))
    for job in wanted:
        job.read()
    reports = _run(wanted, json, scheduler, jobs)
    _print(wanted, reports, list(varied), show or SHOWN)
    if json is not None:
        tell(f"reports: {json}")
    return int(any(report.violations for report in reports))


def axis(text: str) -> tuple[str, list[Any]]:
    """`key=a,b,c` as a key and its values."""
    key, equals, values = text.partition("=")
    if not equals or not values:
        raise UsageError(f"--over {text!r} is not key=a,b,c")
    found = [parameter(f"{key}={value}")[1] for value in values.split(",")]
    return key.strip(), found


def _run(
    wanted: Sequence[Job], json: Path | None, scheduler: str | None, processes: int
) -> list[Report]:
    done: dict[int, Report] = {}
    with bar(f"{len(wanted)} runs") as progress:
        runs = run_all(wanted, scheduler=scheduler, processes=processes)
        for number, report in runs:
            done[number] = report
            progress(len(done) / len(wanted))
            if json is not None:
                save_all(json, [done[n] for n in sorted(done)])
    return [done[n] for n in sorted(done)]


def _print(
    wanted: Sequence[Job],
    reports: Sequence[Report],
    keys: Sequence[str],
    figures: Sequence[str],
) -> None:
    groups: dict[tuple[str, ...], list[Report]] = {}
    for job, report in zip(wanted, reports, strict=True):
        chosen = tuple(str(job.overrides[key]) for key in keys)
        groups.setdefault(chosen, []).append(report)
    seen = [f for f in figures if any(f in report.figures for report in reports)]
    table = Table(pad_edge=False, box=box.SIMPLE)
    for key in keys:
        table.add_column(escape(key))
    for name in ("seeds", *seen):
        table.add_column(escape(name), justify="right")
    for chosen, group in groups.items():
        means = [shown(name, mean(group, name)) for name in seen]
        table.add_row(*map(escape, chosen), str(len(group)), *means)
    console().print(table)


def mean(reports: Sequence[Report], name: str) -> float | None:
    """The mean of a figure over the reports that have it."""
    tables: list[Mapping[str, float | None]] = [report.figures for report in reports]
    values = [v for table in tables if (v := table.get(name)) is not None]
    return sum(values) / len(values) if values else None
