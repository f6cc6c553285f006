"""A grid of equal ticks: heartbeats and ages are counted, not timed one by one.

What happens "per heartbeat" compares tick numbers, so nothing has to run on ticks where
there is nothing to do, and a router that slept is as exact as one that did not.
"""

from __future__ import annotations

from math import floor

_ROUNDING = 1e-6


class Grid:
    """Tick `n` is at `origin + n x interval_s`."""

    __slots__ = ("interval_s", "origin")

    def __init__(self, interval_s: float, origin: float = 0.0) -> None:
        self.interval_s = interval_s
        self.origin = origin

    def number(self, now: float) -> int:
        """The last tick that is not after `now`."""
        return floor((now - self.origin) / self.interval_s + _ROUNDING)

    def at(self, number: int) -> float:
        """When tick `number` is."""
        return self.origin + number * self.interval_s
