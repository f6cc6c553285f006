"""A broken promise survives its file, and a replay recognises it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from meshsim.violation import (
    EVENTS_MAX,
    Violation,
    ViolationFileError,
    dumps,
    load,
    loads,
)

FOUND = Violation(
    "churn",
    7,
    12.345678901,
    "loops",
    "cycle of active edges: 1 <- 2 <- 1",
    {"nodes": 40, "paths.model": "cities", "elide": False, "weather.loss": 0.01},
    ("12.3 node 1 joins node 2", "12.34 node 2 joins node 1"),
    "0.2.0",
)


def test_it_round_trips() -> None:
    assert loads(dumps(FOUND)) == FOUND


def test_only_the_last_events_are_written() -> None:
    lines = tuple(str(n) for n in range(EVENTS_MAX + 5))
    assert loads(dumps(replace(FOUND, events=lines))).events == lines[5:]


def test_the_same_is_the_same_checker_instant_and_message() -> None:
    assert FOUND.same_as(replace(FOUND, version="1.0", events=()))
    assert not FOUND.same_as(replace(FOUND, time_s=FOUND.time_s + 1e-6))
    assert not FOUND.same_as(replace(FOUND, checker="duplicate"))
    assert not FOUND.same_as(replace(FOUND, message="another"))


def test_it_says_what_where_and_when() -> None:
    assert str(FOUND) == (
        "loops: cycle of active edges: 1 <- 2 <- 1 (churn, seed 7, at 12.345679 s)"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "expected schema meshsim/violation/1"),
        ('{"schema": "meshsim/report/1"}', "expected schema"),
        (dumps(FOUND).replace('"seed"', '"sead"'), "a field is missing or wrong"),
        (dumps(FOUND).replace("12.345678901", '"soon"'), "a field is missing or wrong"),
        (dumps(FOUND).replace('"seed": 7', '"seed": null'), "missing or wrong"),
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ViolationFileError, match=said):
        loads(text)


def test_a_file_is_named_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    path.write_text(dumps(FOUND))
    assert load(path) == FOUND
    path.write_text("nothing")
    with pytest.raises(ViolationFileError, match=r"v\.json: not JSON"):
        load(path)
    with pytest.raises(ViolationFileError, match="cannot read"):
        load(tmp_path / "absent.json")
