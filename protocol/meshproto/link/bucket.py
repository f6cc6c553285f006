"""A leaky bucket: so much at once, so much a second (RFC 0006 section 7)."""

from __future__ import annotations


class Bucket:
    """Full at first; `take` empties it by one, time fills it."""

    __slots__ = ("_at", "_burst", "_level", "_per_s")

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._level = burst
        self._at = now

    def take(self, now: float) -> bool:
        """Take one, False when there is none."""
        filled = self._level + max(now - self._at, 0.0) * self._per_s
        self._level = min(filled, self._burst)
        self._at = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True
