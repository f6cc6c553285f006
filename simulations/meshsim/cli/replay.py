"""`meshsim replay`: see a broken promise again.

The file names scenario, parameters and seed; the run is repeated, and found again means
the same checker, the same instant and the same message.
"""

from __future__ import annotations

from pathlib import Path

from meshsim.cli.run import finish
from meshsim.cli.terminal import bar, command, console, tell
from meshsim.jobs import Job, run_job
from meshsim.report.build import version
from meshsim.report.model import Report
from meshsim.violation import Violation, load

ABOUT = """\
Run a violation file again and say whether the same promise breaks.

Exit code 0 if it does, 1 if the run went another way (another version?)."""

app = command("replay", ABOUT, "  meshsim replay violation.json")


@app.default
def replay(file: Path, *, html: Path | None = None) -> int:
    """Replay.

    Parameters
    ----------
    file
        A violation file, as `meshsim run` writes it.
    html
        Write the report of the run as a page to this file.

    """
    wanted = load(file)
    out = console()
    out.print(str(wanted), markup=False, highlight=False)
    for line in wanted.events:
        out.print(f"  {line}", markup=False, highlight=False)
    if wanted.version != version():
        tell(f"meshsim: the file is of version {wanted.version}, this is {version()}")
    job = Job(wanted.scenario, wanted.seed, wanted.parameters)
    with bar(job.label) as progress:
        report = run_job(job, progress)
    if html is not None:
        finish(job, report, None, html, file)
    again = any(same(wanted, told) for told in report.violations)
    out.print(_said(report, again=again), markup=False, highlight=False)
    return 0 if again else 1


def same(wanted: Violation, told: object) -> bool:
    """Whether a violation of a report is the one that is looked for."""
    assert isinstance(told, dict)
    return wanted.same_as(Violation(**{**told, "events": ()}))


def _said(report: Report, *, again: bool) -> str:
    if again:
        return "the same promise broke at the same instant"
    if report.violations:
        return "promises broke, but not this one"
    return "no promise broke"
