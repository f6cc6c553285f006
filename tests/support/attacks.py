"""Attacks small enough for the suite: 25 honest nodes, two or three minutes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from meshsim.attacks.field import Field
from meshsim.attacks.outcome import Outcome, outcome
from meshsim.attacks.profile import Scoring
from meshsim.attacks.setups import SETUPS, Setup
from meshsim.attacks.sizes import Sizes, scaled

SCALE = 40
MESSAGES_PER_S = 2.0
_LENGTHS = {
    "dawn": {"warm_s": 20.0, "run_s": 130.0},
    "colocation": {"warm_s": 10.0, "run_s": 60.0},
    "covert-flash-graft": {"warm_s": 10.0, "run_s": 110.0, "covert_s": 20.0},
}
KINDS = tuple(_LENGTHS)


def short(name: str, **changes: float) -> Setup:
    """An attack that ends soon."""
    lengths = {**_LENGTHS.get(name, {}), "cool_s": 10.0, **changes}
    return replace(SETUPS[name], **lengths)  # type: ignore[arg-type]


def made(
    setup: Setup, scoring: Scoring = Scoring.SETUP, seed: int = 1, rate: float = 3.0
) -> Field:
    """Its field at the smallest scale, not yet run."""
    return Field(setup, scaled(setup, SCALE, rate), scoring, seed)


@cache
def fought(name: str, scoring: Scoring, seed: int = 2) -> Outcome:
    """The outcome of a short attack; each is run once per session."""
    field = made(short(name), scoring, seed, MESSAGES_PER_S)
    field.run()
    return outcome(field, SCALE, seed, scoring.value)


def few(setup: Setup, **numbers: float) -> Sizes:
    """A handful of nodes: as given, or 8 honest and 4 sybils."""
    sizes = Sizes(2, 6, 4, 2, 4, 3, 4.0)
    if setup.attack_degree == 1:
        sizes = replace(sizes, attack_degree=1)
    return replace(sizes, **numbers)  # type: ignore[arg-type]
