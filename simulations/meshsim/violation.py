"""A broken promise, with all that is needed to see it again (RFC 0012 section 4).

A checker that finds a violation makes one of these; the run ends or goes on, the value
goes into the report and, by `meshsim run`, into a file of its own.  Same scenario,
parameters and seed give the same run, so the file needs no recording: only the place
to look at and the last events before it, for whoever reads it without running it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from meshproto.errors import MeshError

SCHEMA = "meshsim/violation/1"
EVENTS_MAX = 200
"""Events kept before a violation: enough to see a repair, small enough to mail."""

Parameter = str | int | float | bool


class ViolationFileError(MeshError):
    """A file is not a violation of this version; the text is for a person."""


@dataclass(frozen=True, slots=True)
class Violation:
    """What `checker` found at `time_s`, and the run in which it did.

    `parameters` are those that differ from the scenario file, `events` the lines of the
    event log up to the violation, oldest first, at most `EVENTS_MAX`.
    """

    scenario: str
    seed: int
    time_s: float
    checker: str
    message: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    version: str = ""

    def same_as(self, other: Violation) -> bool:
        """Whether a replay found this very violation."""
        return (self.checker, self.time_s, self.message) == (
            other.checker,
            other.time_s,
            other.message,
        )

    def __str__(self) -> str:
        where = f"{self.scenario}, seed {self.seed}, at {self.time_s:.6f} s"
        return f"{self.checker}: {self.message} ({where})"


def dumps(violation: Violation) -> str:
    """The violation as JSON text."""
    value = {"schema": SCHEMA, **asdict(violation)}
    value["events"] = list(violation.events[-EVENTS_MAX:])
    return json.dumps(value, indent=1) + "\n"


def loads(text: str) -> Violation:
    """The violation in a JSON text; `ViolationFileError` if there is none."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ViolationFileError(f"not JSON: {error}") from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise ViolationFileError(f"not a violation file: expected schema {SCHEMA}")
    return _violation(value)


def load(path: Path) -> Violation:
    """The violation in a file; `ViolationFileError` names the file."""
    try:
        return loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ViolationFileError(f"cannot read {path}: {error}") from None
    except ViolationFileError as error:
        raise ViolationFileError(f"{path}: {error}") from None


def _violation(value: Mapping[str, Any]) -> Violation:
    try:
        return Violation(
            scenario=str(value["scenario"]),
            seed=int(value["seed"]),
            time_s=float(value["time_s"]),
            checker=str(value["checker"]),
            message=str(value["message"]),
            parameters=dict(value["parameters"]),
            events=tuple(str(line) for line in value["events"]),
            version=str(value["version"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ViolationFileError(f"a field is missing or wrong: {error}") from None
