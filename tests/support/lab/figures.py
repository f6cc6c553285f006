"""What a run found out: percentiles, a table for people, JSON for the next program."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.measure import machine

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / ".lab"
PERCENTILES = (50, 95, 99)


def count(name: str, usual: int) -> int:
    """How often something is repeated: `MESHNODE_LAB_<NAME>`, or as usual.

    `MESHNODE_LAB_SLICE` caps them all, for a quick look in CI.
    """
    wanted = size(name, usual)
    return min(wanted, int(os.environ.get("MESHNODE_LAB_SLICE", wanted)))


def size(name: str, usual: int) -> int:
    """How large something is: `MESHNODE_LAB_<NAME>`, or as usual; never capped."""
    return int(os.environ.get(f"MESHNODE_LAB_{name.upper()}", usual))


def is_slice() -> bool:
    """Whether this is only a quick look."""
    return "MESHNODE_LAB_SLICE" in os.environ


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed; NaN without values."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100), 1) - 1]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Count, p50, p95, p99 and the largest."""
    found = {f"p{p}": round(percentile(values, p), 1) for p in PERCENTILES}
    largest = round(max(values), 1) if values else float("nan")
    return {"n": len(values), **found, "max": largest}


class Report:
    """The figures of one run, printed and kept in `.lab/NAME.json` as they come."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tables: dict[str, list[dict[str, Any]]] = {}

    def row(self, table: str, **values: Any) -> None:
        """Add a row, print it, and keep what there is so far."""
        rows = self.tables.setdefault(table, [])
        rows.append(values)
        said = "  ".join(f"{key} {shown(value)}" for key, value in values.items())
        print(f"[{self.name}] {table}: {said}", flush=True)
        self._keep()

    def spread(
        self, table: str, what: str, values: Sequence[float], **more: Any
    ) -> None:
        """A row with percentiles, in the unit of the values."""
        self.row(table, what=what, **spread(values), **more)

    def limit(
        self, what: str, value: float, most: float, unit: str = "ms", **more: Any
    ) -> None:
        """A promise of the design: `value` should be at most `most`."""
        met = value <= most  # NaN meets nothing
        self.row(
            "promises", what=what, value=value, most=most, unit=unit, met=met, **more
        )

    def verdict(self) -> None:
        """Show everything; fail for promises that were not kept.

        A slice has too few repeats for percentiles: it shows them and fails for none.
        """
        self.show()
        broken = [row for row in self.tables.get("promises", []) if not row["met"]]
        assert is_slice() or not broken, "\n".join(["not kept:", *columns(broken)])

    def _keep(self) -> None:
        FOLDER.mkdir(exist_ok=True)
        path = FOLDER / f"{self.name}.json"
        kept = {"machine": machine(), "tables": self.tables}
        path.write_text(json.dumps(kept, indent=1, default=str) + "\n")

    def show(self) -> None:
        """All tables once more, in columns."""
        for name, rows in self.tables.items():
            print(f"\n{self.name}: {name}")
            print("\n".join(columns(rows)), flush=True)


def shown(value: Any) -> str:
    """A value as a person wants it."""
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Rows under a head, every column as wide as it must be."""
    heads = list(dict.fromkeys(key for row in rows for key in row))
    cells = [heads] + [[shown(row.get(head, "")) for head in heads] for row in rows]
    widths = [max(len(line[at]) for line in cells) for at in range(len(heads))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    ]
