"""How well a source is received: the numbers of a report block (RFC 3550 appendix A).

Also here because they are fed by the same packets: the bitrate of a layer, which
decides the order of layers and the pace of a replay, and of the parts of a scalable
one, from which a viewer may get less than the whole.
"""

from __future__ import annotations

from collections import deque

from meshproto.wire.descriptor import FrameFacts
from meshproto.wire.rtcp import ReportBlock


class Reception:
    """Loss and jitter of one source since it began."""

    __slots__ = (
        "_first",
        "_jitter",
        "_previous_expected",
        "_previous_received",
        "_transit",
        "clock_rate_hz",
        "highest",
        "received",
    )

    def __init__(self, clock_rate_hz: int) -> None:
        self.clock_rate_hz = clock_rate_hz
        self.received = 0
        self.highest = -1
        self._first: int | None = None
        self._transit: float | None = None
        self._jitter = 0.0
        self._previous_expected = 0
        self._previous_received = 0

    @property
    def expected(self) -> int:
        """Packets the source sent, as far as its numbers tell."""
        return 0 if self._first is None else self.highest - self._first + 1

    @property
    def lost(self) -> int:
        """Expected less received, repaired ones included as received."""
        return self.expected - self.received

    @property
    def jitter(self) -> int:
        """Interarrival jitter in ticks."""
        return int(self._jitter)

    def count(self, number: int, timestamp: int, now: float, repaired: bool) -> None:
        """A packet with extended `number` arrived for the first time."""
        self.received += 1
        if self._first is None or number < self._first:
            self._first = number
        self.highest = max(self.highest, number)
        if repaired:
            return  # its delay is that of the repair, not of the path
        transit = now * self.clock_rate_hz - timestamp
        if self._transit is not None:
            step = abs(transit - self._transit)
            if step < 10 * self.clock_rate_hz:  # else the timestamp wrapped
                self._jitter += (step - self._jitter) / 16
        self._transit = transit

    def block(self, ssrc: int, last_report: int, delay_s: float) -> ReportBlock:
        """The report block, and the beginning of the next interval."""
        expected = self.expected - self._previous_expected
        received = self.received - self._previous_received
        self._previous_expected = self.expected
        self._previous_received = self.received
        lost = expected - received
        fraction = min(255, (lost << 8) // expected) if expected and lost > 0 else 0
        return ReportBlock(
            ssrc,
            fraction,
            self.lost,
            max(self.highest, 0) & 0xFFFFFFFF,
            self.jitter & 0xFFFFFFFF,
            last_report,
            int(delay_s * 65536) & 0xFFFFFFFF,
        )


class RateMeter:
    """Bits per second over the last second, in slots of 100 ms."""

    __slots__ = ("_began", "_slots", "_sum")

    _SLOT_S = 0.1
    _SLOTS = 10

    def __init__(self) -> None:
        self._slots: deque[list[float]] = deque()
        self._sum = 0.0
        self._began: float | None = None

    def count(self, size: int, now: float) -> None:
        """`size` octets arrived."""
        slots = self._slots
        if self._began is None:
            self._began = now
        if not slots or now >= slots[-1][0] + self._SLOT_S:
            slots.append([now, 0.0])
            self._expire(now)
        slots[-1][1] += size
        self._sum += size

    def rate_bps(self, now: float) -> float:
        """The average of the window, or of the time since the first packet."""
        self._expire(now)
        if self._began is None or not self._slots:
            return 0.0
        window = min(self._SLOT_S * self._SLOTS, max(now - self._began, self._SLOT_S))
        return self._sum * 8 / window

    def _expire(self, now: float) -> None:
        slots = self._slots
        while slots and slots[0][0] <= now - self._SLOT_S * self._SLOTS:
            self._sum -= slots.popleft()[1]


class PartRates:
    """Bitrates by spatial and temporal layer, once there is more than one."""

    __slots__ = ("_meters", "spatial", "temporal")

    def __init__(self) -> None:
        self._meters: dict[tuple[int, int], RateMeter] = {}
        self.spatial = 0
        self.temporal = 0

    def count(self, facts: FrameFacts, size: int, now: float) -> None:
        """A packet of a video layer; `spatial` and `temporal` are the highest seen."""
        self.spatial = max(self.spatial, facts.spatial)
        self.temporal = max(self.temporal, facts.temporal)
        if not self.spatial and not self.temporal:
            return
        part = (facts.spatial, facts.temporal)
        meter = self._meters.get(part)
        if meter is None:
            meter = self._meters[part] = RateMeter()
        meter.count(size, now)

    def up_to_bps(self, spatial: int, temporal: int, now: float) -> int:
        """What a viewer gets that takes layers up to these."""
        # whole bits: Pythons from 3.12 on add floats otherwise than the other plane
        return sum(
            int(meter.rate_bps(now))
            for (s, t), meter in self._meters.items()
            if s <= spatial and t <= temporal
        )
