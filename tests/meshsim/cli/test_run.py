"""`meshsim run`: a report to read, to keep and to look at."""

from __future__ import annotations

import json
from pathlib import Path

from meshsim.report.model import load
from meshsim.violation import load as load_violation

from .conftest import Call


def test_it_prints_a_report(meshsim: Call) -> None:
    answer = meshsim("run", "mine.toml")
    assert answer.code == 0
    assert "30 nodes on measured PlanetLab paths" in answer.out
    assert "all figures" in answer.out
    assert "limits that this run feeds are met" in answer.out


def test_it_writes_json_and_page(meshsim: Call) -> None:
    flags = ("--json", "r.json", "--html", "r.html", "--seed", "5", "--nodes", "40")
    answer = meshsim("run", "mine.toml", *flags)
    assert answer.code == 0
    (report,) = load(Path("r.json"))
    assert (report.seed, report.nodes, report.scenario) == (5, 40, "mine")
    assert report.series["delay_ms"]
    assert Path("r.html").read_text().startswith("<!doctype html>")
    assert "r.json" in answer.err
    assert "r.html" in answer.err


def test_changes_reach_the_scenario_and_stand_in_the_report(meshsim: Call) -> None:
    flags = ("--set", "paths.model=cities", "--set", "weather.loss=0.01", "--no-elide")
    meshsim("run", "mine.toml", "--json", "r.json", *flags, "--ancestor")
    (report,) = load(Path("r.json"))
    assert report.parameters["model"] == "cities"
    assert report.parameters["weather.loss"] == 0.01
    assert report.parameters["elide"] is False
    assert report.ancestor["loop_s"] == 95.0


def test_without_ancestor_its_column_is_empty(meshsim: Call) -> None:
    flags = ("--set", "ancestor.compare=true", "--no-ancestor")
    meshsim("run", "mine.toml", "--json", "r.json", *flags)
    assert load(Path("r.json"))[0].ancestor == {}


def test_the_same_seed_gives_the_same_report_and_another_another(meshsim: Call) -> None:
    made = []
    for seed in ("1", "1", "2"):
        meshsim("run", "mine.toml", "--json", "r.json", "--seed", seed)
        made.append(json.loads(Path("r.json").read_text())["figures"])
    assert made[0] == made[1] != made[2]


def test_a_broken_promise_ends_with_one_and_a_file_to_replay(meshsim: Call) -> None:
    answer = meshsim("run", "mine.toml", "--set", "brain.broken=true", "--seed", "7")
    assert answer.code == 1
    assert "node 3 gave packet 9 to a viewer twice" in answer.out
    found = load_violation(Path("violation.json"))
    assert (found.scenario, found.seed) == ("mine.toml", 7)
    assert found.parameters == {"brain.broken": True}
    assert found.events == ("1.0 node 3 joins", "2.0 packet 9")
