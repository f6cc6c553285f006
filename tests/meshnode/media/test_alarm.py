from __future__ import annotations

import asyncio
from time import monotonic

from meshnode.media.alarm import Alarm
from support.media import until


def live_timers() -> int:
    loop = asyncio.get_running_loop()
    return sum(not timer.cancelled() for timer in loop._scheduled)


async def test_it_rings_at_the_earliest_deadline_only_once() -> None:
    rang: list[float] = []
    alarm = Alarm(lambda: rang.append(monotonic()))
    alarm.start(asyncio.get_running_loop())
    start = monotonic()
    before = live_timers()
    alarm.at(start + 9, None)
    alarm.at(start + 0.03, start + 5)
    alarm.at(start + 4)
    assert live_timers() == before + 1
    await until(lambda: rang)
    assert start + 0.025 <= rang[0] < start + 3.5
    assert live_timers() == before
    alarm.at(None)
    assert live_timers() == before


async def test_what_is_overdue_rings_at_once_unless_it_rests() -> None:
    rang: list[float] = []
    alarm = Alarm(lambda: rang.append(monotonic()))
    alarm.start(asyncio.get_running_loop())
    alarm.at(monotonic() - 5)
    await until(lambda: rang)
    start = monotonic()
    alarm.rest(start + 0.04)
    alarm.at(start)
    await until(lambda: len(rang) == 2)
    assert rang[1] >= start + 0.035


async def test_before_the_start_and_after_the_end_it_is_silent() -> None:
    before = live_timers()
    alarm = Alarm(lambda: None)
    alarm.at(monotonic())
    assert live_timers() == before
    alarm.start(asyncio.get_running_loop())
    alarm.at(monotonic() + 5)
    alarm.stop()
    alarm.stop()
    alarm.at(monotonic())
    assert live_timers() == before
