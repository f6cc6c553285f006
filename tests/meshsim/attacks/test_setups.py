"""The table of attacks; each number is checked in `tests/conformance`."""

from __future__ import annotations

import pytest

from meshsim.attacks.setups import BASELINE, SETUPS, Aim, Setup, named
from meshsim.errors import ScenarioError


def test_there_are_a_baseline_and_twelve_attacks_by_their_names() -> None:
    assert len(SETUPS) == 13
    assert all(name == setup.name for name, setup in SETUPS.items())
    assert all(setup.title for setup in SETUPS.values())
    assert SETUPS[BASELINE].sybils == 0


def test_containers_hold_many_sybils() -> None:
    assert SETUPS["cold-boot"].sybils == 4_000
    assert SETUPS["colocation"].sybils == 4_000
    assert SETUPS["censor-single"].sybils == 2_000
    assert SETUPS["eclipse-single"].sybils == 1_000


def test_an_attack_begins_when_sybils_are_there_and_no_longer_covert() -> None:
    assert SETUPS["eclipse-net"].attack_s == 60
    assert SETUPS["covert-flash"].attack_s == 120
    assert SETUPS["cold-boot"].attack_s == 0


def test_a_run_is_warming_publishing_and_cooling() -> None:
    assert Setup("x", "", warm_s=1, run_s=2, cool_s=3).end_s == 6


def test_one_attack_differs_from_another_in_what_it_is_about() -> None:
    assert SETUPS["eclipse-single"].aim is Aim.ONE
    assert SETUPS["eclipse-publishers"].aim is Aim.PUBLISHERS
    assert SETUPS["censor-single"].censors
    assert SETUPS["degrade"].drop_share == 0.5
    assert SETUPS["dawn"].honest_connect_s > SETUPS["cold-boot"].honest_connect_s


def test_an_unknown_attack_is_one_sentence_that_names_the_known() -> None:
    with pytest.raises(ScenarioError, match="'dusk' is unknown; known are baseline"):
        named("dusk")
    assert named("dawn") is SETUPS["dawn"]
