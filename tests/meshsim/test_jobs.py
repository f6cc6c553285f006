"""A run as a job: what it reads, what it reports, and the grid of a sweep."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from meshsim.errors import ScenarioError
from meshsim.jobs import Job, Progress, grid, run_job
from meshsim.observation import Observation
from meshsim.scenario import AncestorSpec, Scenario
from support import synthetic


def test_a_job_reads_its_scenario_with_the_changes() -> None:
    scenario = Job("line", 3, {"nodes": 50, "paths.model": "ring"}).read()
    assert (scenario.nodes, scenario.paths.model) == (50, "ring")
    with pytest.raises(ScenarioError, match="unknown"):
        Job("nowhere", 1).read()


def test_its_report_tells_size_model_and_changes_once() -> None:
    job = Job("line", 3, {"nodes": 50, "paths.model": "cities", "elide": False})
    shares: list[float] = []
    report = run_job(job, shares.append, synthetic.simulate)
    assert (report.scenario, report.seed, report.nodes) == ("line", 3, 50)
    assert dict(report.parameters) == {
        "nodes": 50,
        "model": "cities",
        "duration_s": 120.0,
        "elide": False,
    }
    assert report.title
    assert shares[-1] == 1.0


def test_the_same_job_gives_the_same_figures() -> None:
    job = Job("line", 3, {"paths.model": "planetlab"})
    once, again = (run_job(job, None, synthetic.simulate) for _ in range(2))
    assert once.figures == again.figures
    other = run_job(Job("line", 4, job.overrides), None, synthetic.simulate)
    assert other.figures != once.figures


def test_a_grid_is_every_combination_and_every_seed() -> None:
    jobs = grid("line", {"nodes": [10, 20], "elide": [True, False]}, [1, 2], {"a": 5})
    assert len(jobs) == 8
    assert [job.seed for job in jobs[:3]] == [1, 2, 1]
    assert jobs[0].overrides == {"a": 5, "nodes": 10, "elide": True}
    assert len({job.label for job in jobs}) == 8


def test_without_parameters_a_grid_is_the_seeds() -> None:
    assert [job.label for job in grid("line", {}, [7, 8], {})] == [
        "line seed 7",
        "line seed 8",
    ]


def test_a_job_can_be_sent_elsewhere() -> None:
    job = Job("line", 3, {"nodes": 50})
    assert pickle.loads(pickle.dumps(job)) == job


def test_the_ancestor_runs_beside_where_the_scenario_asks_for_it() -> None:
    changes = {"nodes": 12, "duration_s": 40, "settle_s": 20, "paths.model": "synth"}

    def ours(scenario: Scenario, seed: int, progress: Progress | None) -> Observation:
        quiet = replace(scenario, ancestor=AncestorSpec())
        return synthetic.simulate(quiet, seed, progress)

    report = run_job(Job("line", 1, {**changes, "ancestor.compare": True}), None, ours)
    assert report.ancestor["control_routing_octets_s"]
    assert report.ancestor["served_share"] is not None
    assert "over_cap" not in report.ancestor
    assert run_job(Job("line", 1, changes), None, ours).ancestor == {}
