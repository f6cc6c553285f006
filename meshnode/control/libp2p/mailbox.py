"""Queues between two threads: who puts something in rings the other side once.

Both are bounded, and neither side ever waits for the other: `Outgoing` refuses when it
is full, `Mailbox` says that it is and leaves it to the putting side to hold back.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from meshproto.wire.pubsub import frame

T = TypeVar("T")
BATCH_OCTETS = 65_536
"""As much gossip as is worth one write."""


class Mailbox(Generic[T]):
    """Any number of things in order; `ring` is called in the putting thread, and not
    again until the box was found empty.
    """

    def __init__(self, size: int, ring: Callable[[], None]) -> None:
        self._size = size
        self._ring = ring
        self._lock = threading.Lock()
        self._things: deque[T] = deque()
        self._rung = False

    @property
    def full(self) -> bool:
        """Whether nothing more should be put in that can be held back."""
        return len(self._things) >= self._size

    def put(self, thing: T) -> None:
        """Append, also when full: what cannot be held back is few."""
        with self._lock:
            self._things.append(thing)
            ring, self._rung = not self._rung, True
        if ring:
            self._ring()

    def take(self, most: int) -> list[T]:
        """The oldest things, none when empty; then the next `put` rings again."""
        with self._lock:
            taken = [self._things.popleft() for _ in range(min(most, len(self)))]
            self._rung = bool(taken)
        return taken

    def __len__(self) -> int:
        return len(self._things)


class Outgoing:
    """RPCs for one peer, bounded in number and octets.

    `offer` and `paused` belong to asyncio, `take` to trio.  At half of either bound the
    queue is paused, at a quarter it is resumed (`take` says so).
    """

    def __init__(self, most: int, octets_max: int, ring: Callable[[], object]) -> None:
        self._most = most
        self._octets_max = octets_max
        self._ring = ring
        self._lock = threading.Lock()
        self._rpcs: deque[bytes] = deque()
        self._octets = 0
        self.paused = False
        self.ended = False

    def offer(self, rpc: bytes) -> bool:
        """Append an RPC; False when there is no room, or nobody takes any more."""
        with self._lock:
            whole = self._octets + len(rpc)
            if self.ended or self._beyond(len(self._rpcs) + 1, whole, 1):
                return False
            self._rpcs.append(rpc)
            self._octets = whole
            ring = len(self._rpcs) == 1
            self.paused = self.paused or self._beyond(len(self._rpcs), whole, 2)
        if ring:
            self._ring()
        return True

    def wake(self) -> None:
        """Ring though there may be nothing to take."""
        self._ring()

    def take(self) -> tuple[bytes, int, bool]:
        """Framed RPCs for one write, how many, and whether a pause is over."""
        parts, octets = [], 0
        with self._lock:
            while self._rpcs and octets < BATCH_OCTETS:
                rpc = self._rpcs.popleft()
                self._octets -= len(rpc)
                octets += len(rpc)
                parts.append(frame(rpc))
            resumed = self.paused and not self._beyond(len(self._rpcs), self._octets, 4)
            self.paused = self.paused and not resumed
        return b"".join(parts), len(parts), resumed

    def end(self) -> int:
        """Refuse from now on; how many RPCs never left."""
        with self._lock:
            self.ended = True
            lost = len(self._rpcs)
            self._rpcs.clear()
            self._octets = 0
        return lost

    def _beyond(self, rpcs: int, octets: int, part: int) -> bool:
        return rpcs * part > self._most or octets * part > self._octets_max
