from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio

from meshnode.control.libp2p.bridge import TURN_MAX, Bridge
from meshnode.control.libp2p.values import DialError
from support.libp2p import eventually


class Rig:
    """A bridge to a trio run that waits until it is told to stop."""

    def __init__(self, jobs_max: int = 100) -> None:
        self.restarts: list[int] = []
        self.stop: Any = None
        self.fail_at_start = 0
        self.bridge = Bridge(
            self.main, self.restarts.append, jobs_max=jobs_max, events_max=1000
        )

    async def main(self, started: Callable[[], None]) -> None:
        if self.fail_at_start:
            self.fail_at_start -= 1
            raise RuntimeError("not yet")
        self.stop = trio.Event()
        started()
        await self.stop.wait()

    async def close(self) -> None:
        assert self.bridge.post(self.stop.set)
        await self.bridge.join()


async def test_calls_cross_both_ways_in_order() -> None:
    rig = Rig()
    await rig.bridge.start()
    heard: list[tuple[int, int]] = []
    thread = threading.get_ident()
    done = asyncio.Event()

    def there(number: int) -> None:
        away = threading.get_ident() != thread
        rig.bridge.tell(lambda: heard.append((number, away)))

    for number in range(50):
        assert rig.bridge.post(there, number)
    rig.bridge.post(lambda: rig.bridge.tell(done.set))
    await done.wait()
    assert heard == [(number, True) for number in range(50)]
    await rig.close()


async def test_a_flood_of_calls_leaves_turns_to_others() -> None:
    rig = Rig()
    await rig.bridge.start()
    most, current = 0, 0

    def call() -> None:
        nonlocal current, most
        current += 1
        most = max(most, current)

    def flood() -> None:
        for _ in range(10 * TURN_MAX):
            rig.bridge.tell(call)
        rig.bridge.tell(done.set)

    done = asyncio.Event()
    rig.bridge.post(flood)
    while not done.is_set():
        current = 0
        await asyncio.sleep(0)
    assert 0 < most <= TURN_MAX
    await rig.close()


async def test_what_follows_a_call_runs_in_trio_after_it() -> None:
    rig = Rig()
    await rig.bridge.start()
    order: list[str] = []
    done = asyncio.Event()

    def after() -> None:
        order.append("after")
        rig.bridge.tell(done.set)

    rig.bridge.post(lambda: rig.bridge.tell(lambda: order.append("call"), after))
    await done.wait()
    assert order == ["call", "after"]
    await rig.close()


async def test_jobs_beyond_the_bound_are_refused_until_some_have_ended() -> None:
    rig = Rig(jobs_max=2)
    await rig.bridge.start()
    ends: list[Callable[[Any], None]] = []

    def wait(answer: Callable[[Any], None]) -> Callable[[], None]:
        ends.append(answer)
        return lambda: None

    jobs = [asyncio.create_task(rig.bridge.ask(wait)) for _ in range(2)]
    await eventually(lambda: len(ends) == 2, "both are under way")
    with pytest.raises(DialError, match="full"):
        await rig.bridge.ask(wait)
    rig.bridge.post(ends[0], 1)
    assert await jobs[0] == 1
    jobs.append(asyncio.create_task(rig.bridge.ask(wait)))
    await eventually(lambda: len(ends) == 3, "there is room again")
    for end in ends[1:]:
        rig.bridge.post(end, 2)
    assert await asyncio.gather(*jobs[1:]) == [2, 2]
    await rig.close()


async def test_a_call_that_raises_harms_nobody() -> None:
    rig = Rig()
    await rig.bridge.start()
    assert rig.bridge.post(lambda: 1 / 0)
    done = asyncio.Event()
    rig.bridge.post(lambda: rig.bridge.tell(lambda: 1 / 0))  # type: ignore[arg-type,return-value]
    rig.bridge.post(lambda: rig.bridge.tell(done.set))
    await done.wait()
    assert rig.restarts == []
    await rig.close()


async def test_a_job_answers_or_is_cancelled() -> None:
    rig = Rig()
    await rig.bridge.start()
    cancelled = asyncio.Event()

    def quick(answer: Callable[[Any], None]) -> Callable[[], None]:
        answer(7)
        return lambda: None

    def never(_: Callable[[Any], None]) -> Callable[[], None]:
        return lambda: rig.bridge.tell(cancelled.set)

    assert await rig.bridge.ask(quick) == 7
    task = asyncio.create_task(rig.bridge.ask(never))
    await asyncio.sleep(0.05)
    task.cancel()
    await cancelled.wait()
    with pytest.raises(asyncio.CancelledError):
        await task
    await rig.close()
    with pytest.raises(DialError, match="closed"):
        await rig.bridge.ask(quick)


async def test_a_run_that_fails_is_started_again_and_waiting_jobs_fail() -> None:
    rig = Rig()
    await rig.bridge.start()
    task = asyncio.create_task(rig.bridge.ask(lambda _: lambda: None))
    await asyncio.sleep(0.05)
    assert rig.bridge._token is not None
    rig.bridge._token.run_sync_soon(lambda: 1 / 0)
    with pytest.raises(DialError):
        await task
    await eventually(
        lambda: rig.restarts and rig.bridge.post(lambda: None), "it runs again"
    )
    assert rig.restarts == [1]
    await rig.close()


async def test_start_waits_until_the_run_did_start() -> None:
    rig = Rig()
    rig.fail_at_start = 2
    await rig.bridge.start()
    assert rig.restarts == [1, 2]
    await rig.close()
