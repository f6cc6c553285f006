"""Deadlines do not add up."""

from __future__ import annotations

import asyncio
import time

from meshnode.client.pace import Pacer
from support.patience import soon


async def test_many_short_waits_take_as_long_as_one() -> None:
    async def many() -> float:
        pacer = Pacer()
        began = time.monotonic()
        for number in range(100):
            await pacer.until(number / 200)
            time.sleep(0.001)  # noqa: ASYNC251 - it would add up if intervals were slept
        return time.monotonic() - began

    await soon(many, 0.495 + 0.1)


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
