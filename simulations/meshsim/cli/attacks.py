"""`meshsim attacks`: the published attacks on gossip, and what became of them."""

from __future__ import annotations

import json as text
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich import box
from rich.markup import escape
from rich.table import Table

from meshsim.attacks import limits, trial
from meshsim.attacks.outcome import Outcome
from meshsim.attacks.profile import Scoring
from meshsim.attacks.setups import BASELINE, SETUPS
from meshsim.attacks.trial import SCALE, Trial
from meshsim.cli.terminal import bar, command, console, tell, writable
from meshsim.pool import on_cores
from meshsim.report.build import version

ABOUT = """\
Run the twelve published attacks on GossipSub against our router, the baseline
beside them, and print what was delivered, how late, and who held the meshes.

Exit code 1 if a limit of RFC 0008 section 8.1 is missed."""
EXAMPLES = """\
  meshsim attacks
  meshsim attacks dawn covert-flash --scores off
  meshsim attacks --scale 10 --seed 2 --json attacks.json"""
COLUMNS = (
    *("sybils", "delivered", "missed", "max ms", "p50 ms", "p99 ms"),
    *("mesh", "score", "kB/s", "verdict"),
)
Side = Literal["left", "right"]

app = command("attacks", ABOUT, EXAMPLES)


@app.default
def attacks(
    *names: str,
    scale: int = SCALE,
    seed: int = 1,
    scores: Annotated[Scoring, Parameter(name="--scores")] = Scoring.SETUP,
    json: Path | None = None,
    jobs: int = 0,
) -> int:
    """Run them.

    Parameters
    ----------
    names
        Attacks to run, instead of all twelve.
    scale
        By what to divide the 1,000 honest nodes.
    seed
        Seed of all chance.
    scores
        Whose scores honest nodes use: those of the set-up, ours, or none (off).
    json
        Write all figures to this file.
    jobs
        Runs at a time; 0 is one per core.

    """
    writable(json)
    chosen = dict.fromkeys((BASELINE, *(names or SETUPS)))
    trials = [Trial(name, scale, seed, scores) for name in chosen]
    for each in trials:
        trial.check(each)
    seen = run_all(trials, jobs)
    console().print(table(seen))
    if json is not None:
        save(json, seen)
        tell(f"figures: {json}")
    return int(any(limits.missed(each) for each in seen))


def run_all(trials: Sequence[Trial], jobs: int) -> list[Outcome]:
    """Run the trials, on all cores; outcomes in the order of the trials."""
    done: dict[int, Outcome] = {}
    with bar(f"{len(trials)} runs") as progress:
        for number, seen in on_cores(trials, trial.run, jobs):
            done[number] = seen
            progress(len(done) / len(trials))
    return [done[number] for number in sorted(done)]


def table(seen: Sequence[Outcome]) -> Table:
    """One line for each run, the baseline first."""
    caption = "p50, p99: settled; mesh: their share of it, peak and end; score: theirs"
    made = Table(pad_edge=False, box=box.SIMPLE, caption=caption)
    made.add_column("attack", no_wrap=True)
    for name in COLUMNS:
        side: Side = "left" if name == "verdict" else "right"
        made.add_column(name, justify=side, no_wrap=True)
    for each in seen:
        made.add_row(*row(each))
    return made


def row(each: Outcome) -> list[str]:
    """The figures of a run, as people read them."""
    lost = limits.missed(each)
    verdict = f"[bold red]{escape(', '.join(lost))}[/]" if lost else "[green]met[/]"
    return [
        escape(each.attack),
        f"{each.sybils:,}",
        f"{100 * each.delivered:.2f} %",
        f"{100 * each.missed:.1f} %",
        f"{1e3 * each.max_s:,.0f}",
        f"{1e3 * each.settled_p50_s:.0f}",
        f"{1e3 * each.settled_p99_s:,.0f}",
        f"{100 * each.mesh_peak:.0f}, {100 * each.mesh_end:.0f} %",
        f"{each.sybil_score:.1f}" if each.sybils else "-",
        f"{each.octets_per_s / 1e3:.0f}",
        verdict,
    ]


def save(path: Path, seen: Sequence[Outcome]) -> None:
    """Write figures and verdicts, the baseline first."""
    runs = [{**asdict(each), "limits_missed": limits.missed(each)} for each in seen]
    found = {"version": version(), "runs": runs}
    path.write_text(text.dumps(found, indent=1) + "\n", encoding="utf-8")
