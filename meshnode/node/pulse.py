"""The pulse of the loop: how late it woke, and what share of a core was used since."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pulse:
    """Feel it once a period; `clock` is the loop's."""

    def __init__(
        self,
        clock: Callable[[], float],
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._clock = clock
        self._cpu_clock = cpu_clock
        self._at_s = clock()
        self._cpu_s = cpu_clock()

    def beat(self, period_s: float) -> tuple[float, float]:
        """(lag in seconds, share of a core) since the beat before."""
        now, cpu_s = self._clock(), self._cpu_clock()
        elapsed_s = max(now - self._at_s, 1e-9)
        lag_s, share = max(0.0, elapsed_s - period_s), (cpu_s - self._cpu_s) / elapsed_s
        self._at_s, self._cpu_s = now, cpu_s
        return lag_s, share
