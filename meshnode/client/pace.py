"""Pacing by deadline: frame n is due at start + n / rate, whatever came before.

Sleeping one interval after another adds up every delay (100 sleeps of 20 ms were seen
to take 3.6 s on a busy machine); an absolute deadline forgets them.  A source that fell
behind says by how much, so that video can leave frames out instead of catching up in a
burst.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


class Pacer:
    """A media clock that starts with the first frame anybody waits for.

    One pacer is shared by the tracks of a source, which keeps them together.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start_s: float | None = None

    def elapsed_s(self) -> float:
        """Media time now; starts the clock."""
        now = self._clock()
        if self._start_s is None:
            self._start_s = now
        return now - self._start_s

    async def until(self, media_time_s: float) -> float:
        """Return when `media_time_s` is due; how late that was, in seconds."""
        early = media_time_s - self.elapsed_s()
        if early > 0:
            await asyncio.sleep(early)
        return max(0.0, self.elapsed_s() - media_time_s)
