"""A network path in virtual time: rate, queue, delay, jitter and loss, all seeded.

Packets wait in a queue of bounded bytes, leave through a token bucket, then travel for
`delay_s` plus a random part of `jitter_s`.  Rate, loss and jitter may be changed while
it runs.  Advance it in small steps (a millisecond or so).
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from typing import Any


class Path:
    """One direction; `rate_bps` None carries everything at once."""

    def __init__(
        self,
        rate_bps: float | None = None,
        *,
        delay_s: float = 0.02,
        jitter_s: float = 0.0,
        loss: float = 0.0,
        queue_bytes: int = 60_000,
        bucket_bytes: int = 3_000,
        seed: int = 1,
    ) -> None:
        self.rate_bps = rate_bps
        self.delay_s = delay_s
        self.jitter_s = jitter_s
        self.loss = loss
        self.queue_bytes = queue_bytes
        self.bucket_bytes = bucket_bytes
        self.dropped = 0
        self.waiting_bytes = 0
        self._random = random.Random(seed)
        self._queue: deque[tuple[int, Any]] = deque()
        self._tokens = float(bucket_bytes)
        self._time = 0.0
        self._flying: list[tuple[float, int, Any]] = []
        self._count = 0

    @property
    def queue_s(self) -> float:
        """How long the newest packet in the queue will wait."""
        return self.waiting_bytes * 8 / self.rate_bps if self.rate_bps else 0.0

    def send(self, size_bytes: int, packet: Any, now: float) -> None:
        """Put a packet on the path."""
        if self._random.random() < self.loss:
            return
        self.advance(now)
        if self.rate_bps is None:
            self._fly(packet, now)
        elif self.waiting_bytes + size_bytes > self.queue_bytes:
            self.dropped += 1
        else:
            self._queue.append((size_bytes, packet))
            self.waiting_bytes += size_bytes
            self.advance(now)

    def advance(self, now: float) -> None:
        """Let the bucket fill and the queue leave."""
        if self.rate_bps is not None:
            filled = self._tokens + (now - self._time) * self.rate_bps / 8
            self._tokens = min(filled, self.bucket_bytes)
        self._time = now
        while self._queue and (
            self.rate_bps is None or self._queue[0][0] <= self._tokens
        ):
            size, packet = self._queue.popleft()
            self._tokens -= size if self.rate_bps is not None else 0
            self.waiting_bytes -= size
            self._fly(packet, now)

    def _fly(self, packet: Any, now: float) -> None:
        self._count += 1
        arrival = now + self.delay_s + self._random.random() * self.jitter_s
        heapq.heappush(self._flying, (arrival, self._count, packet))

    def arrived(self, now: float) -> list[tuple[float, Any]]:
        """(time, packet) of everything that has come out by now, in order."""
        self.advance(now)
        out = []
        while self._flying and self._flying[0][0] <= now:
            time, _, packet = heapq.heappop(self._flying)
            out.append((time, packet))
        return out
