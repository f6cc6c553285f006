"""Vivaldi coordinates rank; they converge on a plane and survive liars."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from meshproto.overlay.coordinates import Coordinates, predict_s

NUMBERS = st.floats(-10, 10, allow_nan=False)


def settled(count: int, rounds: int) -> tuple[list[Coordinates], list[list[float]]]:
    source = random.Random(3)
    spots = [(source.uniform(0, 0.1), source.uniform(0, 0.1)) for _ in range(count)]
    rtts = [[math.dist(a, b) + 0.004 for b in spots] for a in spots]
    made = [Coordinates(random.Random(i)) for i in range(count)]
    for _ in range(rounds):
        for i, own in enumerate(made):
            j = source.randrange(count)
            if i != j:
                own.sample(made[j].value(), rtts[i][j])
    return made, rtts


def test_predictions_come_close_to_what_was_measured() -> None:
    made, rtts = settled(24, 200)
    wrong = sorted(
        abs((made[i].predict_s(made[j].value()) or 0.0) - rtts[i][j]) / rtts[i][j]
        for i in range(24)
        for j in range(24)
        if i != j
    )
    assert wrong[len(wrong) // 2] < 0.12
    assert all(own.error < 0.4 for own in made)


def test_nobody_predicts_before_a_few_samples() -> None:
    own = Coordinates(random.Random(1))
    for _ in range(3):
        assert own.value() == ()
        assert own.predict_s((0.1, 0.0, 0.0, 0.01)) is None
        own.sample((), 0.05)
    own.sample((), 0.05)
    assert len(own.value()) == 4
    assert own.predict_s(()) is None


def test_movement_is_measured_from_what_was_told() -> None:
    own = Coordinates(random.Random(1))
    assert own.moved_s(()) == 0.0
    for _ in range(8):
        own.sample((), 0.08)
    assert own.moved_s(()) == math.inf
    assert own.moved_s(own.value()) < 1e-4
    told = own.value()
    for _ in range(8):
        own.sample((0.5, 0.0, 0.0, 0.0), 0.02)
    assert own.moved_s(told) > 0.01


def test_the_height_of_both_ends_counts() -> None:
    assert predict_s((0.0, 0.0, 0.0, 0.01), (0.03, 0.04, 0.0, 0.02)) == 0.08


def test_one_liar_moves_nobody_far_at_once() -> None:
    own = Coordinates(random.Random(1))
    for _ in range(50):
        own.sample((0.02, 0.0, 0.0, 0.001), 0.02)
    before = own.value()
    own.sample((10.0, 10.0, 10.0, 10.0), 0.0)
    assert math.dist(before, own.value()) <= 0.11


@given(
    st.lists(
        st.tuples(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), st.floats(0, 60)),
        max_size=40,
    )
)
def test_a_coordinate_stays_finite_and_within_its_reach(samples: list) -> None:
    own = Coordinates(random.Random(1))
    for remote, rtt_s in samples:
        own.sample(remote, rtt_s)
    assert all(math.isfinite(part) and abs(part) <= 8.0 for part in own.value())
    assert 0.0 <= own.error <= 1.0
