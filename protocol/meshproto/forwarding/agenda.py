"""Deadlines: one heap, the newest time of a key wins.

Timers of the packet path move far more often than they fire.  Moving one is a write
into a dictionary and a push; the stale heap entry is recognised when it surfaces, and
the heap is rebuilt when stale entries outnumber live ones.

Periodic timers fall on a common grid: with hundreds of transports that have some, a
driver wakes up forty times a second instead of thousands.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

_SLACK = 64
"""Stale entries that are tolerated whatever the number of live ones."""

_GRID_HZ = 40
"""Times a second that periodic timers may fire: it shifts each by 12.5 ms at most, and
the usual periods (50 and 250 ms, 1 s) are multiples of it.
"""


class Agenda(Generic[Key]):
    """What is due when, in order of time and then of setting."""

    def __init__(self) -> None:
        self._due: dict[Key, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, Key]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._due)

    def at(self, key: Key, when: float) -> None:
        """Let `key` fire at `when`, whatever was set before."""
        due = self._due.get(key)
        if due is not None and due[0] == when:
            return
        self._count += 1
        self._due[key] = (when, self._count)
        heapq.heappush(self._heap, (when, self._count, key))
        if len(self._heap) > 2 * len(self._due) + _SLACK:
            self._heap = [(t, n, k) for k, (t, n) in self._due.items()]
            heapq.heapify(self._heap)

    def no_later(self, key: Key, when: float) -> None:
        """Let `key` fire at `when` unless it fires earlier anyway."""
        due = self._due.get(key)
        if due is None or when < due[0]:
            self.at(key, when)

    def again(self, key: Key, when: float) -> None:
        """Let `key` fire near `when`, together with other periodic timers."""
        self.at(key, round(when * _GRID_HZ) / _GRID_HZ)

    def cancel(self, key: Key) -> None:
        """Forget `key`; an unknown one is fine."""
        self._due.pop(key, None)

    def next(self) -> float | None:
        """The earliest deadline."""
        heap = self._heap
        while heap and self._due.get(heap[0][2]) != heap[0][:2]:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def due(self, now: float) -> list[Key]:
        """Take every key whose time has come."""
        taken = []
        while (when := self.next()) is not None and when <= now:
            key = heapq.heappop(self._heap)[2]
            del self._due[key]
            taken.append(key)
        return taken
