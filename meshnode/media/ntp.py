"""NTP time on the monotonic clock: what sender reports and the age of packets need.

The difference of two clocks is wrong by as long as the process is put aside between
the two readings, and for good.  So the wall clock is read between two readings of the
other, several times, and the quickest of these counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable

NTP_EPOCH_S = 2_208_988_800
"""From 1900, where NTP begins, to 1970."""
READINGS = 8
"""One of so many is not interrupted, even on a busy machine."""


def ntp_offset_s(
    monotonic: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> float:
    """What to add to `monotonic`, in seconds, to have NTP time."""
    found = (_reading(monotonic, wall) for _ in range(READINGS))
    return NTP_EPOCH_S + min(found)[1]


def _reading(
    monotonic: Callable[[], float], wall: Callable[[], float]
) -> tuple[float, float]:
    """How long it took, and the difference of the clocks in its middle."""
    before = monotonic()
    at = wall()
    after = monotonic()
    return after - before, at - (before + after) / 2
