"""What a soak is judged by."""

from __future__ import annotations

import pytest

from bench.soak import Soaked, slope


def grown(octets_per_s: float) -> Soaked:
    """A minute and a half whose first tenth is a jump of ten megabytes."""
    rss = [
        (float(second), int(octets_per_s * second) + (0 if second < 9 else 10_000_000))
        for second in range(90)
    ]
    return Soaked(expected=1_000, delivered=1_000, rss=rss, status=0)


def test_growth_is_what_comes_after_the_histories_are_full() -> None:
    assert slope([(0.0, 5), (1.0, 7), (2.0, 9)]) == pytest.approx(2.0)
    assert grown(100).growth_mb_h == pytest.approx(0.36, rel=0.01)
    assert Soaked(rss=[(0.0, 1), (1.0, 1_000_000)]).growth_mb_h is None


def test_a_loss_growth_and_an_end_by_force_are_not_fine() -> None:
    assert grown(100).is_fine
    assert not grown(1_000).is_fine
    lossy, killed = grown(0), grown(0)
    lossy.delivered -= 1
    killed.status = -9
    assert not lossy.is_fine
    assert not killed.is_fine
