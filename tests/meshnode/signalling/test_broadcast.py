"""One event to many readers, each with a bounded queue."""

from __future__ import annotations

import asyncio
import gc

import pytest

from meshnode.signalling.broadcast import Broadcast


async def test_every_reader_gets_every_event_from_when_it_came() -> None:
    broadcast: Broadcast[int] = Broadcast()
    first = broadcast.reader()
    broadcast.publish(1)
    second = broadcast.reader()
    broadcast.publish(2)
    broadcast.close()
    assert [event async for event in first] == [1, 2]
    assert [event async for event in second] == [2]


async def test_a_slow_reader_loses_the_oldest_and_knows_how_many() -> None:
    broadcast: Broadcast[int] = Broadcast(queue_max=3)
    reader = broadcast.reader()
    for number in range(10):
        broadcast.publish(number)
    broadcast.close()
    assert [event async for event in reader] == [7, 8, 9]
    assert reader.missed == 7


async def test_a_reader_waits_for_what_comes() -> None:
    broadcast: Broadcast[int] = Broadcast()
    reader = broadcast.reader()
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    assert not waiting.done()
    broadcast.publish(1)
    assert await waiting == 1


async def test_a_reader_that_closed_is_forgotten() -> None:
    broadcast: Broadcast[int] = Broadcast()
    reader = broadcast.reader()
    assert len(broadcast) == 1
    reader.close()
    assert len(broadcast) == 0
    broadcast.publish(1)
    with pytest.raises(StopAsyncIteration):
        await anext(reader)


async def test_a_reader_that_was_dropped_is_forgotten_too() -> None:
    broadcast: Broadcast[int] = Broadcast()
    broadcast.reader()
    gc.collect()
    assert len(broadcast) == 0


async def test_a_cancelled_wait_loses_nothing() -> None:
    broadcast: Broadcast[int] = Broadcast()
    reader = broadcast.reader()
    waiting = asyncio.ensure_future(anext(reader))
    await asyncio.sleep(0)
    waiting.cancel()
    broadcast.publish(1)
    assert await anext(reader) == 1
