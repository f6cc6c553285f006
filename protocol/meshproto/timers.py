"""Deadlines by key, for machines that wait for many things at once.

A machine answers `next_timeout()` from here and, when time comes, asks what is `due`.
Moving a deadline leaves its old entry in the heap; entries that no longer agree with
the table are dropped when they surface.  They are never left on top, so that `next`,
which drivers ask after every input, is one look.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

_SLACK = 64


class Timers(Generic[K]):
    """At most one deadline per key; equal ones come due in the order they were set."""

    __slots__ = ("_at", "_count", "_heap")

    def __init__(self) -> None:
        self._at: dict[K, tuple[float, int]] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._count = 0

    def __len__(self) -> int:
        return len(self._at)

    def __contains__(self, key: K) -> bool:
        return key in self._at

    def set(self, key: K, at: float) -> None:
        """Wait for `key` until `at`, instead of any earlier deadline of it."""
        self._count += 1
        moved = key in self._at
        self._at[key] = (at, self._count)
        heapq.heappush(self._heap, (at, self._count, key))
        if moved:
            self._skip()
            if len(self._heap) > 2 * len(self._at) + _SLACK:
                self._compact()

    def cancel(self, key: K) -> None:
        """Wait for `key` no more; unknown keys are fine."""
        if self._at.pop(key, None) is not None:
            self._skip()

    def at(self, key: K) -> float | None:
        """The deadline of `key`, None without one."""
        entry = self._at.get(key)
        return None if entry is None else entry[0]

    def next(self) -> float | None:
        """The earliest deadline, None when nothing is waited for."""
        return self._heap[0][0] if self._heap else None

    def due(self, now: float) -> Iterator[K]:
        """Take the keys whose time has come, earliest first.

        What the caller sets while it iterates is taken too when it is due already.
        """
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, key = heapq.heappop(heap)
            del self._at[key]
            self._skip()
            yield key
            heap = self._heap  # it may have been compacted meanwhile

    def _skip(self) -> None:
        heap, current = self._heap, self._at
        while heap:
            _, number, key = heap[0]
            held = current.get(key)
            if held is not None and held[1] == number:
                return
            heapq.heappop(heap)

    def _compact(self) -> None:
        self._heap = [(at, number, key) for key, (at, number) in self._at.items()]
        heapq.heapify(self._heap)
