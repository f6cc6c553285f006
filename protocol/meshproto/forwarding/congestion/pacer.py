"""When a burst may leave.

A relay's traffic is already paced by the camera: thirty small bursts a second.  So the
pacer is a *debt*, not a queue.  Whatever was sent adds to the debt, time at the pacing
rate takes from it, and while the debt is small a live burst leaves at once, for the
price of two comparisons.  Only what exceeds that is held back (a key frame larger than
the path swallows), and it waits where it lies anyway, in the layer's history.

Priority is how much debt each kind of traffic still tolerates: a retransmission may go
when live video may not, replay and padding stop first.  Audio does not ask; it counts
as debt.  `held_until` stops everything but audio while a queue in the path drains.
"""

from __future__ import annotations

from enum import Enum

from meshproto.forwarding.congestion.config import CongestionConfig


class Priority(Enum):
    """Kinds of traffic that ask; the value is the debt they tolerate, in bursts."""

    RETRANSMISSION = 1.5
    LIVE = 1.0
    REPLAY = 0.5


class Pacer:
    """The debt of one transport."""

    __slots__ = (
        "_burst_bytes",
        "_config",
        "_debt",
        "_rate",
        "_time",
        "held_until",
    )

    def __init__(self, config: CongestionConfig) -> None:
        self._config = config
        self._debt = 0.0
        self._time = 0.0
        self.held_until = float("-inf")
        self.set_rate(config.start_bps * config.pacing_factor)

    def set_rate(self, pacing_bps: float) -> None:
        """Pace at this rate from the next packet on."""
        config = self._config
        self._rate = pacing_bps / 8
        self._burst_bytes = max(config.burst_min_bytes, self._rate * config.burst_s)

    def on_sent(self, size_bytes: int, now: float) -> None:
        """Anything left on this transport."""
        debt = self._debt - (now - self._time) * self._rate
        self._debt = size_bytes + (debt if debt > 0 else 0.0)
        self._time = now

    def admit(self, now: float) -> bool:
        """Whether a live burst, however large, may leave this instant."""
        if now < self.held_until:
            return False
        return self._debt - (now - self._time) * self._rate < self._burst_bytes

    def ready_at(self, now: float, priority: Priority) -> float:
        """The earliest time for a packet of that kind, `now` if it may leave."""
        debt = self._debt - (now - self._time) * self._rate
        excess = debt - priority.value * self._burst_bytes
        return max(now, now + excess / self._rate, self.held_until)
