"""What left when: the memory that turns feedback into delays, rates and losses.

Packets leave in bursts that share one instant, and feedback lists packets in the same
order, so the unit kept is the burst, not the packet: one small tuple, whatever its
length.  Feedback is matched by walking both lists side by side.

Feedback can be lost, late, repeated, or wrong.  `match` believes in each number once:
it goes forward only, numbers that no feedback mentioned are skipped ("unreported"),
and numbers reported missing that turn up in a later feedback are taken back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from meshproto.wire.twcc import WRAP_US, Arrival

LATE_MAX = 512
"""Missing packets that are remembered in case they were only late."""


class Seen(NamedTuple):
    """The fate of a burst, or of the part of it that one feedback covers.

    `arrival_s` is the receiver's clock at the last packet of it that came, 0.0 when
    none did.  `size_bytes` counts what came.  `cluster` is the probe it belonged to.
    """

    sent_s: float
    arrival_s: float
    size_bytes: float
    received: int
    lost: int
    cluster: int


class Matched(NamedTuple):
    """What one feedback told.

    `late` packets were reported missing before.  `unreported_bytes` were passed over:
    the feedback that covered them was lost.
    """

    bursts: list[Seen]
    late: int
    unreported_bytes: float


_NOTHING = Matched([], 0, 0.0)


class SentHistory:
    """Bursts sent and not yet reported on, oldest first; at most `limit` of them.

    `sent_bytes` and `settled_bytes` only grow; their difference is under way.
    `sent_packets` counts numbers, those jumped over too.
    """

    __slots__ = (
        "_bursts",
        "_late",
        "_missing",
        "_next",
        "_settled",
        "_time_us",
        "limit",
        "sent_bytes",
        "settled_bytes",
    )

    def __init__(self, limit: int) -> None:
        self.limit = limit
        # (first extended number, count, bytes, sent, cluster)
        self._bursts: deque[tuple[int, int, float, float, int]] = deque()
        self._next = 0
        self._settled = 0
        # numbers reported missing, in order, and those of them still believed so
        self._missing: deque[int] = deque(maxlen=LATE_MAX)
        self._late: set[int] = set()
        self._time_us: int | None = None
        self.sent_bytes = 0.0
        self.settled_bytes = 0.0

    @property
    def outstanding_bytes(self) -> float:
        """Sent and not covered by feedback yet."""
        return self.sent_bytes - self.settled_bytes

    @property
    def sent_packets(self) -> int:
        """The number behind the last one sent, extended."""
        return self._next

    def oldest_s(self) -> float | None:
        """When the oldest burst without feedback left."""
        return self._bursts[0][3] if self._bursts else None

    def add(
        self, first_sequence: int, count: int, size_bytes: int, now: float, cluster: int
    ) -> None:
        """`count` packets left together, the first as `first_sequence`; numbers only
        go forward (16 bit, may jump).  `cluster` is the probe they belong to, or 0.
        """
        first = self._next + (first_sequence - self._next & 0xFFFF)
        if not self._bursts:
            self._settled = first
        self._next = first + count
        self._bursts.append((first, count, size_bytes, now, cluster))
        self.sent_bytes += size_bytes
        if len(self._bursts) > self.limit:
            self._pass()

    def _pass(self) -> float:
        """Forget the oldest burst without a verdict; its bytes."""
        first, count, size_bytes, _, _ = self._bursts.popleft()
        self._settled = first + count
        self.settled_bytes += size_bytes
        return size_bytes

    def forget(self) -> None:
        """No feedback will come for anything sent so far."""
        while self._bursts:
            self._pass()

    def match(self, arrivals: Sequence[Arrival]) -> Matched:
        """Settle what the feedback covers; entries must have consecutive numbers."""
        if not arrivals or (not self._bursts and not self._late):
            return _NOTHING
        base = self._settled + _signed(arrivals[0][0] - self._settled)
        epoch_us = self._epoch(arrivals)
        late = self._take_back(base, arrivals) if base < self._settled else 0
        unreported = self._skip_to(base)
        end = min(base + len(arrivals), self._next)
        seen: list[Seen] = []
        bursts = self._bursts
        while bursts and bursts[0][0] < end:
            first, count, size_bytes, sent_s, cluster = self._take(end)
            chunk = arrivals[first - base : first - base + count]
            times = [time for _, time in chunk if time is not None]
            received = len(times)
            if received < count:
                self._remember_missing(first, chunk)
                size_bytes *= received / count
            arrival_s = (max(times) + epoch_us) * 1e-6 if times else 0.0
            lost = count - received
            seen.append(Seen(sent_s, arrival_s, size_bytes, received, lost, cluster))
        return Matched(seen, late, unreported)

    def _epoch(self, arrivals: Sequence[Arrival]) -> int:
        """What to add to arrival times: they start again every 12 days."""
        raw = next((time for _, time in arrivals if time is not None), None)
        if raw is None:
            return 0
        if self._time_us is None:
            self._time_us = raw
        half = WRAP_US // 2
        self._time_us += (raw - self._time_us + half) % WRAP_US - half
        return self._time_us - raw

    def _take_back(self, base: int, arrivals: Sequence[Arrival]) -> int:
        late = 0
        for number, (_, time) in enumerate(arrivals[: self._settled - base], base):
            if time is not None and number in self._late:
                self._late.discard(number)
                late += 1
        return late

    def _skip_to(self, base: int) -> float:
        unreported = 0.0
        while self._bursts and self._bursts[0][0] + self._bursts[0][1] <= base:
            unreported += self._pass()
        if self._bursts and self._bursts[0][0] < base:
            unreported += self._take(base)[2]
        return unreported

    def _take(self, end: int) -> tuple[int, int, float, float, int]:
        """Settle the oldest burst, or what of it lies before number `end`."""
        burst = self._bursts.popleft()
        first, count, size_bytes, sent_s, cluster = burst
        if first + count > end:
            part = end - first
            part_bytes = size_bytes * part / count
            rest = (end, count - part, size_bytes - part_bytes, sent_s, cluster)
            self._bursts.appendleft(rest)
            burst = (first, part, part_bytes, sent_s, cluster)
        self._settled = first + burst[1]
        self.settled_bytes += burst[2]
        return burst

    def _remember_missing(self, first: int, chunk: Sequence[Arrival]) -> None:
        missing = self._missing
        for number, (_, time) in enumerate(chunk, first):
            if time is None:
                if len(missing) == LATE_MAX:
                    self._late.discard(missing[0])
                missing.append(number)
                self._late.add(number)


def _signed(difference: int) -> int:
    """A difference of 16 bit numbers, -32768..32767."""
    return (difference + 0x8000 & 0xFFFF) - 0x8000
