"""What the timestamps of a layer mean in time (RFC 3550 section 6.4.1).

A sender report says which NTP time a timestamp of the publisher stands for.  All layers
and tracks of a publisher share its NTP clock, so reports put them on one time line:
that keeps sound and picture together, and lets a viewer change layers without a step.
Before the first report the time of arrival stands in.

Viewers get sender reports of ours, one per consumer.  Their NTP times are the
publisher's moved by one constant per publisher (`PublisherClock`), to our own clock:
the differences between its tracks survive, and a track without reports fits in.
"""

from __future__ import annotations

_NTP_SECOND = 1 << 32
_JUMP_S = 1.0
"""A publisher's clock that is off by more was set: the constant is taken anew."""


def ntp_seconds(ntp: int) -> float:
    """A 64 bit NTP time in seconds."""
    return ntp / _NTP_SECOND


def ntp_bits(seconds: float) -> int:
    """Seconds as a 64 bit NTP time."""
    return int(seconds * _NTP_SECOND) & 0xFFFFFFFFFFFFFFFF


class PublisherClock:
    """The constant between a publisher's NTP clock and ours, in seconds."""

    __slots__ = ("shift_s",)

    def __init__(self) -> None:
        self.shift_s: float | None = None

    def heard(self, ntp_s: float, now_ntp_s: float) -> None:
        """A report of the publisher came in, at `now_ntp_s` of our clock."""
        shift = now_ntp_s - ntp_s
        if self.shift_s is None or abs(shift - self.shift_s) > _JUMP_S:
            self.shift_s = shift


class LayerClock:
    """Pairs of (NTP seconds, timestamp) of one layer: of its reports, or arrivals."""

    __slots__ = ("clock_rate_hz", "ntp_s", "received", "report", "rtp")

    def __init__(self, clock_rate_hz: int) -> None:
        self.clock_rate_hz = clock_rate_hz
        self.ntp_s: float | None = None
        self.rtp = 0
        self.report = 0
        self.received = 0.0

    def heard(self, ntp: int, rtp: int, now: float) -> None:
        """A sender report of this layer (`ntp` 64 bit)."""
        self.ntp_s = ntp_seconds(ntp)
        self.rtp = rtp
        self.report = ntp >> 16 & 0xFFFFFFFF
        self.received = now

    def timestamp_at(self, ntp_s: float) -> int | None:
        """The layer's timestamp at a publisher time; None before the first report."""
        if self.ntp_s is None:
            return None
        ticks = round((ntp_s - self.ntp_s) * self.clock_rate_hz)
        return (self.rtp + ticks) & 0xFFFFFFFF


def common_offset(old: LayerClock, new: LayerClock, offset: int) -> int | None:
    """The timestamp offset of a consumer after a change of layer.

    `offset` is the one it has with `old`.  None unless both layers have reports.
    """
    if old.ntp_s is None:
        return None
    same_instant = new.timestamp_at(old.ntp_s)
    if same_instant is None:
        return None
    return (old.rtp + offset - same_instant) & 0xFFFFFFFF
