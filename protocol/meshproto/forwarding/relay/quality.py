"""How well a leg gets through: loss and queueing, out of a child's reports.

What was sent is remembered for a moment, so that only packets that left over this leg
count: a number that its publisher lost, or a layer that was not wanted, is no loss of
the path.  Clocks are compared by nobody: a one-way time is judged by the least one of
the last seconds, and what is above that waited in a queue (RFC 0003 section 13.8).
"""

from __future__ import annotations

from meshproto.wire.ccfb import STAMP_HZ, TICKS_HZ, CongestionFeedback

SENT_MAX = 1_024
"""Packets remembered: half a second of a large stream; one report takes a fifth."""

LEAST_S = 5.0
"""The least one-way time holds for one to two of these."""

_WEIGHT = 1 / 4
_LOSS_PACKETS = 100
"""Losses are an average over about as many packets."""

_WRAP = 1 << 32


class Quality:
    """Of one leg.  `loss` is a share, `queue_s` None while nothing was reported."""

    __slots__ = ("_least", "_sent", "loss", "lost", "queue_s", "reported")

    def __init__(self) -> None:
        self.loss = 0.0
        self.queue_s: float | None = None
        self.reported = 0
        self.lost = 0
        self._sent: dict[tuple[int, int], float] = {}
        self._least = _Least()

    def sent(self, ssrc: int, number: int, now: float) -> None:
        """A packet left."""
        sent = self._sent
        if len(sent) >= SENT_MAX:
            del sent[next(iter(sent))]
        sent[ssrc, number & 0xFFFF] = now

    def repeated(self, ssrc: int, number: int, rtt_s: float, now: float) -> None:
        """The child asked for it again, so it was lost, whatever a report will say;
        unless it left only after the child had asked.
        """
        key = ssrc, number & 0xFFFF
        if now - self._sent.get(key, now) >= rtt_s > 0:
            del self._sent[key]
            self._count(lost=True)

    def heard(self, feedback: CongestionFeedback, rtt_s: float, now: float) -> None:
        """A report came.  What it says of SSRCs that are not ours has no effect, and
        neither has what it misses that left after it was made.
        """
        waits_s: list[float] = []
        for source in feedback.sources:
            for number, offset in source.packets():
                sent_at = self._sent.get((source.ssrc, number))
                if sent_at is None or (offset is None and now - sent_at < 1.5 * rtt_s):
                    continue
                del self._sent[source.ssrc, number]
                self._count(lost=offset is None)
                if offset is not None:
                    came = feedback.stamp - offset * STAMP_HZ // TICKS_HZ
                    waits_s.append(self._least.above(came, sent_at, now))
        if waits_s:
            wait_s = sum(waits_s) / len(waits_s)
            before_s = wait_s if self.queue_s is None else self.queue_s
            self.queue_s = before_s + _WEIGHT * (wait_s - before_s)

    def _count(self, *, lost: bool) -> None:
        self.reported += 1
        self.lost += lost
        weight = 1 / min(self.reported, _LOSS_PACKETS)
        self.loss += weight * (lost - self.loss)


class _Least:
    """The least one-way time of the last seconds, in steps of the report's clock."""

    __slots__ = ("_before", "_now", "_since", "_zero")

    def __init__(self) -> None:
        self._zero: int | None = None
        self._since = 0.0
        self._now: int | None = None
        self._before: int | None = None

    def above(self, came: int, sent_at: float, now: float) -> float:
        """How far a packet's time lies above the least, this one counted."""
        way = came - int(sent_at * STAMP_HZ)
        if self._zero is None:
            self._zero, self._since = way, now
        # the difference of the clocks is anything; only its changes are small
        way = (way - self._zero + _WRAP // 2) % _WRAP - _WRAP // 2
        if now - self._since >= LEAST_S:
            self._before, self._now, self._since = self._now, None, now
        self._now = way if self._now is None else min(self._now, way)
        least = self._now if self._before is None else min(self._now, self._before)
        return (way - least) / STAMP_HZ
