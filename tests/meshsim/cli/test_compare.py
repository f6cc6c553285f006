"""`meshsim compare`: what changed, and 1 on a regression."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.report.model import save, save_all
from support.reports import report

from .conftest import Call, mistaken


@pytest.fixture
def base(meshsim: Call) -> Call:
    save_all(Path("base.json"), [report(1), report(2)])
    return meshsim


def test_no_change_is_no_news(base: Call) -> None:
    answer = base("compare", "base.json", "base.json")
    assert answer.code == 0
    assert answer.out.strip() == "2 runs compared: 0 regressions, 0 figures better"


def test_a_regression_is_shown_and_ends_with_one(base: Call) -> None:
    save(Path("new.json"), report(1, join_p95_ms=900.0, depth_max=1))
    answer = base("compare", "base.json", "new.json")
    assert answer.code == 1
    assert "join, request to accept, p95" in answer.out
    assert "900 ms" in answer.out
    assert "limit now missed" in answer.out
    assert "better" in answer.out
    assert "only in base: settled seed 2 nodes=40 model=planetlab" in answer.out
    assert "1 runs compared: 1 regressions, 1 figures better" in answer.out


def test_a_wider_tolerance_lets_it_pass(base: Call) -> None:
    save(Path("old.json"), report(1, repair_p95_ms=200.0))
    save(Path("new.json"), report(1, repair_p95_ms=250.0))
    assert base("compare", "old.json", "new.json").code == 1
    assert base("compare", "old.json", "new.json", "--tolerance", "3").code == 0


def test_files_without_a_common_run_are_a_mistake(base: Call) -> None:
    save(Path("new.json"), report(9))
    mistaken(base("compare", "base.json", "new.json"), "no run in common")
