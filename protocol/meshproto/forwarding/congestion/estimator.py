"""How much the path to one client carries, in bit/s.

Two sources, the better one that the client speaks:

1. *Transport-wide feedback*: delay trend and loss, AIMD on what arrived
   (draft-ietf-rmcat-gcc-02).  Overuse sets the estimate to 0.85 of what came through;
   otherwise it grows by 8 % a second, up to 1.5 times what came through, because more
   than that was not tried.  A relay cannot send more than it has, so the way further
   up is the prober's, whose findings arrive by `raise_to`.
2. *Receiver reports*, with or without REMB: see `reports`.

An overuse means that a queue stands in the path, and sending less only stops it from
growing.  So video is held (`held_until`) for as long as the path needs to deliver what
is under way beyond a round trip: that time is known from the bytes outstanding.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from meshproto.forwarding.congestion.config import CongestionConfig
from meshproto.forwarding.congestion.delay import DelayTrend, Usage
from meshproto.forwarding.congestion.history import Seen, SentHistory
from meshproto.forwarding.congestion.loss import LossGauge
from meshproto.forwarding.congestion.reports import Reports
from meshproto.forwarding.congestion.throughput import Throughput
from meshproto.forwarding.congestion.windowed import INFINITE, WindowedMin
from meshproto.wire.twcc import Arrival

BACK_OFF = 0.85
BACK_OFF_PROBED = 0.95
PROBED_S = 0.3
"""A queue that our own probe made needs no room to drain: it ends with the probe."""

GROWTH_PER_S = 0.08
UNTRIED_FACTOR = 1.5
UNTRIED_BPS = 10_000
RESPONSE_S = 0.2
"""Between two decreases, plus a round trip: the first one must show its effect."""

BUSY_QUEUE_S = 0.05
"""With a queue above this the path was never idle in the last 100 ms."""

HOLD_MAX_S = 1.0
HOLD_SLACK_S = 0.05
RTT_WINDOW_S = 10.0
RTT_MAX_S = 1.0
SILENCE_S = 2.0
SILENCE_FACTOR = 0.8


class Source(Enum):
    """What the estimate rests on."""

    NOTHING = "nothing"
    REPORTS = "reports"
    FEEDBACK = "feedback"


class BandwidthEstimator:
    """One transport's estimate.

    `held_until` is the time before which no video should be sent.  `ceiling_bps`
    bounds growth: more than that is of no use.
    """

    __slots__ = (
        "_config",
        "_delay",
        "_estimate",
        "_grown_at",
        "_history",
        "_loss",
        "_probed_at",
        "_reports",
        "_rtt",
        "_silence_at",
        "_throughput",
        "ceiling_bps",
        "decreased_at",
        "held_until",
        "on_sent_burst",
        "source",
    )

    def __init__(self, config: CongestionConfig) -> None:
        self._config = config
        self._history = SentHistory(config.history_bursts_unheard)
        self._delay = DelayTrend()
        self._loss = LossGauge()
        self._throughput = Throughput()
        self._estimate = float(config.start_bps)
        self._reports = Reports(self._history)
        self.on_sent_burst = self._history.add
        """Packets left, see `SentHistory.add`: the one call on the packet path."""
        self._rtt = WindowedMin(RTT_WINDOW_S)
        self._grown_at: float | None = None
        self._silence_at = INFINITE
        self._probed_at = -INFINITE
        self.decreased_at = -INFINITE
        self.held_until = -INFINITE
        self.ceiling_bps = float(config.max_bps)
        self.source = Source.NOTHING

    @property
    def estimate_bps(self) -> float:
        """The estimate, within the configured bounds."""
        return self._estimate

    @property
    def usage(self) -> Usage:
        """What the delay says at the moment."""
        return self._delay.usage

    @property
    def queue_s(self) -> float:
        """How long a packet waits in the path, as far as known."""
        return self._delay.queue_s

    @property
    def met_limit(self) -> bool:
        """Whether the path ever refused something: else the estimate is a guess."""
        return self.decreased_at > -INFINITE

    @property
    def rtt_s(self) -> float:
        """The shortest round trip seen lately, waiting for feedback included."""
        return min(self._rtt.value, RTT_MAX_S)

    def on_feedback(self, arrivals: Sequence[Arrival], now: float) -> list[Seen]:
        """A transport-wide feedback; what it said, burst by burst."""
        matched = self._history.match(arrivals)
        received, lost = matched.late, -matched.late
        for burst in matched.bursts:
            received += burst.received
            lost += burst.lost
            if burst.received:
                self._delay.on_burst(burst.sent_s, burst.arrival_s)
                self._throughput.add(burst.arrival_s, burst.size_bytes)
        if matched.unreported_bytes:
            self._throughput.add_unreported(matched.unreported_bytes)
        if not matched.bursts:
            if matched.late:
                self._loss.add(received, lost, now)
            return []
        self.source = Source.FEEDBACK
        self._history.limit = self._config.history_bursts
        self._silence_at = now + SILENCE_S
        if matched.bursts[-1].cluster:
            self._probed_at = now
        self._rtt.add(now - matched.bursts[-1].sent_s, now)
        self._loss.add(received, lost, now)
        self._react(now)
        return matched.bursts

    def _react(self, now: float) -> None:
        settled = now - self.decreased_at > RESPONSE_S + self.rtt_s
        if self._delay.usage is Usage.OVER:
            if settled:
                self._back_off(now)
        elif self._loss.excessive:
            if settled:
                self._lose(now)
        elif self._delay.usage is Usage.NORMAL and now >= self.held_until:
            self._grow(now)
            return
        self._grown_at = now

    def _back_off(self, now: float) -> None:
        capacity = self._throughput.recent_bps()
        if self._delay.queue_s < BUSY_QUEUE_S:
            capacity = max(capacity, self._throughput.bps())
        probed = now - self._probed_at < PROBED_S
        kept = BACK_OFF_PROBED if probed else BACK_OFF
        self._set(min(kept * capacity, self._estimate))
        self.decreased_at = now
        surplus_s = self._history.outstanding_bytes * 8 / max(capacity, 1.0)
        hold_s = surplus_s - self.rtt_s - HOLD_SLACK_S
        self.held_until = now + min(max(hold_s, 0.0), HOLD_MAX_S)

    def _lose(self, now: float) -> None:
        self._set(self._estimate * (1 - 0.5 * self._loss.fraction))
        self.decreased_at = now
        self._loss.clear()

    def _grow(self, now: float) -> None:
        elapsed = 0.0 if self._grown_at is None else min(now - self._grown_at, 1.0)
        self._grown_at = now
        arrived = self._throughput.bps()
        limit = min(UNTRIED_FACTOR * arrived + UNTRIED_BPS, self.ceiling_bps)
        grown = min(self._estimate * (1 + GROWTH_PER_S * elapsed), limit)
        # what came through without a queue is carried, whatever was believed before
        proven = arrived if self._delay.queue_s < BUSY_QUEUE_S else 0.0
        self._set(max(self._estimate, grown, proven))

    def _set(self, estimate_bps: float) -> None:
        config = self._config
        self._estimate = min(max(estimate_bps, config.min_bps), config.max_bps)

    def raise_to(self, estimate_bps: float, now: float) -> None:
        """A probe proved this much, unless a queue says otherwise meanwhile."""
        if self._delay.usage is not Usage.OVER and now >= self.held_until:
            self._set(max(self._estimate, estimate_bps))

    def on_remb(self, bitrate_bps: float, now: float) -> None:
        """The receiver's own estimate arrived."""
        if self.source is not Source.FEEDBACK:
            self._report(self._reports.on_remb(self._estimate, bitrate_bps, now), now)

    def on_report(self, fraction: float, rtt_s: float | None, now: float) -> None:
        """A receiver report arrived: the fraction lost since the last one."""
        if self.source is not Source.FEEDBACK:
            advice = self._reports.on_report(self._estimate, fraction, rtt_s, now)
            self._report(advice, now)

    def _report(self, advice_bps: float, now: float) -> None:
        self.source = Source.REPORTS
        if advice_bps < self._estimate:
            self.decreased_at = now
            self._set(advice_bps)
        else:
            self._set(max(self._estimate, min(advice_bps, self.ceiling_bps)))

    def next_timeout(self) -> float | None:
        """When silence becomes suspicious; None while nothing is expected."""
        return self._silence_at if self._silence_at < INFINITE else None

    def handle_timeout(self, now: float) -> None:
        """No feedback for long although packets left: slow down step by step."""
        if now < self._silence_at:
            return
        oldest = self._history.oldest_s()
        if oldest is not None and now - oldest >= SILENCE_S / 4:
            self._history.forget()
            self._set(self._estimate * SILENCE_FACTOR)
            self.decreased_at = now
        self._silence_at = now + SILENCE_S / 2
