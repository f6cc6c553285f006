"""One run of a server under load: what it delivered, and what it spent on that."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bench import measure
from bench.load import Ages, Publisher

WARM_UP_S = 1.0
LINGER_S = 0.2
"""What is under way at the end of a run, belongs to it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """`expected` is what was sent, times viewers; fewer delivered is loss."""

    viewers: int
    duration_s: float
    delivered: int
    expected: int
    cpu_s: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0

    @property
    def us_per_packet(self) -> float:
        """CPU microseconds per delivered packet."""
        return self.cpu_s * 1e6 / max(self.delivered, 1)

    @property
    def viewers_per_core(self) -> float:
        """How many such viewers one core would carry."""
        return self.viewers * self.duration_s / max(self.cpu_s, 1e-9)

    @property
    def lost(self) -> float:
        """Share that did not arrive."""
        return max(0.0, 1 - self.delivered / max(self.expected, 1))


async def measure_cost(
    pid: int,
    source: Publisher,
    count: Callable[[], int],
    ages: Ages,
    viewers: int,
    duration_s: float,
) -> Cost:
    """Warm up, then load process `pid` for a while; `count` sums what viewers got."""
    await source.run(WARM_UP_S)
    await asyncio.sleep(LINGER_S)
    ages.seconds.clear()
    before, used_s = count(), measure.cpu_s(pid)
    sent = await source.run(duration_s)
    await asyncio.sleep(LINGER_S)
    return Cost(
        viewers,
        duration_s,
        count() - before,
        sent * viewers,
        measure.cpu_s(pid) - used_s,
        ages.quantile_ms(0.5),
        ages.quantile_ms(0.99),
    )
