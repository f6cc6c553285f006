"""`meshsim run acceptance`: the plan, its table, and going on where it stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from meshsim.acceptance import Run
from meshsim.cli import acceptance
from meshsim.jobs import Job
from meshsim.report.model import Report, load
from support.work import synthetic_work

from .conftest import Answer, Call


def test_the_plan_is_every_model_and_seed_and_one_large_run() -> None:
    jobs = acceptance.plan({}, None)
    assert len(jobs) == 6 * 9 + 1
    settled = [job for job in jobs if job.scenario == "settled"]
    assert {job.seed for job in settled} == {1, 2, 3}
    assert {job.overrides["paths.model"] for job in settled} == {
        *("planetlab", "cities", "synth")
    }


def test_every_row_is_fed_once_before_any_is_fed_twice() -> None:
    jobs = acceptance.plan({}, None)
    first = [job for job in jobs[:6] if job.seed == 1]
    assert len({job.scenario for job in first}) == len(first) == 6
    assert {job.seed for job in jobs[:18]} == {1}
    assert jobs[-1].scenario == "large"


def test_seeds_and_changes_narrow_it_but_the_large_run_stays_one() -> None:
    jobs = acceptance.plan({"nodes": 100, "paths.model": "synth"}, [7])
    assert {job.seed for job in jobs if job.scenario != "large"} == {7}
    assert [job.seed for job in jobs if job.scenario == "large"] == [1]
    assert all(job.overrides == {"paths.model": "synth", "nodes": 100} for job in jobs)


@pytest.fixture
def short_plan(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two seeds of one scenario; the labels of the jobs that were run."""
    ran: list[str] = []

    def run_here(jobs: list[Job], _work: object, processes: int) -> object:
        assert processes == 0
        for number, job in enumerate(jobs):
            ran.append(job.label)
            yield number, synthetic_work(job)

    monkeypatch.setattr(acceptance, "PLAN", (Run("mine.toml", ("synth",), (1, 2)),))
    monkeypatch.setattr(acceptance, "run_all", run_here)
    return ran


def call(meshsim: Call, *flags: str) -> Answer:
    return meshsim("run", "acceptance", "--json", "all.json", *flags)


def test_it_runs_judges_and_writes_everything(
    meshsim: Call, short_plan: list[str]
) -> None:
    answer = call(meshsim, "--html", "all.html")
    assert answer.code == 0
    assert len(short_plan) == 2
    assert "not measured" in answer.out
    assert "2 runs" in answer.out
    assert [r.seed for r in load(Path("all.json"))] == [1, 2]
    judged = json.loads(Path("all.json").read_text())["acceptance"]
    assert {line["verdict"] for line in judged} == {"met", "not measured"}
    assert "2 runs against" in Path("all.html").read_text()


def test_it_goes_on_where_it_stopped(meshsim: Call, short_plan: list[str]) -> None:
    call(meshsim, "--seed", "1")
    call(meshsim, "--seed", "1..3", "--resume")
    assert [label.rpartition(" ")[2] for label in short_plan] == ["1", "2", "3"]
    assert len(load(Path("all.json"))) == 3


def test_a_run_with_other_parameters_is_another_run(
    meshsim: Call, short_plan: list[str]
) -> None:
    call(meshsim, "--seed", "1")
    call(meshsim, "--seed", "1", "--resume", "--nodes", "20")
    assert len(short_plan) == 2


def test_reports_of_another_version_are_run_again(
    meshsim: Call, short_plan: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call(meshsim, "--seed", "1")
    monkeypatch.setattr(acceptance, "version", lambda: "9.9")
    call(meshsim, "--seed", "1", "--resume")
    assert len(short_plan) == 2


def test_a_missed_limit_ends_with_one(
    meshsim: Call, short_plan: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def worse(reports: list[Report]) -> object:
        return acceptance.judge_all([("x", 10, {"tree_loops": 1.0})] * len(reports))

    monkeypatch.setattr(acceptance, "judge", worse)
    assert call(meshsim).code == 1
    assert short_plan
