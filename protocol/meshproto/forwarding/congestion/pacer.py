"""When a burst may leave, and where it waits if it may not.

A relay's traffic is already paced by the camera: thirty small bursts a second.  So the
pacer is a *debt*, not a queue.  Whatever was sent adds to the debt, time at the pacing
rate takes from it, and while the debt is below one burst's worth a live burst leaves
at once: two comparisons.  Only beyond that packets wait, in order of priority: a key
frame larger than the path swallows, retransmissions, replays of the key-frame cache.

Two things close the gate: the debt, and the congestion window (`block`), which says
that too much is under way unacknowledged.  Audio is never held; it counts as debt.

Waiting is bounded in time and bytes (RFC 0003: a slow consumer is bounded by 500 ms).
What overflows is dropped for its owner alone, whose decoder needs a key frame then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from enum import IntEnum
from typing import Generic, NamedTuple, TypeVar

from meshproto.forwarding.congestion.config import CongestionConfig

Item = TypeVar("Item")


class Priority(IntEnum):
    """What leaves first; audio does not even ask."""

    RETRANSMISSION = 0
    LIVE = 1
    REPLAY = 2


class _Waiting(NamedTuple, Generic[Item]):
    owner: Hashable
    size_bytes: int
    since: float
    item: Item


class Pacer(Generic[Item]):
    """Debt and queues of one transport."""

    __slots__ = (
        "_burst_bytes",
        "_config",
        "_debt",
        "_overflows",
        "_queues",
        "_rate",
        "_time",
        "blocked",
        "queued_bytes",
    )

    def __init__(self, config: CongestionConfig) -> None:
        self._config = config
        self._queues: tuple[deque[_Waiting[Item]], ...] = tuple(
            deque() for _ in Priority
        )
        self._debt = 0.0
        self._time = 0.0
        self._overflows: list[Hashable] = []
        self.queued_bytes = 0
        self.blocked = False
        self.set_rate(config.start_bps)

    def set_rate(self, estimate_bps: float) -> None:
        """Follow the estimate; takes effect from the next packet on."""
        config = self._config
        self._rate = estimate_bps * config.pacing_factor / 8
        self._burst_bytes = max(config.burst_min_bytes, self._rate * config.burst_s)

    def on_sent(self, size_bytes: int, now: float) -> None:
        """Anything left on this transport."""
        debt = self._debt - (now - self._time) * self._rate
        self._debt = size_bytes + (debt if debt > 0 else 0.0)
        self._time = now

    def admit(self, now: float) -> bool:
        """Whether a live burst may leave this instant, ahead of nothing."""
        if self.blocked or self.queued_bytes:
            return False
        return self._debt - (now - self._time) * self._rate < self._burst_bytes

    def ready_at(self, now: float) -> float:
        """The earliest time for the next packet that is not live."""
        debt = self._debt - (now - self._time) * self._rate
        wait = (debt - self._burst_bytes) / self._rate
        if self.blocked:
            wait = max(wait, self._config.burst_s)
        return now + max(0.0, wait)

    def push(
        self,
        priority: Priority,
        owner: Hashable,
        size_bytes: int,
        item: Item,
        now: float,
    ) -> bool:
        """Let `item` wait.

        False: the bound is reached; everything that waited for `owner` is gone too,
        and it must not be sent to again before a key frame.
        """
        if (
            self.queued_bytes + size_bytes > self._config.queue_bytes
            or self._queue_s(priority) > self._config.queue_s
        ):
            self.flush(owner)
            return False
        self._queues[priority].append(_Waiting(owner, size_bytes, now, item))
        self.queued_bytes += size_bytes
        return True

    def _queue_s(self, priority: Priority) -> float:
        """How long the newest packet of `priority` would wait."""
        ahead = sum(
            waiting.size_bytes
            for queue in self._queues[: priority + 1]
            for waiting in queue
        )
        return ahead / self._rate

    def flush(self, owner: Hashable) -> None:
        """Forget what waits for `owner` (it left, or changed its source)."""
        for queue in self._queues:
            if any(waiting.owner == owner for waiting in queue):
                kept = [waiting for waiting in queue if waiting.owner != owner]
                queue.clear()
                queue.extend(kept)
        self.queued_bytes = sum(
            waiting.size_bytes for queue in self._queues for waiting in queue
        )

    def pull(self, now: float) -> list[Item]:
        """What may leave now, in order; the caller sends it and reports it sent."""
        self._expire(now)
        if not self.queued_bytes or self.blocked:
            return []
        room = self._burst_bytes - self._debt + (now - self._time) * self._rate
        items: list[Item] = []
        for queue in self._queues:
            while queue and room > 0:
                waiting = queue.popleft()
                room -= waiting.size_bytes
                self.queued_bytes -= waiting.size_bytes
                items.append(waiting.item)
        return items

    def _expire(self, now: float) -> None:
        for queue in self._queues:
            while queue and now - queue[0].since > self._config.queue_s:
                owner = queue[0].owner
                self.flush(owner)
                self._overflows.append(owner)

    def take_overflows(self) -> list[Hashable]:
        """The owners whose packets waited too long and were dropped since last asked."""
        overflows, self._overflows = self._overflows, []
        return overflows

    def next_timeout(self, now: float) -> float | None:
        """When `pull` is worth another call; None while nothing waits."""
        return self.ready_at(now) if self.queued_bytes else None
