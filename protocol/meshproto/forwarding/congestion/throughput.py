"""How much arrives: bytes over the receiver's clock."""

from __future__ import annotations

from collections import deque

LONG_S = 0.5
SHORT_S = 0.1


class Throughput:
    """Arrivals of the last half second."""

    __slots__ = ("_arrivals", "_total")

    def __init__(self) -> None:
        self._arrivals: deque[tuple[float, float]] = deque()
        self._total = 0.0

    def add(self, arrival_s: float, size_bytes: float) -> None:
        """A burst arrived (receiver's clock, last packet)."""
        arrivals = self._arrivals
        arrivals.append((arrival_s, size_bytes))
        self._total += size_bytes
        while arrivals[0][0] < arrival_s - LONG_S:
            self._total -= arrivals.popleft()[1]

    def add_unreported(self, size_bytes: float) -> None:
        """The feedback on these was lost; most of them arrived, about now."""
        if self._arrivals:
            self.add(self._arrivals[-1][0], size_bytes)

    def bps(self) -> float:
        """Over half a second: frames and pauses average out."""
        return self._total * 8 / LONG_S

    def recent_bps(self) -> float:
        """Over the last 100 ms or a little more, between two arrivals.

        True only while a queue keeps the path busy; then it is the path's capacity,
        known long before the half second is over.
        """
        if not self._arrivals:
            return 0.0
        end = self._arrivals[-1][0]
        size = 0.0
        for arrival_s, size_bytes in reversed(self._arrivals):
            if arrival_s <= end - SHORT_S:
                return size * 8 / (end - arrival_s)
            size += size_bytes
        return size * 8 / SHORT_S
