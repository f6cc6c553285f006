"""`random.Random` is a `Chance`, and the same seed gives the same run."""

from __future__ import annotations

import random

from meshproto.chance import Chance


def draws(chance: Chance) -> list[object]:
    """One of everything that the protocol has."""
    order = [1, 2, 3, 4, 5]
    chance.shuffle(order)
    return [
        chance.random(),
        chance.randrange(1000),
        chance.choice("abcdef"),
        chance.sample(range(100), 5),
        order,
    ]


def test_the_standard_source_fits_and_repeats_itself() -> None:
    assert draws(random.Random(1)) == draws(random.Random(1))
    assert draws(random.Random(1)) != draws(random.Random(2))


def test_a_system_source_fits_too() -> None:
    assert len(draws(random.SystemRandom())) == 5
