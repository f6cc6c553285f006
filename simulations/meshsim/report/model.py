"""A report as a value, and as JSON with a versioned schema (RFC 0012 section 6).

Everything that the terminal, the page and `compare` show comes from here, so a report
on disk can be shown again.  The same run gives the same text, but for the part `run`,
which tells what it cost.  A figure that never came is written as `never`: JSON has no
infinity.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from meshproto.errors import MeshError
from meshsim.acceptance import Judged, judge_run
from meshsim.violation import Parameter

SCHEMA = "meshsim/report/1"
BUNDLE = "meshsim/reports/1"
NEVER = "never"
DIGITS = 6

Table = Mapping[str, float | None]


class ReportFileError(MeshError):
    """A file is not a report of this version; the text is for a person."""


@dataclass(frozen=True, slots=True)
class Report:
    """One run of one seed: its figures beside the oracle's and the ancestor's.

    `series` are the curves of the page, `story` one repair step by step; both are empty
    in the reports of a sweep.  `run` holds what depends on the machine.
    """

    scenario: str
    seed: int
    figures: Table
    oracle: Table = field(default_factory=dict)
    ancestor: Table = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    title: str = ""
    version: str = ""
    series: Mapping[str, Any] = field(default_factory=dict)
    story: Mapping[str, Any] | None = None
    violations: tuple[Mapping[str, Any], ...] = ()
    run: Mapping[str, Any] = field(default_factory=dict)

    @property
    def nodes(self) -> int:
        """Nodes in the mesh, 0 if the run did not say."""
        return int(self.parameters.get("nodes", 0))

    @property
    def key(self) -> tuple[str, int, str]:
        """What makes two reports comparable: scenario, seed and parameters."""
        return (self.scenario, self.seed, json.dumps(self.parameters, sort_keys=True))

    def judged(self) -> list[Judged]:
        """The verdicts of the acceptance table on this run."""
        return judge_run(self.scenario, self.nodes, self.figures)

    def bare(self) -> Report:
        """The same without curves and story, for files that hold many."""
        return Report(
            self.scenario,
            self.seed,
            self.figures,
            self.oracle,
            self.ancestor,
            self.parameters,
            self.title,
            self.version,
            violations=self.violations,
            run=self.run,
        )


def as_json(report: Report) -> dict[str, Any]:
    """The report as a JSON object."""
    return {
        "schema": SCHEMA,
        "scenario": report.scenario,
        "title": report.title,
        "seed": report.seed,
        "version": report.version,
        "parameters": dict(report.parameters),
        "figures": written(report.figures),
        "oracle": written(report.oracle),
        "ancestor": written(report.ancestor),
        "acceptance": [judged_as_json(judged) for judged in report.judged()],
        "violations": [dict(violation) for violation in report.violations],
        "run": dict(report.run),
        "series": dict(report.series),
        "story": None if report.story is None else dict(report.story),
    }


def judged_as_json(judged: Judged) -> dict[str, Any]:
    """One limit and its verdict."""
    bar = judged.bar
    value = {"value": judged.value, "worst": judged.worst, "mean": judged.mean}
    return {
        "row": judged.row.key,
        "title": judged.row.title,
        "figure": bar.figure,
        "accept": bar.accept,
        "aim": bar.aim,
        "study": bar.study,
        "over": bar.over.value,
        **written(value),
        "runs": judged.runs,
        "verdict": judged.verdict.value,
    }


def written(table: Table) -> dict[str, float | str | None]:
    """A table for JSON: six digits, and `never` for infinity."""
    return {name: _written(value) for name, value in table.items()}


def _written(value: float | None) -> float | str | None:
    if value is None or isinstance(value, int):
        return value
    return NEVER if math.isinf(value) else rounded(value)


def rounded(value: float) -> float:
    """Six significant digits: more would only be noise of the last bit."""
    return float(f"{value:.{DIGITS}g}")


def from_json(value: Any) -> Report:
    """The report in a JSON object; `ReportFileError` if it is none."""
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise ReportFileError(f"not a report: expected schema {SCHEMA}")
    try:
        return Report(
            scenario=str(value["scenario"]),
            seed=int(value["seed"]),
            figures=_read(value["figures"]),
            oracle=_read(value["oracle"]),
            ancestor=_read(value["ancestor"]),
            parameters=dict(value["parameters"]),
            title=str(value["title"]),
            version=str(value["version"]),
            series=dict(value["series"]),
            story=value["story"],
            violations=tuple(value["violations"]),
            run=dict(value["run"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ReportFileError(f"a field is missing or wrong: {error!r}") from None


def _read(table: Mapping[str, Any]) -> dict[str, float | None]:
    return {name: _value(value) for name, value in table.items()}


def _value(value: Any) -> float | None:
    if value == NEVER:
        return math.inf
    return value if value is None or isinstance(value, int) else float(value)


def save(path: Path, report: Report) -> None:
    """Write one report."""
    path.write_text(json.dumps(as_json(report), indent=1) + "\n", encoding="utf-8")


def save_all(
    path: Path, reports: Iterable[Report], acceptance: Iterable[Judged] = ()
) -> None:
    """Write many reports into one file, with the verdicts on all of them together."""
    value = {
        "schema": BUNDLE,
        "acceptance": [judged_as_json(judged) for judged in acceptance],
        "reports": [as_json(report.bare()) for report in reports],
    }
    text = json.dumps(value, indent=1) + "\n"
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def load(path: Path) -> list[Report]:
    """The reports in a file of one or many; `ReportFileError` names the file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        many = isinstance(value, dict) and value.get("schema") == BUNDLE
        return [from_json(each) for each in (value["reports"] if many else [value])]
    except (OSError, UnicodeDecodeError) as error:
        raise ReportFileError(f"cannot read {path}: {error}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ReportFileError(f"{path} is not JSON of ours: {error}") from None
    except ReportFileError as error:
        raise ReportFileError(f"{path}: {error}") from None
