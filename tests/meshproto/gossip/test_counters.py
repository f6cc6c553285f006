from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.config.gossip import TopicScore
from meshproto.gossip.counters import TopicCounters, faded

RULE = TopicScore(
    time_in_mesh_weight=0.5,
    time_in_mesh_cap=10.0,
    first_message_deliveries_weight=2.0,
    first_message_deliveries_decay=0.5,
    mesh_message_deliveries_weight=-1.0,
    mesh_message_deliveries_decay=0.5,
    mesh_message_deliveries_threshold=4.0,
    mesh_message_deliveries_activation_s=5.0,
    mesh_failure_penalty_weight=-3.0,
    mesh_failure_penalty_decay=0.5,
    invalid_message_deliveries_weight=-7.0,
    invalid_message_deliveries_decay=0.5,
)


@given(st.floats(0, 1e6), st.floats(0.01, 0.999), st.integers(0, 300))
def test_fading_at_once_is_fading_tick_by_tick(
    value: float, factor: float, ticks: int
) -> None:
    slowly = value
    for _ in range(ticks):
        slowly = faded(slowly, factor, 1, 0.01)
    at_once = faded(value, factor, ticks, 0.01)
    # at the floor itself rounding may decide either way
    assert at_once == pytest.approx(slowly, rel=1e-9, abs=0.0100001)
    assert at_once == 0 or at_once >= 0.01 or ticks == 0


def test_all_counters_fade_and_only_for_ticks_that_passed() -> None:
    counters = TopicCounters(10)
    counters.first = counters.meshed = counters.failures = counters.invalid = 8.0
    counters.bring(RULE, 10, 0.01)
    assert counters.first == 8.0
    counters.bring(RULE, 12, 0.01)
    assert (counters.first, counters.meshed) == (2.0, 2.0)
    assert (counters.failures, counters.invalid) == (2.0, 2.0)
    assert counters.tick == 12


def test_time_in_the_mesh_earns_up_to_its_cap() -> None:
    counters = TopicCounters(0)
    assert counters.score(RULE, 100.0) == 0
    counters.grafted_at = 100.0
    counters.meshed = 4.0
    assert counters.score(RULE, 99.0) == 0
    assert counters.score(RULE, 104.0) == 2.0
    assert counters.score(RULE, 500.0) == 5.0


def test_a_deficit_counts_squared_once_active() -> None:
    counters = TopicCounters(0)
    counters.meshed = 1.0
    assert counters.deficit(RULE, 100.0) == 0
    counters.grafted_at = 0.0
    assert counters.deficit(RULE, 5.0) == 0
    assert counters.deficit(RULE, 5.1) == 9.0
    counters.meshed = 6.0
    assert counters.deficit(RULE, 9.0) == 0


def test_leaving_the_mesh_turns_a_deficit_into_failures() -> None:
    counters = TopicCounters(0)
    counters.grafted_at = 0.0
    counters.leave_mesh(RULE, 6.0)
    assert counters.grafted_at is None
    assert counters.failures == 16.0
    assert counters.score(RULE, 6.0) == -48.0


def test_deliveries_earn_and_invalid_ones_cost_squared() -> None:
    counters = TopicCounters(0)
    counters.first, counters.invalid = 3.0, 2.0
    assert counters.score(RULE, 0.0) == 6.0 - 28.0


def test_blameless_is_who_cannot_sink_without_an_event() -> None:
    quiet = TopicScore()
    counters = TopicCounters(0)
    assert counters.blameless(RULE)
    counters.grafted_at = 0.0
    assert not counters.blameless(RULE)
    assert counters.blameless(quiet)
    counters.invalid = 0.5
    assert not counters.blameless(quiet)
