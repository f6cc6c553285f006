"""An allowance: so much at once, so much a second, taken in amounts."""

from __future__ import annotations


class Allowance:
    """Full at first; `take` takes an amount if it is there, time fills it again."""

    __slots__ = ("_at", "_burst", "_level", "_per_s")

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._level = burst
        self._at = now

    def take(self, amount: float, now: float) -> bool:
        """Take `amount`, or nothing and False when less than that is left."""
        filled = self._level + max(now - self._at, 0.0) * self._per_s
        self._level = min(filled, self._burst)
        self._at = now
        if self._level < amount:
            return False
        self._level -= amount
        return True
