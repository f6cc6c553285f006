"""Padding that finds out whether a higher layer would fit.

A relay sends what the camera made, so a free path and one that is just wide enough
look alike.  When a viewer could use more than the estimate (`set_goal`), a *cluster* is
sent: for a short time live packets are topped up with padding to the rate in question.
The cluster's rate at the receiver tells what the path did with it.

Each probe has two stages.  The *scout* is short, at the goal or twice the estimate:
cheap enough to be repeated every few seconds for ever.  A token bucket in the path
swallows so little without a trace, so a good result is confirmed before anything is
switched: for as long as the queue permits that a failure would leave, and somewhat
faster, because a bucket hides a small excess for long.  A scout that ran into the limit
is still worth a confirmation at the rate it met, when that is well above the estimate.

Success leads to the next probe at once (from 1 Mb/s this doubles, that is the start of
every viewer), failure to a pause.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshproto.forwarding.congestion.history import Seen
from meshproto.forwarding.congestion.loss import TOLERATED

SCOUT_QUEUE_S, SCOUT_MAX_S = 0.05, 0.15
CONFIRM_QUEUE_S, CONFIRM_MAX_S = 0.15, 0.4
"""A probe's length: as long as a path that carries just the estimate would queue no
more than this, and no longer than the maximum."""
STEP_S = 0.005
PAUSE_S, PAUSE_MAX_S = 4.0, 8.0
"""After a failure, and after many in a row."""

PAUSE_GROWTH = 1.3
ANSWER_S = 1.0
"""A cluster without complete feedback after this is given up."""

REACH = 2.0
"""A probe asks for at most this times the estimate."""

SPARE = 1.05
"""Above the goal, since what is measured falls short of what was meant."""

EXCESS = 1.25
"""How much faster than the scout the confirmation is."""

PASSED = 0.9
"""Arriving at this share of the sending rate, a cluster met no limit."""

JITTER_S = 0.015
"""Or so: by this much jitter alone may draw a cluster out."""

CAUTION = 0.95

CONCLUSIVE = 0.5
"""Feedback on less than this share of a cluster says nothing."""

WORTH_CONFIRMING = 1.15
PADDING_MIN_BYTES = 100


class Cluster:
    """One burst of padded traffic and what came of it."""

    __slots__ = (
        "began",
        "confirms",
        "ends",
        "first",
        "last",
        "lost",
        "number",
        "packets",
        "rate_bps",
        "received_bytes",
        "seen",
        "sent_bytes",
    )

    def __init__(
        self, number: int, rate_bps: float, began: float, ends: float, confirms: bool
    ) -> None:
        self.number = number
        self.rate_bps = rate_bps
        self.began = began
        self.ends = ends
        self.confirms = confirms
        self.packets = self.seen = self.lost = 0
        self.sent_bytes = 0
        self.received_bytes = 0.0
        self.first: Seen | None = None
        self.last: Seen | None = None

    def add(self, burst: Seen) -> None:
        """A burst of the cluster was reported on."""
        self.seen += burst.received + burst.lost
        self.lost += burst.lost
        if not burst.received:
            return
        self.received_bytes += burst.size_bytes
        self.first = self.first or burst
        self.last = burst

    @property
    def loss_factor(self) -> float:
        """What to multiply by to count tolerated losses as carried.

        On a lossy path that is not full, what was lost was sent for nothing, but
        nothing more would get through at a lower rate.
        """
        if self.lost > TOLERATED * self.seen:
            return 1.0
        return self.seen / max(self.seen - self.lost, 1)

    def measure(self) -> tuple[float, float, float]:
        """Sending and receiving rate in bit/s, and how much longer (s) it took to
        arrive than to leave; zeros if too little came back.

        Both rates count the bytes between two instants: without the last burst for
        departures, without the first for arrivals.
        """
        first, last = self.first, self.last
        if first is None or last is None or last.sent_s <= first.sent_s:
            return 0.0, 0.0, 0.0
        departing = (self.received_bytes - last.size_bytes) * 8
        arriving = (self.received_bytes - first.size_bytes) * 8
        left_s = last.sent_s - first.sent_s
        came_s = last.arrival_s - first.arrival_s
        sending = departing / left_s
        return sending, arriving / came_s if came_s > 0 else sending, came_s - left_s


class Prober:
    """When to pad, and what clusters proved."""

    __slots__ = (
        "_cluster",
        "_count",
        "_goal_bps",
        "_next_at",
        "_pause_s",
        "_stepped_at",
    )

    def __init__(self) -> None:
        self._cluster: Cluster | None = None
        self._count = 0
        self._goal_bps = 0.0
        self._next_at = 0.0
        self._pause_s = PAUSE_S
        self._stepped_at = 0.0

    def set_goal(self, goal_bps: float) -> None:
        """The estimate that would be of use; 0 when everybody has the best."""
        self._goal_bps = goal_bps

    def postpone(self, now: float) -> None:
        """Congestion: probe no earlier than after a pause, and drop what runs."""
        self._cluster = None
        self._next_at = now + PAUSE_S

    def on_sent(self, count: int, size_bytes: int, now: float) -> int:
        """Packets left: the number of the cluster they belong to, 0 for none."""
        running = self._cluster
        if running is None or now >= running.ends:
            return 0
        running.packets += count
        running.sent_bytes += size_bytes
        return running.number

    def begin(self, estimate_bps: float, now: float) -> None:
        """Start a probe if one is due and of use."""
        goal = self._goal_bps
        if self._cluster is None and goal > estimate_bps and now >= self._next_at:
            rate = min(SPARE * goal, REACH * estimate_bps)
            self._start(rate, estimate_bps, False, now)

    def _start(
        self, rate_bps: float, estimate_bps: float, confirms: bool, now: float
    ) -> None:
        self._count += 1
        excess = max(rate_bps / estimate_bps - 1, 0.01)
        if confirms:
            ends = now + min(CONFIRM_QUEUE_S / excess, CONFIRM_MAX_S)
        else:
            ends = now + min(SCOUT_QUEUE_S / excess, SCOUT_MAX_S)
        self._cluster = Cluster(self._count, rate_bps, now, ends, confirms)
        self._stepped_at = now - STEP_S

    def padding_due(self, now: float) -> int:
        """Bytes that are missing to the cluster's rate at this instant."""
        running = self._cluster
        if running is None or now >= running.ends or now < self._stepped_at + STEP_S:
            return 0
        self._stepped_at = now
        share_s = now + STEP_S - running.began
        missing = int(running.rate_bps / 8 * share_s) - running.sent_bytes
        return missing if missing >= PADDING_MIN_BYTES else 0

    def on_seen(
        self, bursts: Sequence[Seen], estimate_bps: float, now: float
    ) -> float | None:
        """Feedback arrived; the rate that a finished probe proved, if any."""
        running = self._cluster
        if running is None:
            return None
        passed_by = False
        for burst in bursts:
            if burst.cluster == running.number:
                running.add(burst)
            elif burst.sent_s >= running.ends:
                passed_by = True
        if now < running.ends:
            return None
        if running.seen < running.packets and not passed_by:
            return None
        return self._finish(running, estimate_bps, now)

    def _finish(self, done: Cluster, estimate_bps: float, now: float) -> float | None:
        self._cluster = None
        if done.seen < CONCLUSIVE * done.packets:
            self._next_at = now  # the feedback was lost
            return None
        sending, arriving, stretch_s = done.measure()
        passed = arriving >= PASSED * sending or stretch_s < JITTER_S
        proven = min(sending, arriving) * (done.loss_factor if passed else CAUTION)
        if done.confirms:
            self._rest(now, passed)
            return proven
        if proven > (estimate_bps if passed else WORTH_CONFIRMING * estimate_bps):
            rate = EXCESS * done.rate_bps if passed else proven
            self._start(rate, estimate_bps, True, now)
        else:
            self._rest(now, False)
        return None

    def _rest(self, now: float, passed: bool) -> None:
        if passed:
            self._next_at, self._pause_s = now, PAUSE_S
        else:
            self._next_at = now + self._pause_s
            self._pause_s = min(PAUSE_GROWTH * self._pause_s, PAUSE_MAX_S)

    def next_timeout(self, estimate_bps: float) -> float | None:
        """When to call `handle_timeout` and `padding_due`; None: nothing planned."""
        running = self._cluster
        if running is None:
            return self._next_at if self._goal_bps > estimate_bps else None
        step = self._stepped_at + STEP_S
        return step if step < running.ends else running.ends + ANSWER_S

    def handle_timeout(self, now: float) -> None:
        """Give up a cluster whose feedback never came."""
        running = self._cluster
        if running is not None and now >= running.ends + ANSWER_S:
            self._cluster = None
            self._next_at = now
