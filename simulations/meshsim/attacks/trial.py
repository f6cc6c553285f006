"""One run of one attack as a plain value, so that it can run in a process beside."""

from __future__ import annotations

from dataclasses import dataclass

from meshsim.attacks.field import Field
from meshsim.attacks.outcome import Outcome, outcome
from meshsim.attacks.profile import Scoring
from meshsim.attacks.setups import named
from meshsim.attacks.sizes import scaled
from meshsim.engine import collector_paused

SCALE = 20


@dataclass(frozen=True, slots=True)
class Trial:
    """An attack by name at 1 / `scale`."""

    attack: str
    scale: int = SCALE
    seed: int = 1
    scoring: Scoring = Scoring.SETUP


def check(trial: Trial) -> None:
    """Raise `ScenarioError` if it cannot be run."""
    scaled(named(trial.attack), trial.scale)


def run(trial: Trial) -> Outcome:
    """Run it to the end; raises `ScenarioError` if it cannot be."""
    setup = named(trial.attack)
    field = Field(setup, scaled(setup, trial.scale), trial.scoring, trial.seed)
    with collector_paused():
        field.run()
    return outcome(field, trial.scale, trial.seed, trial.scoring.value)
