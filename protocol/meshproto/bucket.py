"""A leaky bucket: so much at once, so much a second (RFC 0006 section 7)."""

from __future__ import annotations


class Bucket:
    """Full at first; `take` takes an amount out of it, time fills it."""

    __slots__ = ("_at", "_burst", "_level", "_per_s")

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._level = burst
        self._at = now

    def take(self, now: float, amount: float = 1.0) -> bool:
        """Take `amount`; nothing, and False, where less than that is left."""
        filled = self._level + max(now - self._at, 0.0) * self._per_s
        self._level = min(filled, self._burst)
        self._at = now
        if self._level < amount:
            return False
        self._level -= amount
        return True
