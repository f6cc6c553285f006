"""One re-armed timer for machines that tell their next deadline.

A loop's timers are cheap to set and dear to cancel by the thousand: each cancelled one
stays in its heap.  So a timer that is set already and fires earlier than needed is left
alone; firing for nothing costs less.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

NEVER = float("inf")


class Alarm:
    """Calls `ring` at the earliest deadline it was given, monotonic seconds.

    Idle until `start`; `rest` holds it back for a while, whatever is due.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due = NEVER
        self._rest_until = 0.0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on deadlines count."""
        self._loop = loop

    def stop(self) -> None:
        """Forget what is due, and let go of the loop."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop, self._timer, self._due = None, None, NEVER

    def rest(self, until: float) -> None:
        """Do not ring before `until`: a deadline that fails must not spin."""
        self._rest_until = until

    def at(self, *deadlines: float | None) -> None:
        """Ring at the earliest of these at the latest."""
        due = min((d for d in deadlines if d is not None), default=NEVER)
        if self._loop is None or due >= self._due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        wait_s = max(due, self._rest_until) - monotonic()
        self._timer = self._loop.call_later(max(0.0, wait_s), self._fire)

    def _fire(self) -> None:
        self._timer, self._due = None, NEVER
        self._ring()
