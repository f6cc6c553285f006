"""`meshsim attacks` as people call it, with outcomes drawn by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from meshsim.attacks.outcome import Outcome
from meshsim.attacks.setups import SETUPS
from meshsim.attacks.trial import Trial
from meshsim.cli import attacks
from tests.meshsim.attacks.test_limits import FINE

from .conftest import Call, mistaken

Work = Callable[[Trial], Outcome]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Trial]:
    """The trials that were asked for; `covert-flash` is the one that is lost."""
    found: list[Trial] = []

    def here(
        trials: Sequence[Trial], _work: Work, jobs: int
    ) -> Iterator[tuple[int, Outcome]]:
        assert jobs == 0
        found.extend(trials)
        for number, trial in reversed(list(enumerate(trials))):
            lost = trial.attack == "covert-flash"
            p99_s = 1.3 if lost else 0.1
            yield number, replace(FINE, attack=trial.attack, settled_p99_s=p99_s)

    monkeypatch.setattr(attacks, "on_cores", here)
    return found


def test_all_twelve_run_behind_the_baseline(meshsim: Call, ran: list[Trial]) -> None:
    answer = meshsim("attacks")
    assert answer.code == 1
    assert [trial.attack for trial in ran] == list(SETUPS)
    lines = {line.split()[0]: line for line in answer.out.splitlines() if line.strip()}
    assert next(iter(lines)) == "attack"
    assert "met" in lines["dawn"]
    assert lines["dawn"].split()[8] == "100"
    assert lines["covert-flash"].split()[8] == "1,300"


def test_a_missed_limit_is_named_and_ends_with_one(
    meshsim: Call, ran: list[Trial]
) -> None:
    lost = meshsim("attacks", "covert-flash")
    assert lost.code == 1
    assert "settled p99" in lost.out
    assert meshsim("attacks", "dawn").code == 0
    assert [trial.attack for trial in ran] == [
        *("baseline", "covert-flash"),
        *("baseline", "dawn"),
    ]


def test_scale_seed_and_scores_are_passed_on(meshsim: Call, ran: list[Trial]) -> None:
    meshsim("attacks", "dawn", "--scale", "30", "--seed", "5", "--scores", "off")
    assert {(t.scale, t.seed, t.scoring.value) for t in ran} == {(30, 5, "off")}


def test_figures_and_verdicts_are_written(meshsim: Call, ran: list[Trial]) -> None:
    answer = meshsim("attacks", "covert-flash", "--json", "out.json")
    assert "figures: out.json" in answer.err
    found = json.loads(Path("out.json").read_text())
    assert [run["attack"] for run in found["runs"]] == ["baseline", "covert-flash"]
    assert found["runs"][1]["limits_missed"] == ["settled p99"]
    assert found["runs"][0]["mesh"] == [[0.0, 0.0]]
    assert len(ran) == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("dusk",), "attack 'dusk' is unknown; known are baseline, eclipse-single"),
        (("--scale", "100"), "scale 100 is not from 1 to 40"),
        (("--json", "no/out.json"), "folder of no/out.json"),
        (("--scores", "theirs"), "theirs"),
    ],
)
def test_a_mistake_is_one_sentence(
    meshsim: Call, ran: list[Trial], arguments: tuple[str, ...], said: str
) -> None:
    mistaken(meshsim("attacks", *arguments), said)
    assert ran == []


def test_attacks_run_for_real_in_processes_beside(
    meshsim: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attacks.trial, "run", _drawn)
    answer = meshsim("attacks", "dawn", "cold-boot", "--jobs", "2")
    assert answer.code == 0
    names = [line.split()[0] for line in answer.out.splitlines() if line.strip()]
    assert names[-4:-1] == ["baseline", "dawn", "cold-boot"]


def _drawn(trial: Trial) -> Outcome:
    return replace(FINE, attack=trial.attack)
