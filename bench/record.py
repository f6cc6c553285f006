"""What a part measured, as JSON beside the table: every repeat, and the machine."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench import ROOT, measure
from bench.cost import Cost
from bench.shapes import Shape

FOLDER = ROOT / ".bench"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: microseconds per packet of each repeat, by column."""

    shape: str
    viewers: int
    us: dict[str, list[float]]
    lost: dict[str, list[float]]

    def median_us(self, column: str) -> float:
        """Of the repeats of one column."""
        return median(self.us[column])


@dataclass(slots=True)
class Record:
    """The rows of a part, and facts that are no row."""

    part: str
    machine: dict[str, str] = field(default_factory=measure.machine)
    rows: list[Row] = field(default_factory=list)
    facts: dict[str, object] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return FOLDER / f"{self.part}.json"

    def add(self, shape: Shape, viewers: int, runs: dict[str, list[Cost]]) -> None:
        """One more row."""
        us = {
            name: [cost.us_per_packet for cost in each] for name, each in runs.items()
        }
        lost = {name: [cost.lost for cost in each] for name, each in runs.items()}
        self.rows.append(Row(shape.name, viewers, us, lost))

    def series(self, column: str) -> dict[str, list[tuple[int, float]]]:
        """(viewers, median microseconds) of a column, by shape."""
        found: dict[str, list[tuple[int, float]]] = {}
        for row in self.rows:
            if column in row.us:
                point = (row.viewers, row.median_us(column))
                found.setdefault(row.shape, []).append(point)
        return found

    def write(self) -> None:
        """Keep it."""
        FOLDER.mkdir(exist_ok=True)
        told = {
            "part": self.part,
            "machine": self.machine,
            "rows": [
                {
                    "shape": row.shape,
                    "viewers": row.viewers,
                    "us_per_packet": row.us,
                    "lost": row.lost,
                }
                for row in self.rows
            ],
            "facts": self.facts,
        }
        self.path.write_text(json.dumps(told, indent=1) + "\n")
