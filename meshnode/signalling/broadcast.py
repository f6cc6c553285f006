"""One event to many readers, each with a bounded queue of its own.

A slow reader loses the oldest events and is told how many, everybody else notices
nothing: state is repeated often enough that the newest event matters most, and nothing
grows because somebody does not read.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")
QUEUE_MAX = 256


class Reader(Generic[T], AsyncIterator[T]):
    """One reader's queue: iterate it, and `close` it when done.

    `missed` counts what was dropped because the reader did not keep up.
    """

    def __init__(self, queue_max: int = QUEUE_MAX) -> None:
        self.missed = 0
        self.closed = False
        self._events: deque[T] = deque()
        self._queue_max = queue_max
        self._wake = asyncio.Event()

    def put(self, event: T) -> None:
        """Queue one event; the oldest one makes room when the queue is full."""
        if self.closed:
            return
        if len(self._events) >= self._queue_max:
            self._events.popleft()
            self.missed += 1
        self._events.append(event)
        self._wake.set()

    def close(self) -> None:
        """No more events; what is queued can still be read."""
        self.closed = True
        self._wake.set()

    async def __anext__(self) -> T:
        while not self._events:
            if self.closed:
                raise StopAsyncIteration
            self._wake.clear()
            await self._wake.wait()
        return self._events.popleft()


class Broadcast(Generic[T]):
    """Hands every event to every open reader."""

    def __init__(self, queue_max: int = QUEUE_MAX) -> None:
        self._queue_max = queue_max
        self._readers: WeakSet[Reader[T]] = WeakSet()

    def __len__(self) -> int:
        return sum(not reader.closed for reader in self._readers)

    def reader(self) -> Reader[T]:
        """A new reader, which gets what is published from now on."""
        reader: Reader[T] = Reader(self._queue_max)
        self._readers.add(reader)
        return reader

    def publish(self, event: T) -> None:
        """Queue `event` for everybody who still reads."""
        for reader in tuple(self._readers):
            reader.put(event)

    def close(self) -> None:
        """End every reader."""
        for reader in tuple(self._readers):
            reader.close()
