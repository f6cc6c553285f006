"""`meshsim compare`: what changed between two files of reports."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.markup import escape
from rich.table import Table

from meshsim.cli.terminal import UsageError, command, console
from meshsim.comparison import Change, Comparison, compare
from meshsim.figures import figure_of, shown
from meshsim.report.model import load

ABOUT = """\
Compare reports with a baseline: print what changed beyond its tolerance.

Exit code 1 on a regression: a figure that got worse, is no longer measured, or
misses a limit of the acceptance table that it met before."""

app = command("compare", ABOUT, "  meshsim compare baselines/settled.json new.json")
COLOURS = {Change.BETTER: "green", Change.OTHER: "dim"}


@app.default
def compare_files(base: Path, new: Path, *, tolerance: float = 1.0) -> int:
    """Compare.

    Parameters
    ----------
    base
        The file with the reports to compare with.
    new
        The file with the new reports.
    tolerance
        Widen (or narrow) what counts as noise: a factor.

    """
    found = compare(load(base), load(new), tolerance)
    if not found.pairs:
        raise UsageError(f"{base} and {new} have no run in common")
    print_comparison(found)
    return int(bool(found.regressions))


def print_comparison(found: Comparison) -> None:
    """Print what changed and what has no partner."""
    out = console()
    if found.differences:
        table = Table(pad_edge=False, box=box.SIMPLE)
        table.add_column("run")
        table.add_column("figure")
        table.add_column("before", justify="right")
        table.add_column("after", justify="right")
        table.add_column()
        for each in found.differences:
            colour = COLOURS.get(each.change, "bold red")
            table.add_row(
                escape(each.run),
                escape(figure_of(each.figure).title),
                shown(each.figure, each.before),
                shown(each.figure, each.after),
                f"[{colour}]{each.change.value}[/]",
            )
        out.print(table)
    for side, names in (("base", found.only_before), ("new", found.only_after)):
        for name in names:
            out.print(f"only in {side}: {name}", highlight=False, markup=False)
    better = sum(each.change is Change.BETTER for each in found.differences)
    said = f"{found.pairs} runs compared: {len(found.regressions)} regressions,"
    out.print(f"{said} {better} figures better", highlight=False)
