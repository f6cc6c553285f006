"""Verdicts: one run against the rows it feeds, many runs against the whole table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from meshsim.acceptance.bars import Bar, Over, Row, Verdict
from meshsim.acceptance.rows import ROWS

Values = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Judged:
    """A bar and what the runs said: the values that count, and the verdict.

    `worst` is the least acceptable single value, `mean` that of all; which of the two
    was judged is the bar's `over`.
    """

    row: Row
    bar: Bar
    worst: float | None
    mean: float | None
    runs: int
    verdict: Verdict

    @property
    def value(self) -> float | None:
        """The value that was judged."""
        return self.worst if self.bar.over is Over.EVERY else self.mean


def bars_for(scenario: str, nodes: int) -> list[tuple[Row, Bar]]:
    """The rows and bars that a run of `scenario` with so many nodes feeds."""
    return [
        (row, bar)
        for row in ROWS
        if row.judges(scenario)
        for bar in row.bars
        if bar.nodes[0] <= nodes <= bar.nodes[1]
    ]


def judge_run(scenario: str, nodes: int, values: Values) -> list[Judged]:
    """The verdicts on one run; limits on means are left to `judge_all`."""
    found = []
    for row, bar in bars_for(scenario, nodes):
        if bar.over is Over.EVERY:
            value = values.get(bar.figure)
            runs = int(value is not None)
            found.append(Judged(row, bar, value, value, runs, bar.judge(value)))
    return found


def judge_all(runs: list[tuple[str, int, Values]]) -> list[Judged]:
    """The whole table over (scenario, nodes, figures) of many runs, in its order."""
    found = []
    for row in ROWS:
        for bar in row.bars:
            values = [
                value
                for scenario, nodes, figures in runs
                if row.judges(scenario) and bar.nodes[0] <= nodes <= bar.nodes[1]
                if (value := figures.get(bar.figure)) is not None
            ]
            found.append(_judged(row, bar, values))
    return found


def _judged(row: Row, bar: Bar, values: list[float]) -> Judged:
    if not values:
        return Judged(row, bar, None, None, 0, Verdict.UNSEEN)
    worst, mean = bar.worst(values), math.fsum(values) / len(values)
    judged = bar.judge(worst if bar.over is Over.EVERY else mean)
    return Judged(row, bar, worst, mean, len(values), judged)
