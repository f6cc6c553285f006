"""What an attack must not reach."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshsim.attacks.limits import LIMITS, missed
from meshsim.attacks.outcome import Outcome

FINE = Outcome(
    attack="dawn",
    scale=20,
    seed=1,
    scoring="setup",
    honest=50,
    sybils=200,
    messages=100,
    pairs=4_900,
    delivered=1.0,
    missed=0.0,
    p50_s=0.05,
    p99_s=0.1,
    max_s=4.0,
    settled_delivered=1.0,
    settled_prompt=1.0,
    settled_p50_s=0.05,
    settled_p99_s=0.1,
    settled_max_s=0.2,
    mesh_peak=1.0,
    mesh_end=0.1,
    mesh=((0.0, 0.0),),
    sybil_score=-5.0,
    sybils_negative=0.9,
    honest_score=4.0,
    octets_per_s=100_000.0,
    events=1,
)


def test_a_run_that_recovered_keeps_all() -> None:
    assert missed(FINE) == []
    assert all(limit.holds(FINE) for limit in LIMITS)


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"delivered": 0.998}, "delivered"),
        ({"settled_delivered": 0.999}, "settled delivery"),
        ({"max_s": 6.1}, "max"),
        ({"settled_p99_s": 1.01}, "settled p99"),
    ],
)
def test_each_limit_is_missed_for_its_own_reason(
    change: dict[str, float], title: str
) -> None:
    assert missed(replace(FINE, **change)) == [title]  # type: ignore[arg-type]
