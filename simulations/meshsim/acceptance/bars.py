"""Limits: what a figure must reach, what we hope for, and how a value is judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from meshsim.figures import Better, figure_of


class Over(Enum):
    """Whether a limit binds every single run or their mean."""

    EVERY = "every run"
    MEAN = "mean of the runs"


class Verdict(Enum):
    """What became of a limit."""

    AIM = "aim reached"
    MET = "met"
    MISSED = "missed"
    UNSEEN = "not measured"


@dataclass(frozen=True, slots=True)
class Bar:
    """One figure's limit; its direction is the figure's own (`meshsim.figures`).

    `nodes` bounds the sizes of mesh for which the limit is meant, both included.
    """

    figure: str
    accept: float
    aim: float | None = None
    study: str = ""
    over: Over = Over.EVERY
    nodes: tuple[int, float] = (0, math.inf)

    def judge(self, value: float | None) -> Verdict:
        """The verdict on one value."""
        if value is None:
            return Verdict.UNSEEN
        if not self._within(value, self.accept):
            return Verdict.MISSED
        if self.aim is not None and self._within(value, self.aim):
            return Verdict.AIM
        return Verdict.MET

    def worst(self, values: list[float]) -> float:
        """The value that is hardest to accept."""
        return min(values) if self.wants_more else max(values)

    @property
    def wants_more(self) -> bool:
        """Whether the limit is a floor."""
        return figure_of(self.figure).better is Better.HIGHER

    def _within(self, value: float, limit: float) -> bool:
        return value >= limit if self.wants_more else value <= limit


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: a title, its bars, and the scenarios that feed it."""

    key: str
    title: str
    bars: tuple[Bar, ...]
    runs: tuple[str, ...] = ()

    def judges(self, scenario: str) -> bool:
        """Whether runs of `scenario` feed the row."""
        return not self.runs or scenario in self.runs


@dataclass(frozen=True, slots=True)
class Run:
    """A scenario of the acceptance plan, once per model and seed."""

    scenario: str
    models: tuple[str, ...]
    seeds: tuple[int, ...]
