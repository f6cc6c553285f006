"""Does loss mean congestion?  The loss half of Google congestion control
(draft-ietf-rmcat-gcc-02 section 6), made safe for thin and lossy links.

Radio links lose packets without being full, and retransmission repairs that; only a
loss beyond `TOLERATED` makes us slower.  10 % is the bound of the draft.  Below it a
viewer's repair (NACK, one round trip) still delivers more than 99.9 % of the packets in
three tries, and a policer that drops a tenth of what we send is exceeded by a tenth
only, so staying costs others little.

The draft judges each report by itself.  At 150 kb/s a report covers a handful of
packets, and with a true loss of 6 % one report in four shows over 10 %.  So losses are
gathered until the verdict is sure: the share must exceed the bound by two standard
deviations of a binomial draw of that many packets.
"""

from __future__ import annotations

from collections import deque
from math import sqrt

TOLERATED = 0.10
DEVIATIONS = 2.0
WINDOW_S = 2.0
PACKETS_MIN = 20
"""Fewer packets than these are no evidence."""


class LossGauge:
    """Received and lost packets of the last two seconds."""

    __slots__ = ("_entries", "_lost", "_received")

    def __init__(self) -> None:
        self._entries: deque[tuple[float, int, int]] = deque()
        self._received = 0
        self._lost = 0

    def add(self, received: int, lost: int, now: float) -> None:
        """Counts of one feedback; `lost` is negative for packets that were late."""
        self._entries.append((now, received, lost))
        self._received += received
        self._lost += lost
        while self._entries and now - self._entries[0][0] > WINDOW_S:
            _, old_received, old_lost = self._entries.popleft()
            self._received -= old_received
            self._lost -= old_lost

    def clear(self) -> None:
        """Start anew: what was lost before says nothing about the new rate."""
        self._entries.clear()
        self._received = self._lost = 0

    @property
    def fraction(self) -> float:
        """Share lost, 0..1."""
        total = self._received + self._lost
        return max(0, self._lost) / total if total > 0 else 0.0

    @property
    def excessive(self) -> bool:
        """Whether the loss is beyond what we tolerate, with confidence."""
        total = self._received + self._lost
        if total < PACKETS_MIN:
            return False
        deviation = sqrt(TOLERATED * (1 - TOLERATED) / total)
        return self._lost / total > TOLERATED + DEVIATIONS * deviation
