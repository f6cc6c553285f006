"""Receivers without transport-wide feedback: receiver reports, and perhaps REMB.

Once a second they tell the fraction lost, a round trip time, and some their own
estimate (draft-alvestrand-rmcat-remb-03).  That is little, so we grow blindly by 8 % a
second until something speaks against it:

- a loss beyond what is tolerated, or a round trip far above the shortest one: then no
  more than what came through is right;
- a REMB near or below what we send, unless it is rising.  Receivers never report more
  than 1.5 times what they get, so a REMB only counts when it is close to that, and it
  starts low and climbs: as long as it climbs it is not a complaint.
"""

from __future__ import annotations

from meshproto.forwarding.congestion.history import SentHistory
from meshproto.forwarding.congestion.loss import LossGauge
from meshproto.forwarding.congestion.windowed import INFINITE, WindowedMin

GROWTH_PER_S = 0.08
GROWTH_MAX_S = 5.0
BACK_OFF = 0.85
QUEUE_RTT_S = 0.15
RTT_WINDOW_S = 30.0
REMB_SLACK = 1.25
MEASURE_S = 0.4


class Reports:
    """What they say about the estimate."""

    __slots__ = (
        "_bytes_before",
        "_history",
        "_loss",
        "_measured_at",
        "_packets_before",
        "_remb_bps",
        "_reported_at",
        "_rtt",
        "_sent_bps",
    )

    def __init__(self, history: SentHistory) -> None:
        self._history = history
        self._loss = LossGauge()
        self._rtt = WindowedMin(RTT_WINDOW_S)
        self._remb_bps = INFINITE
        self._packets_before = 0
        self._bytes_before = 0.0
        self._sent_bps = 0.0
        self._measured_at: float | None = None
        self._reported_at: float | None = None

    def _measure(self, now: float) -> None:
        since = self._measured_at
        if since is None or now - since >= MEASURE_S:
            if since is not None:
                sent = self._history.sent_bytes - self._bytes_before
                self._sent_bps = sent * 8 / (now - since)
            self._measured_at, self._bytes_before = now, self._history.sent_bytes

    def on_remb(self, estimate_bps: float, bitrate_bps: float, now: float) -> float:
        """The receiver's estimate arrived; ours in its light."""
        self._measure(now)
        before, self._remb_bps = self._remb_bps, bitrate_bps
        if bitrate_bps < REMB_SLACK * self._sent_bps and bitrate_bps <= before:
            return min(estimate_bps, bitrate_bps)
        return estimate_bps

    def on_report(
        self, estimate_bps: float, fraction: float, rtt_s: float | None, now: float
    ) -> float:
        """A report arrived: fraction lost since the last one; our new estimate."""
        self._measure(now)
        sent = self._history.sent_packets
        packets, self._packets_before = sent - self._packets_before, sent
        lost = round(packets * fraction)
        self._loss.add(packets - lost, lost, now)
        elapsed_s = now - (self._reported_at or now)
        self._reported_at = now
        through_bps = self._sent_bps * (1 - fraction)
        if self._loss.excessive:
            self._loss.clear()
            slower = estimate_bps * (1 - 0.5 * fraction)
            return min(slower, through_bps) if through_bps else slower
        if rtt_s is not None and rtt_s > self._rtt.add(rtt_s, now) + QUEUE_RTT_S:
            return min(estimate_bps, BACK_OFF * through_bps or estimate_bps)
        if self._remb_bps < self._sent_bps:
            return estimate_bps
        return estimate_bps * (1 + GROWTH_PER_S * min(elapsed_s, GROWTH_MAX_S))
