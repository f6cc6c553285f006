"""`meshsim run`: one scenario, or the whole acceptance plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from meshsim.cli.acceptance import run_acceptance
from meshsim.cli.terminal import (
    bar,
    command,
    console,
    overrides,
    seeds,
    tell,
    writable,
)
from meshsim.jobs import Job, run_job
from meshsim.report.build import version
from meshsim.report.model import Report, save
from meshsim.report.page import page
from meshsim.report.table import print_report
from meshsim.violation import Violation, dumps

ABOUT = """\
Run a scenario and print its report; `acceptance` runs every acceptance row.

Exit code 1 if a checker found a broken promise: the run is written to a
violation file for `meshsim replay`."""
EXAMPLES = """\
  meshsim run settled --nodes 100 --seed 2
  meshsim run churn --set churn.0.per_min=0.05 --html churn.html
  meshsim run ./mine.toml --json mine.json"""
ACCEPTANCE = "acceptance"

app = command("run", ABOUT, EXAMPLES)


@app.default
def run(
    scenario: str,
    *,
    nodes: int | None = None,
    seed: str | None = None,
    json: Path | None = None,
    html: Path | None = None,
    elide: bool = True,
    ancestor: bool | None = None,
    settings: Annotated[list[str] | None, Parameter(name="--set")] = None,
    violation: Path = Path("violation.json"),
    resume: Annotated[bool, Parameter(negative="")] = False,
    jobs: int = 0,
) -> int:
    """Run it.

    Parameters
    ----------
    scenario
        Name of a scenario (`meshsim list`), path of a TOML file, or `acceptance`.
    nodes
        Nodes in the mesh, instead of the scenario's.
    seed
        Seed of all chance (1); with `acceptance`, the seeds to run (1..3).
    json
        Write the report to this file.
    html
        Write the report as a page to this file.
    elide
        Sample traffic that changes nothing in closed form; --no-elide runs all of it.
    ancestor
        Run the draft protocol beside ours.
    settings
        Change a parameter of the scenario: key=value, a dotted path. Repeatable.
    violation
        Where to write a broken promise for `meshsim replay`.
    resume
        With `acceptance` and --json: keep the runs that the file already holds.
    jobs
        With `acceptance`: runs at a time; 0 is one per core.

    """
    writable(json)
    writable(html)
    changes = overrides(settings or [], nodes, elide=elide)
    if ancestor is not None:
        changes["ancestor.compare"] = ancestor
    if scenario == ACCEPTANCE:
        chosen = seeds(seed) if seed else None
        return run_acceptance(changes, chosen, json, html, resume=resume, jobs=jobs)
    one = Job(scenario, seeds(seed or "1")[0], changes)
    with bar(one.label) as progress:
        report = run_job(one, progress)
    return finish(one, report, json, html, violation)


def finish(
    job: Job, report: Report, json: Path | None, html: Path | None, violation: Path
) -> int:
    """Print and write a report; the exit code."""
    print_report(report, console())
    if json is not None:
        save(json, report)
        tell(f"report: {json}")
    if html is not None:
        html.write_text(page(report), encoding="utf-8")
        tell(f"page: {html}")
    if not report.violations:
        return 0
    write_violation(violation, job, report.violations[0])
    tell(f"broken promise: meshsim replay {violation}")
    return 1


def write_violation(path: Path, job: Job, told: dict[str, Any] | Any) -> None:
    """Write what `meshsim replay` needs of a violation found in `job`."""
    found = Violation(**{**told, "events": tuple(told["events"])})
    text = dumps(
        replace(
            found,
            scenario=job.scenario,
            seed=job.seed,
            parameters=dict(job.overrides),
            version=version(),
        )
    )
    path.write_text(text, encoding="utf-8")
