"""Deadlines do not add up."""

from __future__ import annotations

import asyncio
import time

from meshnode.client.pace import Pacer


async def test_many_short_waits_take_as_long_as_one() -> None:
    pacer = Pacer()
    began = time.monotonic()
    for number in range(100):
        await pacer.until(number / 200)
        time.sleep(0.001)  # noqa: ASYNC251 - work that would add up if intervals were slept
    assert time.monotonic() - began < 0.495 + 0.25


async def test_lateness_is_told() -> None:
    pacer = Pacer()
    assert await pacer.until(0.0) < 0.05
    await asyncio.sleep(0.1)
    assert await pacer.until(0.02) >= 0.07


async def test_nothing_comes_early() -> None:
    pacer = Pacer()
    await pacer.until(0.0)
    for number in range(10):
        await pacer.until(number * 0.01)
        assert pacer.elapsed_s() >= number * 0.01
