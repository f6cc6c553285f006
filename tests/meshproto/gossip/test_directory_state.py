"""What the parts of the directory share."""

from __future__ import annotations

from meshproto.events import LimitReached
from meshproto.gossip.directory_events import StreamChanged
from meshproto.gossip.directory_state import Task
from meshproto.ids import StreamId
from support.directory import Alone

STREAM = StreamId(bytes(16))


def test_a_limit_is_told_once_until_there_is_room_again() -> None:
    alone = Alone()
    state = alone.directory._state
    state.overflow("streams_max", 5)
    state.overflow("streams_max", 5)
    alone.drain()
    assert alone.events == [LimitReached("streams_max", 5)]
    state.full.clear()
    state.overflow("streams_max", 5)
    alone.drain()
    assert len(alone.events) == 2


def test_a_change_goes_to_the_log_and_to_the_owner() -> None:
    alone = Alone()
    alone.directory._state.changed(StreamChanged(STREAM))
    alone.drain()
    assert alone.events == alone.directory.take_changes() == [StreamChanged(STREAM)]
    assert alone.directory.take_changes() == []


def test_refusals_name_the_sender() -> None:
    alone = Alone()
    alone.directory._state.refuse(None, "why")
    alone.drain()
    assert alone.refusals() == ["why"]


def test_times_are_spread_by_lot() -> None:
    state = Alone().directory._state
    times = [state.spread(100.0, 0.1) for _ in range(200)]
    assert 90.0 <= min(times) < 93.0
    assert 107.0 < max(times) <= 110.0


def test_tasks_of_streams_are_apart() -> None:
    state = Alone().directory._state
    state.wait(Task.EXPIRY, 5.0, STREAM)
    state.wait(Task.SYNC, 7.0)
    assert len(state.timers) == 2
    assert state.timers.next() == 5.0
