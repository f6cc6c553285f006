"""The engine: order of events, one wake-up per host, watchers, chance, limits."""

from __future__ import annotations

import gc
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import LimitError, StateError
from meshsim import engine as module
from meshsim.engine import Engine, collector_paused
from meshsim.eventlog import EventLog


class Sleeper:
    """A host that wants to be woken when told, and notes when it was."""

    def __init__(self) -> None:
        self.alarm = math.inf
        self.wanted: float | None = None
        self.woken: list[float] = []
        self.then: list[float] = []

    def next_timeout(self) -> float | None:
        return self.wanted

    def handle_timeout(self, now: float) -> None:
        self.woken.append(now)
        self.wanted = self.then.pop(0) if self.then else None


def test_events_run_in_the_order_of_time_and_then_of_asking() -> None:
    engine, seen = Engine(1), []
    for time, name in [(2.0, "c"), (1.0, "a"), (1.0, "b"), (3.0, "never")]:
        engine.at(time, seen.append, name)
    engine.run_until(2.0)
    assert seen == ["a", "b", "c"]
    assert engine.now == 2.0
    assert engine.events == 3
    assert engine.pending() == 1


@given(st.lists(st.floats(0.0, 100.0), max_size=50))
def test_the_clock_never_runs_backwards(times: list[float]) -> None:
    engine = Engine(1)
    seen: list[float] = []
    for time in times:
        engine.at(time, lambda: seen.append(engine.now))
    engine.run_until(100.0)
    assert seen == sorted(times)


def test_an_event_may_ask_for_others_at_once_and_later() -> None:
    engine, seen = Engine(1), []

    def first() -> None:
        engine.at(engine.now, seen.append, "at once")
        engine.after(0.5, seen.append, "later")
        seen.append("first")

    engine.at(1.0, first)
    engine.run_until(10.0)
    assert seen == ["first", "at once", "later"]


def test_the_past_cannot_be_asked_for_and_neither_can_no_time() -> None:
    engine = Engine(1)
    engine.run_until(5.0)
    for time in (4.999, math.nan):
        with pytest.raises(StateError):
            engine.at(time, print)


def test_the_clock_stands_at_the_end_even_if_nothing_happened() -> None:
    engine = Engine(1)
    engine.run_until(7.0)
    assert engine.now == 7.0
    engine.run_until(3.0)
    assert engine.now == 7.0


def test_a_host_is_woken_when_it_wants_to_be() -> None:
    engine, host = Engine(1), Sleeper()
    host.wanted, host.then = 1.0, [2.5]
    engine.rearm(host)
    engine.run_until(10.0)
    assert host.woken == [1.0, 2.5]
    assert host.alarm == math.inf


def test_a_deadline_that_moves_back_costs_no_entry() -> None:
    engine, host = Engine(1), Sleeper()
    for n in range(1000):
        host.wanted = 1.0 + n / 1000.0
        engine.rearm(host)
    assert engine.pending() == 1
    engine.run_until(10.0)
    assert host.woken == [1.999]


def test_a_deadline_that_moves_forward_is_met_once() -> None:
    engine, host = Engine(1), Sleeper()
    for wanted in (5.0, 3.0, 4.0):
        host.wanted = wanted
        engine.rearm(host)
    engine.run_until(10.0)
    assert host.woken == [4.0]


def test_a_host_that_wants_nothing_more_is_left_alone() -> None:
    engine, host = Engine(1), Sleeper()
    host.wanted = 2.0
    engine.rearm(host)
    host.wanted = None
    engine.run_until(10.0)
    assert host.woken == []


def test_a_deadline_that_has_passed_is_due_at_once() -> None:
    engine, host = Engine(1), Sleeper()
    engine.run_until(5.0)
    host.wanted = 1.0
    engine.rearm(host)
    engine.run_until(5.0)
    assert host.woken == [5.0]


