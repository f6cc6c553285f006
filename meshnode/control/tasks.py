"""Things under way: a bounded set of tasks that ends with its owner.

Nothing here is waited for by whoever begins it; a failure is counted and logged once
under the name of its coroutine, because a node must outlive one bad dial.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine

TASKS_MAX = 512
"""Dials, connects and exchanges at one time: far above what brains ask for."""

_log = logging.getLogger("meshnode.control")


class Tasks:
    """Tasks of one owner on the running loop."""

    def __init__(self, maximum: int = TASKS_MAX) -> None:
        self.failures: Counter[str] = Counter()
        self.refused = 0
        self._maximum = maximum
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[object, object, None]) -> bool:
        """Begin `work`; False, with it closed, when too much is under way."""
        if len(self._running) >= self._maximum:
            self.refused += 1
            work.close()
            return False
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        # why: one that is cancelled before it began would never have been awaited
        task.add_done_callback(lambda _: work.close())
        return True

    async def close(self) -> None:
        """Cancel all and wait for their ends."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _guarded(self, work: Coroutine[object, object, None]) -> None:
        name = getattr(work, "__qualname__", "work")
        try:
            await work
        except Exception:  # why all: see the essay
            self.failures[name] += 1
            if self.failures[name] == 1:
                _log.exception("failed: %s", name)
