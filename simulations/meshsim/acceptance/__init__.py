"""The acceptance table as data: what the mesh must reach, and which runs show it.

A row asks one question, its bars are the figures with their limits; the study's value
beside each is that of an idealised protocol (RFC 0012 section 6).  Runs are grouped so
that one feeds many rows: a node that settled in a tree has also joined it.  A row
without runs of its own holds for every run of every scenario.
"""

from __future__ import annotations

from meshsim.acceptance.bars import Bar, Over, Row, Run, Verdict
from meshsim.acceptance.judge import Judged, Values, judge_all, judge_run
from meshsim.acceptance.rows import PLAN, ROWS

__all__ = [
    "PLAN",
    "ROWS",
    "Bar",
    "Judged",
    "Over",
    "Row",
    "Run",
    "Values",
    "Verdict",
    "judge_all",
    "judge_run",
]
