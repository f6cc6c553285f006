"""The report on a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from meshsim.acceptance import judge_all
from meshsim.report.model import Report
from meshsim.report.table import cost_line, judged_table, print_report
from support.reports import report


def printed(made: Report) -> str:
    console = Console(file=io.StringIO(), width=160)
    print_report(made, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def row(text: str, title: str) -> str:
    return next(line for line in text.splitlines() if title in line)


def test_limits_stand_beside_oracle_and_ancestor() -> None:
    line = row(printed(report(excess_p99_ms=99.0)), "over the direct path, p99")
    assert line.split()[6:10] == ["99", "ms", "<=", "45"]
    assert line.rstrip().endswith("missed")


def test_a_floor_has_the_other_sign() -> None:
    assert ">= 100.00 %" in row(printed(report()), "subscribers served")


def test_every_figure_is_there_with_its_unit() -> None:
    text = printed(report())
    assert "40 B/s" in row(text, "control per node: routing")
    assert "700 s simulated in 3.5 s, 123,456 events" in text


def test_broken_promises_are_shown() -> None:
    assert "duplicate: node 3 gave packet 9" in printed(report(broken=True))


def test_names_are_not_taken_for_markup() -> None:
    made = report()
    text = printed(Report("x", 1, {"[red]odd": 1.0}, title="[bold]t", run=made.run))
    assert "[red]odd" in text


def test_many_runs_show_how_they_were_judged() -> None:
    made = report()
    judged = judge_all([("settled", 40, made.figures)] * 3)
    console = Console(file=io.StringIO(), width=200)
    console.print(judged_table(judged))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    lines = [line for line in text.splitlines() if "delay-p50:" in line]
    assert ["(every run)" in line for line in lines] == [True, False]
    assert "(mean of the runs)" in lines[1]
    assert cost_line([made, made]).startswith("2 runs, 0.1 minutes of work")
