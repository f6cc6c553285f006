"""One consumer's numbering: its numbers have no seam though its sources have many.

A viewer's decoder must see one stream: sequence numbers without holes where we dropped
on purpose, timestamps that go on over a change of layer, VP8 picture ids that grow by
one (RFC 0003 section 4).  All of it is an *offset* between the source's number and the
consumer's, and the offset changes only at certain packets.  So the whole state is a
short list of `Segment`s: from packet `start` of a source on, these offsets hold.

- A packet that arrives late falls into the segment of its own number and gets the
  offsets that held there.  Packets behind a dropped number never collide with it.
- A drop ahead of everything forwarded closes its number: the segments behind it move
  down by one.  A drop behind is a hole that was already promised, and stays.
- A NACK names the consumer's number; walking the same list backwards finds the source
  packet, with the very offsets that it was sent with.

The list is bounded; what fell off is too old to be asked for.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Generic, TypeVar

Source = TypeVar("Source")

_ENDLESS = 1 << 62
_SEGMENTS = 128


@dataclass(slots=True)
class Segment(Generic[Source]):
    """From source packet `start` (included) to `end` (not), these offsets hold.

    Sequence numbers are extended on both sides.  `picture`, `tl0` and `key` are the
    offsets of VP8's picture id, TL0PICIDX and KEYIDX; `patched` says whether any of
    them is not zero.  `ahead` is set while a replay is written as of now: so many ticks
    later than `timestamp` alone says (RFC 0003 section 6.2).
    """

    source: Source
    start: int
    sequence: int
    timestamp: int = 0
    picture: int = 0
    tl0: int = 0
    key: int = 0
    end: int = _ENDLESS
    ahead: int | None = None

    @property
    def patched(self) -> bool:
        """Whether VP8 descriptors must be changed."""
        return bool(self.picture or self.tl0 or self.key)

    def written(self, timestamp: int) -> int:
        """The consumer's timestamp of the source's (both 32 bit)."""
        return (timestamp + self.timestamp + (self.ahead or 0)) & 0xFFFFFFFF


_start = attrgetter("start")


def _first(segment: Segment[Source]) -> int:
    return segment.start + segment.sequence


class Numbering(Generic[Source]):
    """The segments of one consumer.

    `segment` is the newest one: whoever forwards a run of packets that lie in it may
    add its offset himself and then set `reached_in`, the last source packet forwarded,
    and `highest`, its number.  None before the first source.
    """

    __slots__ = ("_current", "_older", "highest", "reached_in", "segment")

    def __init__(self, first: int) -> None:
        self.highest = first - 1
        self.reached_in = -1
        self.segment: Segment[Source] | None = None
        self._current: list[Segment[Source]] = []
        self._older: list[Segment[Source]] = []

    def follow(self, segment: Segment[Source]) -> None:
        """Go on with another source: its `start` gets the number after the highest;
        the caller fills in every offset but `sequence`.
        """
        segment.sequence = self.highest + 1 - segment.start
        used = [old for old in self._current if old.start <= self.reached_in]
        if used:
            used[-1].end = min(used[-1].end, self.reached_in + 1)
        self._older = (self._older + used)[-_SEGMENTS:]
        self._current = [segment]
        self.segment = segment
        self.reached_in = segment.start - 1

    def change(self, start: int) -> list[Segment[Source]]:
        """The segments that hold from `start` on, to be changed by the caller."""
        return self._current[self._cut(start) :]

    def find(self, number: int) -> Segment[Source] | None:
        """The segment of a source packet; None for one before the start, or dropped."""
        segments = self._current
        index = bisect_right(segments, number, key=_start) - 1
        if index < 0 or number >= segments[index].end:
            return None
        return segments[index]

    def forward(self, number: int) -> tuple[Segment[Source], int] | None:
        """Segment and consumer's number of a source packet; None: do not forward."""
        segment = self.find(number)
        if segment is None:
            return None
        written = number + segment.sequence
        if number > self.reached_in:
            self.reached_in = number
            self.highest = written
        return segment, written

    def drop(self, number: int) -> bool:
        """Close the number of a source packet that is not forwarded.

        False where it was already passed: its number stays a hole.
        """
        if number <= self.reached_in:
            return self.find(number) is None
        segments = self._current
        index = self._cut(number)
        if segments[index].start > number:
            return True  # dropped before
        segments[index].start += 1
        for segment in segments[index:]:
            segment.sequence -= 1
        if segments[index].start >= segments[index].end:
            del segments[index]
        return True

    def origin(self, number: int) -> tuple[Segment[Source], int] | None:
        """Which source packet was sent as `number`: the way back of `forward`."""
        for segments in (self._current, self._older):
            index = bisect_right(segments, number, key=_first) - 1
            if index >= 0:
                found = segments[index]
                source = number - found.sequence
                return (found, source) if source < found.end else None
        return None

    def _cut(self, at: int) -> int:
        """Index of the first segment from `at` on, cutting the one that spans it."""
        segments = self._current
        index = bisect_right(segments, at, key=_start) - 1
        if index < 0 or segments[index].start == at:
            return max(index, 0)
        spanning = segments[index]
        if at < spanning.end:
            segments.insert(index + 1, replace(spanning, start=at))
            spanning.end = at
        self.segment = segments[-1]
        if len(segments) <= _SEGMENTS:
            return index + 1
        del segments[: _SEGMENTS // 4]
        return max(index + 1 - _SEGMENTS // 4, 0)
