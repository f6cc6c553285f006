"""Is a queue growing on the path?  The delay half of Google congestion control
(draft-ietf-rmcat-gcc-02 section 5, with the trendline in place of the Kalman filter).

Packets sent within 5 ms form a *group*.  From group to group the one-way delay changes
by (arrival difference - departure difference); no clocks need to agree for that.  The
sum of these changes is smoothed, a line is laid through the last twenty points, and
its slope, scaled, is compared with a threshold that adapts: it rises slowly while the
slope stays beyond it (so that a TCP flow in the same queue does not starve us) and
falls back faster.

One addition.  A relay forwards whole frames at once, so delay differences hold the
frames' own serialisation time, and wireless hops add jitter: both make slopes without
a queue that lasts.  The smallest one-way delay of the last ten to twenty seconds is
the empty path; a slope counts as overuse only when the delay above that (`queue_s`)
exceeds `QUEUE_MIN_S` as well.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from meshproto.forwarding.congestion.windowed import WindowedMin

GROUP_S = 0.005
WINDOW = 20
SMOOTHING = 0.9
GAIN = 4.0
DELTAS_MAX = 60
THRESHOLD_START_MS = 12.5
THRESHOLD_MIN_MS, THRESHOLD_MAX_MS = 6.0, 600.0
THRESHOLD_UP, THRESHOLD_DOWN = 0.0087, 0.039
THRESHOLD_REACH_MS = 15.0
OVERUSE_MIN_MS = 10.0

QUEUE_MIN_S = 0.03
"""Delay above the empty path that jitter alone may cause."""

QUEUE_LOOK_S = 0.01
"""Below this nobody even looks at the slope: the usual case costs little."""

QUEUE_SMOOTHING = 0.7
BASE_WINDOW_S = 10.0
"""The smallest delay is forgotten after one to two of these (routes change)."""

RESTART_S = 3.0
"""A pause in sending after which old groups say nothing about new ones."""


class Usage(Enum):
    """What the slope says."""

    UNDER = "under"  # a queue is draining
    NORMAL = "normal"
    OVER = "over"  # a queue is growing


class DelayTrend:
    """Feed it bursts in the order of sending; read `usage` and `queue_s`."""

    __slots__ = (
        "_base",
        "_count",
        "_deltas",
        "_group",
        "_last_slope",
        "_over_ms",
        "_overs",
        "_points",
        "_previous",
        "_smoothed_ms",
        "_sum_ms",
        "_threshold_ms",
        "queue_s",
        "usage",
    )

    def __init__(self) -> None:
        self.usage = Usage.NORMAL
        self.queue_s = 0.0
        self._base = WindowedMin(BASE_WINDOW_S)
        self._threshold_ms = THRESHOLD_START_MS
        self._restart()

    def _restart(self) -> None:
        # a group is (first departure, last departure, last arrival)
        self._group: tuple[float, float, float] | None = None
        self._previous: tuple[float, float, float] | None = None
        self._points: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._deltas = 0
        self._sum_ms = self._smoothed_ms = 0.0
        self._over_ms, self._overs = -1.0, 0
        self._last_slope = 0.0

    def on_burst(self, sent_s: float, arrival_s: float) -> None:
        """A burst's departure, and the arrival of its last packet."""
        group = self._group
        if group is not None:
            first, last, arrived = group
            if sent_s - first <= GROUP_S:
                self._group = (first, max(last, sent_s), max(arrived, arrival_s))
                return
            self._complete(group)
            if sent_s - last > RESTART_S:
                self._restart()
        self._group = (sent_s, sent_s, arrival_s)

    def _complete(self, group: tuple[float, float, float]) -> None:
        _, sent, arrived = group
        self._measure_queue(arrived - sent, sent)
        previous, self._previous = self._previous, group
        if previous is None:
            return
        sent_delta = sent - previous[1]
        delta_ms = (arrived - previous[2] - sent_delta) * 1e3
        self._deltas += 1
        self._sum_ms += delta_ms
        self._smoothed_ms += (1 - SMOOTHING) * (self._sum_ms - self._smoothed_ms)
        self._points.append((arrived * 1e3, self._smoothed_ms))
        if self.queue_s < QUEUE_LOOK_S:
            self._calm()
        elif len(self._points) == WINDOW:
            self._detect(_slope(self._points), sent_delta * 1e3)

    def _measure_queue(self, delay: float, sent: float) -> None:
        queue = delay - self._base.add(delay, sent)
        self.queue_s += (1 - QUEUE_SMOOTHING) * (queue - self.queue_s)

    def _calm(self) -> None:
        """Nothing waits in the path, so no slope means anything."""
        if self.usage is not Usage.NORMAL or self._overs:
            self.usage = Usage.NORMAL
            self._threshold_ms = THRESHOLD_START_MS
            self._over_ms, self._overs = -1.0, 0
            self._last_slope = 0.0

    def _detect(self, slope: float, interval_ms: float) -> None:
        trend = min(self._deltas, DELTAS_MAX) * slope * GAIN
        if trend > self._threshold_ms:
            first = self._over_ms < 0
            self._over_ms = interval_ms / 2 if first else self._over_ms + interval_ms
            self._overs += 1
            lasting = self._over_ms > OVERUSE_MIN_MS and self._overs > 1
            if lasting and slope >= self._last_slope and self.queue_s > QUEUE_MIN_S:
                self._over_ms, self._overs = 0.0, 0
                self.usage = Usage.OVER
        else:
            self._over_ms, self._overs = -1.0, 0
            under = trend < -self._threshold_ms
            self.usage = Usage.UNDER if under else Usage.NORMAL
        self._last_slope = slope
        self._adapt(abs(trend), min(interval_ms, 100.0))

    def _adapt(self, trend_ms: float, interval_ms: float) -> None:
        distance = trend_ms - self._threshold_ms
        if distance > THRESHOLD_REACH_MS:
            return  # a sudden jump of the path says nothing about its noise
        speed = THRESHOLD_DOWN if distance < 0 else THRESHOLD_UP
        threshold = self._threshold_ms + speed * distance * interval_ms
        self._threshold_ms = min(max(threshold, THRESHOLD_MIN_MS), THRESHOLD_MAX_MS)


def _slope(points: deque[tuple[float, float]]) -> float:
    """Least squares slope of y over x."""
    # added one by one, not by `sum`, which rounds otherwise since Python 3.12: every
    # version, and the native plane, shall find the same slope
    count = len(points)
    sum_x = sum_y = over = under = 0.0
    for x, y in points:
        sum_x += x
        sum_y += y
    mean_x, mean_y = sum_x / count, sum_y / count
    for x, y in points:
        over += (x - mean_x) * (y - mean_y)
        under += (x - mean_x) * (x - mean_x)
    return over / under if under else 0.0
