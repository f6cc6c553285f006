"""The event log of a run: a running hash, and the last lines for a person.

Two runs are the same run when their hashes are (RFC 0012 section 3).  A line is text
that depends on nothing but seed, scenario and version: times are written with `repr`,
which is exact, and no line holds an address in memory or the order of a set.
"""

from __future__ import annotations

import hashlib
from collections import deque

_BATCH = 1024


class EventLog:
    """Hashes every line and keeps the last `kept` of them."""

    __slots__ = ("_batch", "_hash", "_tail", "lines")

    def __init__(self, kept: int = 200) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._batch: list[str] = []
        self._tail: deque[str] = deque(maxlen=kept)
        self.lines = 0

    def write(self, now: float, line: str) -> None:
        """Append what happened at `now` (seconds); `line` has no line break."""
        text = f"{now!r} {line}\n"
        self.lines += 1
        self._tail.append(text)
        self._batch.append(text)
        if len(self._batch) >= _BATCH:
            self._flush()

    def tail(self) -> list[str]:
        """The last lines, oldest first, each as `time line`."""
        return [text.rstrip("\n") for text in self._tail]

    def digest(self) -> str:
        """The hash of all lines so far, 32 hexadecimal digits."""
        self._flush()
        return self._hash.hexdigest()

    def _flush(self) -> None:
        self._hash.update("".join(self._batch).encode())
        self._batch.clear()
