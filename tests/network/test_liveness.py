"""Late joiners are live: less than a second behind, with picture and sound together.

The publishers draw the wall clock into their pictures and players read it back, so lag
is measured from before the encoder to the screen.  Whether sound and picture belong
together is the browser's own estimate of what it plays out, which it can only make when
sender reports reach it.  Part of that offset is the browser's: how long its sound
device takes, and how much a young connection or a busy machine makes it hold back, are
no property of a node.  A connection from the other browser that is seven seconds old
shows 60 to 90 ms without any node, and one that is older less.  So with each player
begins such a connection, and what the player shows beyond it at the same instants, as
soon as both can tell, is ours.
"""

from __future__ import annotations

import asyncio

import pytest

from support import ffmpeg
from support.browser import Client, chromium, client
from support.node import KEY, RunningNode, eventually, running_node

JOINS = 8
AFTER_MS = 3000.0
SAMPLES = 10
APART_S = 3.73
"""Between joins: at another point of a 2 s GOP each time, and few at once, for players
and their encoders make the machine busy.
"""
REPORTS_S = 20.0
"""A browser's second report about its sound may take longer than ten seconds."""

LAG_MAX_MS = 1000.0
OFFSET_MAX_MS = 60.0


async def _live(node: RunningNode) -> bool:
    status = await asyncio.to_thread(node.status)
    return any(stream["state"] == "live" for stream in status["streams"])


@pytest.mark.timeout(300)
async def test_late_joiners_of_ffmpeg_are_live_and_in_step() -> None:
    with running_node() as node:
        publisher = ffmpeg.publish(node.whip("clock"))
        try:
            await eventually(lambda: _live(node), 15, "FFmpeg publishes")
            async with chromium(node.url) as sending, chromium(node.url) as receiving:
                viewer = await client(receiving, node.url)
                other = await client(sending, node.url)
                await _check(viewer, node.whep("clock"), other)
        finally:
            publisher.terminate()
            publisher.wait(10)


@pytest.mark.timeout(300)
async def test_late_joiners_of_chromium_are_live_and_in_step() -> None:
    with running_node() as node:
        async with chromium(node.url) as sending, chromium(node.url) as receiving:
            publisher = await client(sending, node.url)
            await publisher.publish(node.whip("clock"), KEY)
            await eventually(lambda: _live(node), 15, "Chromium publishes")
            viewer = await client(receiving, node.url)
            await _check(viewer, node.whep("clock"), publisher)


async def _check(viewer: Client, url: str, other: Client) -> None:
    first = await viewer.play(url)
    await viewer.first_frame_ms(first)
    tasks = []
    for _ in range(JOINS):
        await asyncio.sleep(APART_S)  # joins at different points of a GOP
        tasks.append(asyncio.create_task(_join(viewer, url, other)))
    figures = await asyncio.gather(*tasks)
    lags = [lag for lag, _, _ in figures]
    offsets = [offset for _, offset, _ in figures]
    own = [own for *_, own in figures]
    print(f"lag {_range(lags)} ms; sound {_range(offsets)} ms beyond {_range(own)}")
    assert max(lags) < LAG_MAX_MS
    assert max(map(abs, offsets)) < OFFSET_MAX_MS


async def _join(viewer: Client, url: str, other: Client) -> tuple[float, float, float]:
    """Join, and tell what follows: the worst lag after `AFTER_MS`, the offset beyond
    that of a player without a node of the same age, and that one.
    """
    player = await viewer.play(url)
    beside = await viewer.play_from(other)
    await viewer.first_frame_ms(player)
    lags = await viewer.lags_ms(player, AFTER_MS, SAMPLES)
    assert await viewer.sound_ahead_ms(player), "sender reports for sound and picture"
    await eventually(
        lambda: viewer.sound_ahead_ms(beside), REPORTS_S, "the browser's own reports"
    )
    offsets = await viewer.sound_ahead_ms(player, beside, count=SAMPLES)
    assert offsets is not None
    await viewer.leave(player)
    await viewer.leave(beside)
    offset, own = offsets
    return max(lags), offset - own, own


def _range(values: list[float]) -> str:
    ordered = sorted(values)
    return f"{ordered[0]:.0f} .. {ordered[len(ordered) // 2]:.0f} .. {ordered[-1]:.0f}"
