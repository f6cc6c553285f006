"""What a viewer costs before its first packet, and what it holds while it watches.

A join is all that a player does: the offer by HTTP, the answer, connectivity checks,
the DTLS handshake.  Clients and node share the machine, so the rate on the wall clock
is a floor; CPU per join is the node's alone.  Memory is what one more viewer adds to
the node's resident set while the stream runs and the first ones are there.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bench import measure
from bench.doors import Session
from bench.load import Ages, Publisher
from bench.node_run import FIRST_S, BenchNode, bench_node, join_while_live, sender
from bench.shapes import VIDEO_LOW

AT_ONCE = 10
SETTLE_S = 2.0
"""Longer than the history, so that it is full when memory is looked at."""


@dataclass(frozen=True, slots=True)
class Joins:
    """Joins a second on the wall clock and per CPU second; bytes per viewer."""

    rate_hz: float
    cpu_ms: float
    viewer_bytes: float


async def run(joins: int, viewers: int) -> Joins:
    """`joins` that only connect, then memory of `viewers` of a running stream."""
    async with bench_node() as bench:
        publisher = await bench.publish.publish()
        source = Publisher(VIDEO_LOW, sender(publisher.client))
        await source.run(FIRST_S)
        rate_hz, cpu_ms = await _handshakes(bench, joins)
        held = await _crowd(bench, source, viewers)
        publisher.client.close()
    return Joins(rate_hz, cpu_ms, held / viewers)


async def _handshakes(bench: BenchNode, joins: int) -> tuple[float, float]:
    """A few at once until all have been there; they leave outside of the clock."""
    used_s, wall_s = 0.0, 0.0
    for _ in range(0, joins, AT_ONCE):
        before, began = measure.cpu_s(bench.pid), time.monotonic()
        made = await asyncio.gather(*[bench.play.view(Ages()) for _ in range(AT_ONCE)])
        wall_s += time.monotonic() - began
        used_s += measure.cpu_s(bench.pid) - before
        await _leave(bench, made)
    return joins / wall_s, used_s / joins * 1000


async def _crowd(bench: BenchNode, source: Publisher, viewers: int) -> float:
    """How many bytes that many viewers add to those of the first few."""
    first = await join_while_live(bench, source, AT_ONCE, Ages(), feedback=False)
    await source.run(SETTLE_S)
    before = measure.rss_bytes(bench.pid)
    joined = await join_while_live(bench, source, viewers, Ages(), feedback=False)
    await source.run(SETTLE_S)
    grown = measure.rss_bytes(bench.pid) - before
    await _leave(bench, [*first, *joined])
    return grown


async def _leave(bench: BenchNode, sessions: list[Session]) -> None:
    for session in sessions:
        await bench.play.leave(session)
