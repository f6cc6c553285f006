"""The report on a terminal: limits and verdicts first, then every other figure."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from meshsim.acceptance import Judged, Verdict
from meshsim.figures import figure_of, shown
from meshsim.report.model import Report
from meshsim.report.words import sentences, verdict_line

COLOURS = {
    Verdict.AIM: "green",
    Verdict.MET: "green",
    Verdict.MISSED: "bold red",
    Verdict.UNSEEN: "dim",
}


def print_report(report: Report, console: Console) -> None:
    """Everything a person wants to know of one run."""
    console.print()
    for sentence in sentences(report):
        console.print(escape(sentence), highlight=False)
    console.print()
    judged = report.judged()
    if any(each.verdict is not Verdict.UNSEEN for each in judged):
        console.print(judged_table(judged, report))
    console.print(figures_table(report))
    for violation in report.violations:
        text = f"{violation['checker']}: {violation['message']}"
        console.print(f"[bold red]broken[/]  {escape(text)}", highlight=False)
    console.print(_size(report), highlight=False)
    console.print(escape(verdict_line(judged)), highlight=False)


def judged_table(judged: list[Judged], report: Report | None = None) -> Table:
    """Limits and verdicts; of one report with its oracle and ancestor beside ours."""
    table = Table(
        title="acceptance", title_justify="left", pad_edge=False, box=box.SIMPLE
    )
    for name in ("figure", "here", "accept", "aim", "study"):
        table.add_column(name, justify="left" if name == "figure" else "right")
    if report is not None:
        table.add_column("oracle", justify="right")
        table.add_column("ancestor", justify="right")
    else:
        table.add_column("runs", justify="right")
    table.add_column("verdict")
    for each in judged:
        table.add_row(*_judged_row(each, report))
    return table


def _judged_row(each: Judged, report: Report | None) -> list[str]:
    bar = each.bar
    name = bar.figure
    sign = ">=" if bar.wants_more else "<="
    aim = "" if bar.aim is None else shown(name, bar.aim)
    value = shown(name, each.value)
    row = [
        escape(figure_of(name).title if report else f"{each.row.key}: {name}"),
        value if report else f"{value} ({bar.over.value})",
        f"{sign} {shown(name, bar.accept)}",
        aim,
        escape(bar.study),
    ]
    if report is not None:
        row += [shown(name, report.oracle.get(name))]
        row += [shown(name, report.ancestor.get(name))]
    else:
        row += [str(each.runs)]
    return [*row, f"[{COLOURS[each.verdict]}]{each.verdict.value}[/]"]


def figures_table(report: Report) -> Table:
    """Every figure that was measured, beside the oracle's and the ancestor's."""
    table = Table(
        title="all figures", title_justify="left", pad_edge=False, box=box.SIMPLE
    )
    table.add_column("figure")
    for name in ("here", "oracle", "ancestor"):
        table.add_column(name, justify="right")
    for name, value in report.figures.items():
        if value is None:
            continue
        columns = (value, report.oracle.get(name), report.ancestor.get(name))
        title = escape(figure_of(name).title)
        table.add_row(title, *(shown(name, column) for column in columns))
    return table


def _size(report: Report) -> str:
    run = report.run
    if not run:
        return ""
    gib = float(run["memory_bytes"]) / 2**30
    return (
        f"seed {report.seed}, {run['simulated_s']:,.0f} s simulated in"
        f" {run['wall_s']:.1f} s, {run['events']:,} events, {gib:.2f} GiB"
    )


def cost_line(reports: Sequence[Report]) -> str:
    """What many runs cost together."""
    minutes = sum(float(report.run.get("wall_s", 0)) for report in reports) / 60
    most = max((int(r.run.get("memory_bytes", 0)) for r in reports), default=0)
    return f"{len(reports)} runs, {minutes:.1f} minutes of work, {most / 2**30:.2f} GiB"