def test_a_stream_of_chance_is_not_disturbed_by_another_consumer() -> None:
    alone, shared = Engine(7), Engine(7)
    shared.stream("newcomer").random()
    drawn = []
    for _ in range(3):
        drawn.append(shared.stream("loss").random())
        shared.stream("newcomer").random()
    assert drawn == [alone.stream("loss").random() for _ in range(3)]


def test_streams_differ_by_name_and_by_seed() -> None:
    firsts = {
        Engine(seed).stream(name).random() for seed in (1, 2) for name in ("a", "b")
    }
    assert len(firsts) == 4


def test_a_stream_is_the_same_on_every_machine() -> None:
    assert Engine(1).stream("a").random() == 0.6881244510893788


def test_watchers_see_what_an_event_touched_and_nothing_else() -> None:
    engine = Engine(1)
    shown: list[tuple[float, list[str]]] = []
    engine.watch(lambda now, touched: shown.append((now, list(touched))))

    def change(*names: str) -> None:
        for name in names:
            engine.touch(name)

    engine.at(1.0, change, "a", "b")
    engine.at(2.0, change)
    engine.at(3.0, change, "c")
    engine.run_until(5.0)
    assert shown == [(1.0, ["a", "b"]), (3.0, ["c"])]


def test_what_a_watcher_raises_ends_the_run_at_that_event() -> None:
    engine = Engine(1)

    def complain(now: float, touched: list[object]) -> None:
        raise AssertionError(f"at {now}")

    engine.watch(complain)
    engine.at(1.0, engine.touch, "x")
    engine.at(2.0, print)
    with pytest.raises(AssertionError, match=r"at 1\.0"):
        engine.run_until(5.0)
    assert (engine.now, engine.pending(), engine.events) == (1.0, 1, 1)


def test_events_without_end_in_one_instant_are_a_defect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EVENTS_PER_INSTANT_MAX", 100)
    engine = Engine(1)

    def again() -> None:
        engine.at(engine.now, again)

    engine.at(1.0, again)
    with pytest.raises(LimitError, match="events_per_instant_max"):
        engine.run_until(2.0)


def test_events_that_pile_up_are_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVENTS_PENDING_MAX", 1000)
    engine = Engine(1)

    def twins() -> None:
        engine.after(1e-6, twins)
        if engine.pending() < 2000:
            engine.after(1e-6, twins)

    engine.at(0.0, twins)
    with pytest.raises(LimitError, match="events_pending_max"):
        engine.run_until(1.0)


def test_progress_is_told_now_and_then() -> None:
    engine = Engine(1)

    def tick() -> None:
        engine.after(1e-5, tick)

    engine.at(0.0, tick)
    told: list[float] = []
    engine.run_until(2.0, told.append)
    assert len(told) == engine.events // 65_536
    assert told == sorted(told)


def test_with_a_log_the_same_happens_and_every_event_has_a_line() -> None:
    def play(log: EventLog | None) -> tuple[list[float], list[tuple[float, int]]]:
        engine, host = Engine(3, log), Sleeper()
        shown: list[tuple[float, int]] = []
        engine.watch(lambda now, touched: shown.append((now, len(touched))))
        host.wanted, host.then = 1.0, [2.0, 2.0, 4.0]
        engine.rearm(host)
        engine.at(3.0, engine.touch, host)
        engine.run_until(10.0)
        assert log is None or log.lines == engine.events
        return host.woken, shown

    assert play(None) == play(EventLog()) == ([1.0, 2.0, 2.0, 4.0], [(3.0, 1)])


def test_the_collector_rests_in_a_run_and_comes_back() -> None:
    assert gc.isenabled()
    with collector_paused():
        assert not gc.isenabled()
        assert gc.get_freeze_count() > 0
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_the_collector_comes_back_when_a_run_fails() -> None:
    with pytest.raises(ValueError, match="boom"), collector_paused():
        raise ValueError("boom")
    assert gc.isenabled()


def test_the_engine_tells_where_it_stands() -> None:
    assert repr(Engine(1)) == "<Engine t=0.000000 s, 0 events done>"
