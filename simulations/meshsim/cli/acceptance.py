"""`meshsim run acceptance`: the whole plan, and the table of verdicts over all runs.

Hours of work: runs go to all cores, the file is brought up to date after each, and
`--resume` goes on where an earlier call was stopped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from meshsim.acceptance import PLAN, Judged, Verdict, judge_all
from meshsim.cli.terminal import UsageError, bar, console, tell
from meshsim.jobs import Job, Work, parameters, run_bare
from meshsim.pool import run_all
from meshsim.report.build import version
from meshsim.report.model import Report, load, save_all
from meshsim.report.summary import summary_page
from meshsim.report.table import cost_line, judged_table


def plan(changes: Mapping[str, Any], seeds: Sequence[int] | None) -> list[Job]:
    """The jobs of the plan; `seeds` instead of its own, but for the large run.

    Every row once before any twice, for hours may end early; the large run at the end.
    """
    found = []
    for place, run in enumerate(PLAN):
        single = len(run.seeds) == 1
        wanted = run.seeds if seeds is None or single else tuple(seeds)
        found += [
            ((single, turn, column, place), Job(run.scenario, seed, changed))
            for column, model in enumerate(run.models)
            for turn, seed in enumerate(wanted)
            for changed in [{"paths.model": model, **changes}]
        ]
    return [job for _, job in sorted(found, key=lambda entry: entry[0])]


def judge(reports: Sequence[Report]) -> list[Judged]:
    """The table over all reports."""
    return judge_all([(r.scenario, r.nodes, r.figures) for r in reports])


def run_acceptance(
    changes: Mapping[str, Any],
    seeds: Sequence[int] | None,
    json: Path | None,
    html: Path | None,
    *,
    resume: bool = False,
    jobs: int = 0,
    work: Work = run_bare,
) -> int:
    """Run what is missing, print the table; 1 if a limit was missed."""
    if resume and json is None:
        raise UsageError("--resume needs --json, the file to go on with")
    wanted = plan(changes, seeds)
    done = _done(json, wanted) if resume and json is not None else {}
    missing = [job for job in wanted if job.label not in done]
    for job in missing:
        job.read()
    with bar(f"{len(missing)} runs") as progress:
        for number, report in run_all(missing, work, processes=jobs):
            done[missing[number].label] = report
            progress(len(done) / len(wanted))
            if json is not None:
                save_all(json, done.values(), judge(list(done.values())))
    return _finish(list(done.values()), json, html)


def _done(path: Path, wanted: Sequence[Job]) -> dict[str, Report]:
    """Reports of this version in the file, by the label of the job that made them."""
    known = load(path) if path.exists() else []
    found: dict[str, Report] = {}
    for job in wanted:
        for report in known:
            if report.version == version() and is_of(report, job):
                found[job.label] = report
    return found


def is_of(report: Report, job: Job) -> bool:
    """Whether a report came from such a job: scenario, seed and every parameter."""
    scenario = job.read()
    told = parameters(scenario, job.overrides)
    same = (report.scenario, report.seed) == (scenario.name, job.seed)
    return same and all(report.parameters.get(k) == v for k, v in told.items())


def _finish(reports: list[Report], json: Path | None, html: Path | None) -> int:
    judged = judge(reports)
    out = console()
    out.print(judged_table(judged))
    out.print(cost_line(reports), highlight=False)
    if json is not None:
        save_all(json, reports, judged)
        tell(f"reports: {json}")
    if html is not None:
        html.write_text(summary_page(judged, reports), encoding="utf-8")
        tell(f"page: {html}")
    return int(any(each.verdict is Verdict.MISSED for each in judged))
