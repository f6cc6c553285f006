"""Jitter and loss: the laws have the figures that they claim."""

from __future__ import annotations

import itertools
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshsim.weather import (
    JITTER_MEAN_MAX_S,
    JITTER_MEDIAN_S,
    JITTER_P90_S,
    Burst,
    Loss,
    pair_chance,
    pair_jitter_s,
)


def lost(loss: Loss, interval_s: float, packets: int, seed: int = 1) -> list[bool]:
    burst, chance = Burst(loss), random.Random(seed).random
    return [burst.lost(n * interval_s, chance) for n in range(packets)]


@given(st.integers(0, 2**63), st.integers(0, 10**5), st.integers(0, 10**5))
def test_the_luck_of_a_pair_is_inside_zero_and_one_and_stays(
    seed: int, a: int, b: int
) -> None:
    assert 0.0 < pair_chance(seed, a, b) < 1.0
    assert pair_chance(seed, a, b) == pair_chance(seed, a, b)


def test_the_luck_of_pairs_is_even() -> None:
    drawn = [pair_chance(5, a, b) for a in range(100) for b in range(100)]
    tenths = [sum(int(x * 10) == n for x in drawn) for n in range(10)]
    assert all(900 < count < 1100 for count in tenths)
    assert len(set(drawn)) == 10_000


def test_neighbours_and_seeds_have_nothing_to_do_with_each_other() -> None:
    one = [pair_chance(1, 0, b) for b in range(2000)]
    for other in (
        [pair_chance(2, 0, b) for b in range(2000)],
        [pair_chance(1, 1, b) for b in range(2000)],
        [pair_chance(1, 0, b + 1) for b in range(2000)],
    ):
        assert abs(statistics.correlation(one, other)) < 0.08


def test_jitter_has_the_median_and_the_tail_of_public_pings() -> None:
    drawn = sorted(pair_jitter_s(3, a, a + 1 + b) for a in range(70) for b in range(70))
    assert drawn[len(drawn) // 2] == pytest.approx(JITTER_MEDIAN_S, rel=0.15)
    assert drawn[int(len(drawn) * 0.9)] == pytest.approx(JITTER_P90_S, rel=0.2)
    assert drawn[-1] <= JITTER_MEAN_MAX_S


def test_jitter_belongs_to_the_pair_in_both_directions() -> None:
    assert pair_jitter_s(3, 4, 9) == pair_jitter_s(3, 9, 4) != pair_jitter_s(3, 4, 8)


@pytest.mark.parametrize("loss", [Loss(0.02), Loss(0.02, 0.2), Loss(0.3, 1.0, 0.9)])
def test_the_mean_loss_is_what_was_asked_for(loss: Loss) -> None:
    share = statistics.mean(lost(loss, 0.02, 200_000))
    assert share == pytest.approx(loss.share, rel=0.15)


def test_bursts_last_as_long_as_asked_for() -> None:
    bad = lost(Loss(0.05, 0.5, 1.0), 0.01, 400_000)
    lengths, run = [], 0
    for is_lost in bad:
        if is_lost:
            run += 1
        elif run:
            lengths.append(run * 0.01)
            run = 0
    assert statistics.mean(lengths) == pytest.approx(0.5, rel=0.15)


def test_independent_losses_do_not_cluster_and_bursts_do() -> None:
    def both(outcome: list[bool]) -> float:
        pairs = itertools.pairwise(outcome)
        return statistics.mean(a and b for a, b in pairs)

    assert both(lost(Loss(0.05), 0.01, 100_000)) < 0.004
    assert both(lost(Loss(0.05, 0.5, 1.0), 0.01, 100_000)) > 0.03


def test_a_long_pause_forgets_the_burst() -> None:
    outcome = lost(Loss(0.1, 0.5, 1.0), 1000.0, 50_000)
    after_a_loss = [b for a, b in itertools.pairwise(outcome) if a]
    assert statistics.mean(after_a_loss) == pytest.approx(0.1, rel=0.15)


@pytest.mark.parametrize(
    ("share", "burst_s", "bad_loss"),
    [(-0.1, 0.0, 0.5), (1.1, 0.0, 0.5), (0.6, 1.0, 0.5), (0.1, -1.0, 0.5), (0, 1, 0)],
)
def test_impossible_losses_are_refused(
    share: float, burst_s: float, bad_loss: float
) -> None:
    with pytest.raises(ValueError, match=r"share|bursts"):
        Loss(share, burst_s, bad_loss)


def test_total_loss_loses_everything_and_none_nothing() -> None:
    assert all(lost(Loss(1.0), 0.1, 100))
    assert not any(lost(Loss(0.0), 0.1, 100))
