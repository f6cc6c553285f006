"""A limit judges a value: floors and ceilings, aims, and what was not measured."""

from __future__ import annotations

import math

import pytest

from meshsim.acceptance import Bar, Row, Verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (None, Verdict.UNSEEN),
        (46.0, Verdict.MISSED),
        (45.0, Verdict.MET),
        (25.1, Verdict.MET),
        (25.0, Verdict.AIM),
        (math.inf, Verdict.MISSED),
    ],
)
def test_a_ceiling(value: float | None, verdict: Verdict) -> None:
    assert Bar("excess_p99_ms", 45, 25).judge(value) is verdict


@pytest.mark.parametrize(
    ("value", "verdict"),
    [(0.79, Verdict.MISSED), (0.80, Verdict.MET), (0.95, Verdict.AIM)],
)
def test_a_floor(value: float, verdict: Verdict) -> None:
    assert Bar("one.repair_150_share", 0.80, 0.95).judge(value) is verdict


def test_the_worst_is_the_hardest_to_accept() -> None:
    assert Bar("served_share", 1.0).worst([1.0, 0.9]) == 0.9
    assert Bar("depth_max", 10).worst([8, 9]) == 9


def test_a_row_without_runs_judges_every_scenario() -> None:
    assert Row("cap", "", ()).judges("anything")
    assert Row("tight", "", (), ("tight",)).judges("tight")
    assert not Row("tight", "", (), ("tight",)).judges("settled")
