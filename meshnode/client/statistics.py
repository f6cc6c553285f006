"""What a client shows while it runs: one sample of rates, from counters of aiortc.

Counters only grow, so a rate is a difference between two samples.  Loss is what the
receiving end says: the player its own, the publisher what the node reports back.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

BITS = 8


@dataclass(slots=True)
class FrameMeter:
    """Counts the frames of one track; whoever handles a frame calls `add`."""

    frames: int = 0
    width: int = 0
    height: int = 0

    def add(self, frame: Any) -> None:
        """Count a decoded frame and note its size."""
        self.frames += 1
        self.width = int(getattr(frame, "width", 0) or 0)
        self.height = int(getattr(frame, "height", 0) or 0)


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of progress.  `loss` is a fraction; None means not known (yet)."""

    state: str
    elapsed_s: float
    width: int
    height: int
    frames: int
    frame_rate_hz: float
    bitrate_bps: float
    loss: float | None
    round_trip_s: float | None

    def __str__(self) -> str:
        size = f"{self.width}x{self.height}" if self.width else "no picture yet"
        loss = "-" if self.loss is None else f"{self.loss:.1%}"
        trip = (
            "-" if self.round_trip_s is None else f"{self.round_trip_s * 1000:.1f} ms"
        )
        rates = f"{self.frame_rate_hz:.0f} fps  {self.bitrate_bps / 1000:.0f} kb/s"
        return (
            f"{self.state}  {self.elapsed_s:.0f} s  {size}  {rates}"
            f"  loss {loss}  rtt {trip}"
        )


@dataclass(frozen=True, slots=True)
class _Counters:
    at_s: float
    frames: int = 0
    moved_bytes: int = 0
    expected: int = 0
    lost: int = 0


class Sampler:
    """Turns counters into `Sample`s; `outgoing` says which direction counts."""

    def __init__(
        self,
        meter: FrameMeter,
        *,
        outgoing: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._meter = meter
        self._outgoing = outgoing
        self._clock = clock
        self.start()

    def start(self) -> None:
        """Count time and rates from now on."""
        self._began_s = self._clock()
        self._before = _Counters(self._began_s, frames=self._meter.frames)

    def sample(
        self, state: str, report: Iterable[Any], round_trip_s: float | None
    ) -> Sample:
        """The state of affairs since the last call; `report` are aiortc's stats."""
        now = self._counters(list(report))
        before, self._before = self._before, now
        span_s = max(now.at_s - before.at_s, 1e-3)
        expected = now.expected - before.expected
        lost = now.lost - before.lost
        return Sample(
            state=state,
            elapsed_s=now.at_s - self._began_s,
            width=self._meter.width,
            height=self._meter.height,
            frames=now.frames,
            frame_rate_hz=(now.frames - before.frames) / span_s,
            bitrate_bps=(now.moved_bytes - before.moved_bytes) * BITS / span_s,
            loss=min(1.0, max(0.0, lost / expected)) if expected > 0 else None,
            round_trip_s=round_trip_s,
        )

    def _counters(self, report: list[Any]) -> _Counters:
        reports = "remote-inbound-rtp" if self._outgoing else "inbound-rtp"
        moved = "bytesSent" if self._outgoing else "bytesReceived"
        ends = [stats for stats in report if stats.type == reports]
        transports = [stats for stats in report if stats.type == "transport"]
        lost = sum(stats.packetsLost for stats in ends)
        return _Counters(
            at_s=self._clock(),
            frames=self._meter.frames,
            moved_bytes=sum(getattr(stats, moved) for stats in transports),
            expected=sum(stats.packetsReceived for stats in ends) + lost,
            lost=lost,
        )
