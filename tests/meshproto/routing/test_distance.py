"""Versions, distances and the feasibility test (RFC 0010 section 5)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.routing.distance import (
    INFINITY,
    Distance,
    added,
    feasible,
    lowered,
    margin,
    newer_version,
    seconds,
    ticks,
)

versions = st.tuples(st.integers(0, 3), st.integers(0, 65_535))
metrics = st.integers(0, INFINITY)


def test_a_later_epoch_is_newer_whatever_the_number() -> None:
    assert newer_version((2, 0), (1, 65_000))
    assert not newer_version((1, 65_000), (2, 0))


def test_numbers_of_one_epoch_wrap() -> None:
    assert newer_version((1, 0), (1, 65_535))
    assert not newer_version((1, 65_535), (1, 0))
    assert not newer_version((1, 7), (1, 7))


def test_without_a_distance_everything_is_feasible() -> None:
    assert feasible(None, (1, 1), 60_000)


@pytest.mark.parametrize(
    ("version", "refmetric", "expected"),
    [
        ((1, 5), 99, True),
        ((1, 5), 100, False),
        ((1, 6), 60_000, True),
        ((1, 4), 1, False),
        ((2, 0), 60_000, True),
        ((0, 9), 0, False),
        ((1, 4), INFINITY, True),
    ],
)
def test_only_what_is_strictly_closer_or_newer_is_feasible(
    version: tuple[int, int], refmetric: int, expected: bool
) -> None:
    assert feasible(Distance((1, 5), 100), version, refmetric) is expected


def test_telling_a_smaller_metric_lowers_the_distance() -> None:
    assert lowered(None, (1, 1), 50) == Distance((1, 1), 50)
    assert lowered(Distance((1, 1), 50), (1, 1), 40) == Distance((1, 1), 40)
    assert lowered(Distance((1, 1), 50), (1, 1), 60) == Distance((1, 1), 50)


def test_a_newer_number_replaces_the_distance_and_an_older_one_does_not() -> None:
    assert lowered(Distance((1, 1), 50), (1, 2), 500) == Distance((1, 2), 500)
    assert lowered(Distance((1, 2), 50), (1, 1), 5) == Distance((1, 2), 50)


def test_a_retraction_leaves_the_distance_alone() -> None:
    assert lowered(Distance((1, 1), 50), (1, 2), INFINITY) == Distance((1, 1), 50)
    assert lowered(None, (1, 2), INFINITY) is None


@given(versions, metrics, versions, metrics)
def test_what_was_told_is_never_feasible_afterwards(
    version: tuple[int, int], metric: int, told: tuple[int, int], told_metric: int
) -> None:
    distance = lowered(Distance(version, metric), told, told_metric)
    assert distance is not None
    if told_metric < INFINITY:
        ahead = newer_version(told, distance.version)
        assert ahead is False
        if told == distance.version:
            assert not feasible(distance, told, told_metric)


@given(versions, metrics, versions, metrics)
def test_a_distance_never_rises_within_a_version(
    version: tuple[int, int], metric: int, told: tuple[int, int], told_metric: int
) -> None:
    before = Distance(version, metric)
    after = lowered(before, told, told_metric)
    assert after is not None
    assert not newer_version(before.version, after.version)
    if after.version == before.version:
        assert after.metric <= before.metric


def test_metrics_add_up_to_infinity_at_most() -> None:
    assert added(96, 256) == 352
    assert added(65_000, 1_000) == INFINITY
    assert added(96, INFINITY) == INFINITY


def test_a_cost_is_at_least_one_tick_and_never_infinite() -> None:
    assert ticks(0.0) == 1
    assert ticks(0.0123) == 123
    assert ticks(1e9) == INFINITY - 1


def test_ticks_and_seconds_are_inverse() -> None:
    assert seconds(ticks(0.0123)) == pytest.approx(0.0123)


def test_the_margin_is_the_larger_of_share_and_floor() -> None:
    assert margin(1_000, 0.1, 50) == 100
    assert margin(100, 0.1, 50) == 50
