"""NTP time on the monotonic clock, whatever the process was let wait."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from meshnode.media.ntp import NTP_EPOCH_S, READINGS, ntp_offset_s


class Clocks:
    """Two clocks 1,000 s apart; a pause follows each reading of the first."""

    def __init__(self, pauses_s: Iterator[float]) -> None:
        self._now_s, self._pauses_s = 5.0, pauses_s

    def monotonic(self) -> float:
        now_s = self._now_s
        self._now_s += next(self._pauses_s)
        return now_s

    def wall(self) -> float:
        return self._now_s + 1000.0


def test_a_process_that_is_put_aside_reads_again() -> None:
    pauses_s = [0.02] * 2 * READINGS
    pauses_s[6] = 1e-6  # after the first reading of the fourth
    clocks = Clocks(iter(pauses_s))
    offset_s = ntp_offset_s(clocks.monotonic, clocks.wall)
    assert offset_s - NTP_EPOCH_S == pytest.approx(1000.0, abs=1e-6)


def test_it_is_ntp_time_now() -> None:
    assert time.monotonic() + ntp_offset_s() == pytest.approx(
        NTP_EPOCH_S + time.time(), abs=0.5
    )
