"""`meshsim sweep`: every combination, every seed, on processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from meshsim.cli.sweep import axis, mean
from meshsim.report.model import load
from support.reports import report

from .conftest import Call


@pytest.mark.timeout(300)
def test_it_runs_the_grid_and_prints_means(meshsim: Call) -> None:
    over = ("--over", "nodes=20,30", "--seeds", "1,2", "--jobs", "2")
    answer = meshsim(
        *("sweep", "mine.toml", *over, "--json", "s.json"),
        *("--show", "depth_max", "--show", "joins", "--show", "nothing"),
    )
    assert answer.code == 0
    lines = [line.split() for line in answer.out.splitlines() if "joins" in line]
    assert lines[0] == ["nodes", "seeds", "depth_max", "joins"]
    assert [line[:2] for line in lines[1:]] == [["20", "2"], ["30", "2"]]
    assert "29" in answer.out
    found = [(r.nodes, r.seed) for r in load(Path("s.json"))]
    assert found == [(20, 1), (20, 2), (30, 1), (30, 2)]


def test_values_are_read_as_in_scenario_files() -> None:
    assert axis("nodes=10,20") == ("nodes", [10, 20])
    assert axis("paths.model=planetlab,cities")[1] == ["planetlab", "cities"]
    assert axis("elide=true,false")[1] == [True, False]
    assert axis("weather.loss=0.01")[1] == [0.01]


def test_a_mean_is_of_those_that_measured() -> None:
    reports = [report(1, x=1.0), report(2, x=4.0), report(3)]
    assert mean(reports, "x") == 2.5
    assert mean(reports, "y") is None
