"""Old reports against new ones: what changed, and whether it is a regression.

Runs are paired by scenario, seed and parameters.  A figure's own tolerance and slack
(`meshsim.figures`) decide what is noise; a limit of the acceptance table that was met
and is not met any more is a regression however small the change.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from meshsim.acceptance import Verdict
from meshsim.figures import Better, figure_of
from meshsim.report.model import Report


class Change(Enum):
    """What became of a figure."""

    BETTER = "better"
    WORSE = "worse"
    OTHER = "changed"
    GONE = "no longer measured"
    MISSED = "limit now missed"


REGRESSIONS = (Change.WORSE, Change.GONE, Change.MISSED)


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of one pair of runs that is not the same within its tolerance."""

    run: str
    figure: str
    before: float | None
    after: float | None
    change: Change

    @property
    def is_regression(self) -> bool:
        """Whether it should stop a merge."""
        return self.change in REGRESSIONS


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences, and the runs of each side that have no partner."""

    differences: tuple[Difference, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    pairs: int

    @property
    def regressions(self) -> list[Difference]:
        """The differences that should stop a merge."""
        return [each for each in self.differences if each.is_regression]


def compare(
    before: Sequence[Report], after: Sequence[Report], scale: float = 1.0
) -> Comparison:
    """Compare all pairs; `scale` widens every tolerance and slack."""
    old = {report.key: report for report in before}
    new = {report.key: report for report in after}
    both = [key for key in old if key in new]
    found = [d for key in both for d in _differences(old[key], new[key], scale)]
    return Comparison(
        tuple(found),
        tuple(name_of(old[key]) for key in old if key not in new),
        tuple(name_of(new[key]) for key in new if key not in old),
        len(both),
    )


def name_of(report: Report) -> str:
    """A run in one line."""
    changes = " ".join(f"{key}={value}" for key, value in report.parameters.items())
    return f"{report.scenario} seed {report.seed} {changes}".strip()


def _differences(old: Report, new: Report, scale: float) -> Iterator[Difference]:
    run = name_of(old)
    missed = _missed(new) - _missed(old)
    for name, before in old.figures.items():
        after = new.figures.get(name)
        change = _change(name, before, after, scale)
        if name in missed:
            change = Change.MISSED
        if change is not None:
            yield Difference(run, name, before, after, change)


def _missed(report: Report) -> set[str]:
    return {j.bar.figure for j in report.judged() if j.verdict is Verdict.MISSED}


def _change(
    name: str, before: float | None, after: float | None, scale: float
) -> Change | None:
    if before is None or before == after:
        return None
    if after is None:
        return Change.GONE
    figure = figure_of(name)
    allowed = scale * max(figure.slack, figure.tolerance * _size(before))
    if _finite(before, after) and abs(after - before) <= allowed:
        return None
    if figure.better is Better.NEITHER:
        return Change.OTHER
    higher = after > before
    return Change.BETTER if higher == (figure.better is Better.HIGHER) else Change.WORSE


def _size(value: float) -> float:
    return abs(value) if math.isfinite(value) else 0.0


def _finite(*values: float) -> bool:
    return all(math.isfinite(value) for value in values)
