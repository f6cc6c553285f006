"""Deadlines: the newest time of a key wins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.agenda import Agenda


def test_keys_come_in_order_of_time_then_of_setting() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.at("c", 3.0)
    agenda.at("a", 1.0)
    agenda.at("b", 1.0)
    assert agenda.next() == 1.0
    assert agenda.due(0.9) == []
    assert agenda.due(3.0) == ["a", "b", "c"]
    assert agenda.next() is None


def test_no_later_moves_only_forward() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.no_later("a", 2.0)
    agenda.no_later("a", 3.0)
    assert agenda.next() == 2.0
    agenda.no_later("a", 1.0)
    assert agenda.next() == 1.0
    agenda.at("a", 5.0)
    assert agenda.next() == 5.0


def test_cancelled_keys_do_not_fire() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.at("a", 1.0)
    agenda.cancel("a")
    agenda.cancel("unknown")
    assert agenda.next() is None
    assert agenda.due(9.0) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 100)), min_size=1, max_size=400
    )
)
def test_moving_leaves_no_heap_of_stale_entries(moves: list[tuple[int, int]]) -> None:
    agenda: Agenda[int] = Agenda()
    latest: dict[int, int] = {}
    for key, when in moves:
        agenda.at(key, when)
        latest[key] = when
    assert len(agenda._heap) <= 2 * len(latest) + 65
    assert len(agenda) == len(latest)
    assert agenda.next() == min(latest.values())
    fired = agenda.due(100)
    assert sorted(fired) == sorted(latest)
    assert [latest[key] for key in fired] == sorted(latest.values())


def test_periodic_timers_meet_on_a_grid() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.again("a", 1.0031)
    agenda.again("b", 0.9962)
    agenda.again("c", 1.0151)
    assert agenda.due(0.99) == []
    assert agenda.due(1.0) == ["a", "b"]
    assert agenda.due(1.025) == ["c"]
