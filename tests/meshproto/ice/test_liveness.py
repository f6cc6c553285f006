from __future__ import annotations

import pytest

from meshproto.config.ice import AgentConfig
from meshproto.ice.liveness import NEVER, Liveness

RTT_S = 0.05


def live(interval_s: float = 0.25) -> Liveness:
    made = Liveness(AgentConfig(), 0.0)
    made.answered(0.0)
    made.pace(interval_s, 0.0)
    return made


def miss(path: Liveness, now: float) -> float:
    """Send what is due at `now` and let it go unanswered; when it was missed."""
    assert path.due(now)
    path.sent(RTT_S, now)
    at = path.next_at()
    assert path.missed(at)
    return at


def test_nothing_is_due_before_the_first_answer() -> None:
    assert Liveness(AgentConfig(), 0.0).next_at() == NEVER


def test_answered_checks_follow_each_other_at_the_pace() -> None:
    path = live()
    turns = []
    for _ in range(3):
        at = path.next_at()
        turns.append(at)
        assert path.due(at)
        path.sent(RTT_S, at)
        path.answered(at + RTT_S)
    assert turns == pytest.approx([0.25, 0.5, 0.75])
    assert path.misses == 0


def test_a_miss_is_repeated_at_once_and_then_waits_for_its_turn() -> None:
    path = live()
    first = miss(path, 0.25)
    assert first == pytest.approx(0.35)
    assert path.next_at() == first
    second = miss(path, first)
    assert second == pytest.approx(0.45)
    assert path.next_at() == pytest.approx(0.5)
    assert path.misses == 2


def test_every_turn_has_its_own_repetition() -> None:
    path = live()
    at = miss(path, 0.25)
    path.sent(RTT_S, at)
    path.answered(at + RTT_S)
    assert path.next_at() == pytest.approx(0.5)
    path.sent(RTT_S, 0.5)
    path.answered(0.55)
    assert path.next_at() == pytest.approx(0.75)
    again = miss(path, 0.75)
    assert path.next_at() == again


def test_a_dead_path_has_four_misses_in_two_turns() -> None:
    path = live()
    for _ in range(4):
        miss(path, path.next_at())
    assert path.misses == 4
    assert path.silent_at(0.0) == pytest.approx(0.75)
    assert path.silent_at(0.6) == pytest.approx(1.35)


def test_three_misses_are_no_silence() -> None:
    path = live()
    for _ in range(3):
        miss(path, path.next_at())
    assert path.silent_at(0.0) == NEVER


def test_patience_has_a_least_value() -> None:
    path = live()
    path.sent(0.0001, 0.25)
    assert path.next_at() == pytest.approx(0.25 + AgentConfig().patience_min_s)
    assert not path.missed(0.26)


def test_a_late_answer_ends_the_misses() -> None:
    path = live()
    at = miss(path, 0.25)
    path.sent(RTT_S, at)
    path.answered(at + 0.01)
    assert path.misses == 0
    assert path.next_at() == pytest.approx(0.5)


def test_a_faster_pace_counts_at_once_and_a_slower_one_later() -> None:
    path = live(2.0)
    path.pace(0.25, 1.0)
    assert path.next_at() == 1.0
    path.pace(2.0, 1.0)
    assert path.next_at() == 1.0


def test_a_check_on_demand_does_not_join_one_under_way() -> None:
    path = live()
    path.check_now(0.1)
    assert path.due(0.1)
    path.sent(RTT_S, 0.1)
    path.check_now(0.11)
    assert not path.due(0.11)
