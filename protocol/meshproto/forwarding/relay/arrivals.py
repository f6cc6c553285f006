"""When packets of legs came: what a child reports to parents (RFC 0003 section 13.8).

One report per neighbour tells of all its legs.  It leaves with the first packet after
the interval, so that nothing has to wake up for it: where nothing comes there is
nothing to report.  A number that a report told of is not told again; one that was
repaired later was lost all the same.
"""

from __future__ import annotations

from meshproto.forwarding.sequence import nearest
from meshproto.wire.ccfb import (
    STAMP_HZ,
    STATUSES_MAX,
    TICKS_HZ,
    CongestionFeedback,
    SourceReport,
)

SOURCES_MAX = 64
"""SSRCs in one report, so that it fits a datagram; four legs with all their slots."""

OCTETS_MAX = 1_100
_SOURCE_OCTETS = 10


class _Source:
    """The packets of one SSRC since the last report; `begin` comes next."""

    __slots__ = ("begin", "came")

    def __init__(self, begin: int) -> None:
        self.begin = begin
        self.came: dict[int, float] = {}


class Arrivals:
    """Of one neighbour."""

    __slots__ = ("_reported_at", "_sources")

    def __init__(self) -> None:
        self._sources: dict[int, _Source] = {}
        self._reported_at: float | None = None

    def note(self, ssrc: int, sequence: int, now: float) -> None:
        """A packet of a leg came."""
        source = self._sources.get(ssrc)
        if source is None:
            if len(self._sources) >= SOURCES_MAX:
                del self._sources[next(iter(self._sources))]
            source = self._sources[ssrc] = _Source(sequence)
        number = nearest(sequence, source.begin)
        if number - source.begin >= STATUSES_MAX:
            # the leg went on far ahead: what lies between was never sent
            source.begin = number
            source.came.clear()
        if number >= source.begin:
            source.came[number] = now
        if self._reported_at is None:
            self._reported_at = now

    def due(self, interval_s: float, now: float) -> bool:
        """Whether a report should leave now."""
        began = self._reported_at
        return interval_s > 0 and began is not None and now - began >= interval_s

    def report(self, sender_ssrc: int, now: float) -> CongestionFeedback:
        """What came since the last one; what does not fit comes with the next."""
        self._reported_at = now
        told: list[SourceReport] = []
        room = OCTETS_MAX
        for ssrc, source in self._sources.items():
            if not source.came:
                continue
            count = max(source.came) - source.begin + 1
            room -= _SOURCE_OCTETS + 2 * count
            if told and room < 0:
                break
            told.append(SourceReport(ssrc, source.begin & 0xFFFF, _told(source, now)))
            source.begin += count
            source.came.clear()
        return CongestionFeedback(sender_ssrc, tuple(told), int(now * STAMP_HZ))


def _told(source: _Source, now: float) -> tuple[int | None, ...]:
    came = source.came
    return tuple(
        None if (at := came.get(number)) is None else round((now - at) * TICKS_HZ)
        for number in range(source.begin, max(came) + 1)
    )
