"""Deadlines by key: one each, due in order, however often they move."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.timers import Timers


def test_nothing_is_waited_for_at_first() -> None:
    timers: Timers[str] = Timers()
    assert timers.next() is None
    assert list(timers.due(1e9)) == []
    assert len(timers) == 0


def test_deadlines_come_due_earliest_first_and_are_taken() -> None:
    timers: Timers[str] = Timers()
    for key, at in (("late", 3.0), ("early", 1.0), ("middle", 2.0)):
        timers.set(key, at)
    assert timers.next() == 1.0
    assert list(timers.due(2.0)) == ["early", "middle"]
    assert list(timers.due(2.0)) == []
    assert timers.next() == 3.0


def test_equal_deadlines_come_due_in_the_order_they_were_set() -> None:
    timers: Timers[str] = Timers()
    for key in "cab":
        timers.set(key, 1.0)
    assert list(timers.due(1.0)) == ["c", "a", "b"]


def test_a_key_has_one_deadline_the_last_one_set() -> None:
    timers: Timers[str] = Timers()
    timers.set("key", 1.0)
    timers.set("key", 5.0)
    assert timers.at("key") == 5.0
    assert list(timers.due(4.0)) == []
    assert list(timers.due(5.0)) == ["key"]
    timers.set("key", 9.0)
    timers.set("key", 2.0)
    assert timers.next() == 2.0


def test_what_is_cancelled_never_comes_due() -> None:
    timers: Timers[str] = Timers()
    timers.set("key", 1.0)
    timers.cancel("key")
    timers.cancel("unknown")
    assert "key" not in timers
    assert timers.at("key") is None
    assert timers.next() is None
    assert list(timers.due(2.0)) == []


def test_what_is_set_while_taking_is_taken_when_due_already() -> None:
    timers: Timers[str] = Timers()
    timers.set("first", 1.0)
    taken = []
    for key in timers.due(2.0):
        taken.append(key)
        if key == "first":
            timers.set("second", 1.5)
            timers.set("third", 2.5)
    assert taken == ["first", "second"]
    assert timers.next() == 2.5


def test_moving_one_deadline_for_ever_keeps_the_heap_small() -> None:
    timers: Timers[str] = Timers()
    for step in range(10_000):
        timers.set("key", float(step))
    assert len(timers._heap) < 100
    assert list(timers.due(1e9)) == ["key"]


def test_a_deadline_that_comes_nearer_again_and_again_leaves_nothing_behind() -> None:
    timers: Timers[str] = Timers()
    timers.set("still", 2_000.0)
    for at in range(1_000, 0, -1):
        timers.set("moving", float(at))
    assert len(timers) == 2
    assert len(timers._heap) < 100
    timers.cancel("nobody")
    assert list(timers.due(3_000.0)) == ["moving", "still"]


STEPS = st.lists(
    st.tuples(st.integers(0, 5), st.one_of(st.none(), st.integers(0, 20))), max_size=80
)


@given(STEPS)
def test_timers_agree_with_a_plain_dictionary(
    steps: list[tuple[int, int | None]],
) -> None:
    timers: Timers[int] = Timers()
    model: dict[int, float] = {}
    for key, at in steps:
        if at is None:
            timers.cancel(key)
            model.pop(key, None)
        else:
            timers.set(key, float(at))
            model[key] = float(at)
        assert timers.next() == min(model.values(), default=None)
        assert len(timers) == len(model)
    taken = list(timers.due(10.0))
    assert sorted(taken) == sorted(k for k, at in model.items() if at <= 10.0)
    assert [model[key] for key in taken] == sorted(model[key] for key in taken)
