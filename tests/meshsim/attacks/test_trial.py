"""A run as a value: checked first, run in any process."""

from __future__ import annotations

import pickle

import pytest

from meshsim.attacks import trial
from meshsim.attacks.profile import Scoring
from meshsim.attacks.setups import SETUPS
from meshsim.attacks.trial import Trial
from meshsim.errors import ScenarioError
from support.attacks import short


def test_a_trial_travels() -> None:
    one = Trial("dawn", 30, 7, Scoring.OFF)
    assert pickle.loads(pickle.dumps(one)) == one


@pytest.mark.parametrize("wrong", [Trial("dusk"), Trial("dawn", 0), Trial("dawn", 99)])
def test_what_cannot_be_run_is_refused_before_anything_runs(wrong: Trial) -> None:
    with pytest.raises(ScenarioError):
        trial.check(wrong)


def test_every_attack_can_be_run_at_the_usual_scale() -> None:
    for name in SETUPS:
        trial.check(Trial(name))


def test_it_runs_to_the_end_and_says_what_it_ran(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    brief = short("cold-boot", warm_s=3.0, run_s=5.0, cool_s=2.0)
    monkeypatch.setitem(SETUPS, "cold-boot", brief)
    seen = trial.run(Trial("cold-boot", 40, 3, Scoring.OFF))
    assert (seen.attack, seen.scale, seen.seed) == ("cold-boot", 40, 3)
    assert seen.scoring == "off"
    assert seen.honest == 25
    assert seen.mesh[-1][0] == 10.0
    assert seen.messages > 20
