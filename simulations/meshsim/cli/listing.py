"""`meshsim list`: the scenarios that come with it."""

from __future__ import annotations

from rich import box
from rich.markup import escape
from rich.table import Table

from meshsim.acceptance import PLAN
from meshsim.cli.terminal import command, console
from meshsim.figures import number
from meshsim.scenario import load, names

app = command("list", "List the scenarios that come with meshsim.")


@app.default
def list_scenarios() -> int:
    """Print name, size, length and title of each."""
    planned = {run.scenario for run in PLAN}
    table = Table(pad_edge=False, box=box.SIMPLE)
    table.add_column("scenario")
    table.add_column("nodes", justify="right")
    table.add_column("minutes", justify="right")
    table.add_column("what it shows")
    for name in names():
        scenario = load(name)
        feeds = " [dim](acceptance)[/]" if name in planned else ""
        minutes = number(round(scenario.duration_s / 60, 1))
        title = f"{escape(scenario.title)}{feeds}"
        table.add_row(escape(name), f"{scenario.nodes:,}", minutes, title)
    console().print(table)
    return 0
