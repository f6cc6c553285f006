"""Every number of congestion control that is a choice, in one value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CongestionConfig:
    """Defaults suit browsers as viewers; rates in bit/s, times in seconds."""

    start_bps: int = 1_000_000
    """Believed before anything is known; the first probes double it."""

    min_bps: int = 50_000
    max_bps: int = 50_000_000

    pacing_factor: float = 2.5
    """Bursts leave at most this much faster than the estimate."""

    burst_s: float = 0.05
    """What may leave at once, in time at the pacing rate: a usual frame passes."""

    burst_min_bytes: int = 6_000

    history_bursts: int = 512
    """Bursts remembered for feedback that is still to come."""

    history_bursts_unheard: int = 128
    """The same before the first feedback: most of what has none never gets any."""
