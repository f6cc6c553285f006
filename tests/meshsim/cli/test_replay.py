"""`meshsim replay`: the same promise breaks again, or it is said that it did not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from meshsim.violation import dumps, load

from .conftest import Call

FILE = Path("violation.json")


@pytest.fixture
def broken(meshsim: Call) -> Call:
    meshsim("run", "mine.toml", "--set", "brain.broken=true")
    return meshsim


def test_it_breaks_again(broken: Call) -> None:
    answer = broken("replay", "violation.json")
    assert answer.code == 0
    assert "2.0 packet 9" in answer.out
    assert "the same promise broke at the same instant" in answer.out


def test_another_instant_is_another_violation(broken: Call) -> None:
    FILE.write_text(dumps(replace(load(FILE), time_s=3.0)))
    answer = broken("replay", "violation.json")
    assert answer.code == 1
    assert "promises broke, but not this one" in answer.out


def test_a_run_that_is_well_now(broken: Call) -> None:
    FILE.write_text(dumps(replace(load(FILE), parameters={}, version="0.0.1")))
    answer = broken("replay", "violation.json")
    assert answer.code == 1
    assert "no promise broke" in answer.out
    assert "the file is of version 0.0.1" in answer.err


def test_it_can_write_the_page_of_the_run(broken: Call) -> None:
    broken("replay", "violation.json", "--html", "r.html")
    assert "Broken promises" in Path("r.html").read_text()
