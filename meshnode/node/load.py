"""Whether this machine keeps up: the lag of the loop and the CPU it takes.

A relay that is out of breath delays everybody below it, long before it loses anything,
so it must promise less in time.  Two signs are watched, smoothed over seconds: how late
the loop wakes up, and which share of one core this process uses (a Python plane has one
core and no more).  While either is high the *grant* (what share of its capacity the
node advertises) halves every few seconds down to a quarter; when both are low it
doubles.  It is never nothing: a machine that is busy with something else for a moment
must not cut a mesh apart, and the brain moves children away by what it measures.
"""

from __future__ import annotations

SMOOTHING = 0.3
"""Of a sample a second: a lone hiccup of 100 ms does not count, three seconds do."""
LAG_HIGH_S, LAG_LOW_S = 0.1, 0.03
CPU_HIGH, CPU_LOW = 0.9, 0.7
FALL_EVERY_S = 4.0
RISE_EVERY_S = 10.0
GRANT_MIN = 1 / 4


class Load:
    """Fed once a second; `grant` is in [`GRANT_MIN`, 1]."""

    def __init__(self) -> None:
        self.lag_s = 0.0
        self.cpu = 0.0
        self.grant = 1.0
        self._moved_at = float("-inf")

    @property
    def overloaded(self) -> bool:
        """Whether less than the full capacity is promised."""
        return self.grant < 1.0

    def sample(self, lag_s: float, cpu: float, now: float) -> bool:
        """Take the lag and the CPU share of the last second; whether `grant` moved."""
        self.lag_s += SMOOTHING * (lag_s - self.lag_s)
        self.cpu += SMOOTHING * (cpu - self.cpu)
        if self.lag_s > LAG_HIGH_S or self.cpu > CPU_HIGH:
            return self._move(self._lower(), FALL_EVERY_S, now)
        if self.lag_s < LAG_LOW_S and self.cpu < CPU_LOW:
            return self._move(self._higher(), RISE_EVERY_S, now)
        return False

    def _lower(self) -> float:
        return max(self.grant / 2, GRANT_MIN)

    def _higher(self) -> float:
        return min(1.0, 2 * self.grant)

    def _move(self, grant: float, pause_s: float, now: float) -> bool:
        if grant == self.grant or now - self._moved_at < pause_s:
            return False
        self.grant, self._moved_at = grant, now
        return True
