"""The two ends of one ordered lane (RFC 0006 section 5).

A lane carries values, each an array of records, in segments with consecutive numbers.
Records that are sent before the window opens share a segment; one that is larger than
a segment is cut, and only its last part says that nothing more follows.  What waits is
bounded by the owner, what came early by the width of the acknowledgement.
"""

from __future__ import annotations

from meshproto.errors import DecodeError
from meshproto.wire.control.frame import (
    SEGMENT_OCTETS_MAX,
    VALUE_OCTETS_MAX,
    WINDOW,
    Segment,
    pack_records,
    pack_segment,
)

BROKEN = "lane-value-size"
"""The one mistake after which a lane cannot go on."""

_ARRAY_HEAD = 3


class Sent:
    """A segment that is not acknowledged: its octets and its last sending."""

    __slots__ = ("first_at", "flying", "order", "packed", "sent_at")

    def __init__(self, packed: bytes) -> None:
        self.packed = packed
        self.flying = False
        self.order = 0
        self.sent_at = 0.0
        self.first_at = 0.0


class LaneOut:
    """What one lane sends; the owner's window decides when."""

    __slots__ = (
        "_batch",
        "_batch_octets",
        "_following",
        "_fresh",
        "_lane",
        "flying",
        "lost",
        "sent",
    )

    def __init__(self, lane: int) -> None:
        self._lane = lane
        self._batch: list[bytes] = []
        self._batch_octets = _ARRAY_HEAD
        self._following = 1
        self._fresh = 1
        self.sent: dict[int, Sent] = {}
        """By number, in order: on the way, lost, and at the end those that wait."""
        self.lost: list[int] = []
        self.flying = 0

    @property
    def idle(self) -> bool:
        """Whether nothing waits and everything was acknowledged."""
        return not self.sent and not self._batch

    @property
    def waiting(self) -> int:
        """Whole segments that were never sent."""
        return self._following - self._fresh

    @property
    def ready(self) -> bool:
        """Whether `take` may have something."""
        return bool(self.lost or self._batch or self._fresh < self._following)

    @property
    def newest(self) -> int:
        """The highest number that was sent."""
        return self._fresh - 1

    def add(self, packed: bytes) -> None:
        """Append a record that is packed already."""
        size = len(packed)
        if size + _ARRAY_HEAD > SEGMENT_OCTETS_MAX:
            self._close()
            self._cut(pack_records([packed]))
            return
        if self._batch_octets + size > SEGMENT_OCTETS_MAX:
            self._close()
        self._batch.append(packed)
        self._batch_octets += size

    def take(self, room: int, order: int, now: float) -> bytes | None:
        """The next segment for frame `order`, lost ones first; None if there is none,
        the lane is a window ahead, or it is longer than `room` octets.
        """
        lost = self.lost
        while lost:
            entry = self.sent.get(lost[0])
            if entry is not None and not entry.flying:
                return self._go(entry, room, order, now)
            del lost[0]
        if self._fresh >= next(iter(self.sent), self._fresh) + WINDOW:
            return None
        if self._fresh == self._following:
            self._close()
        entry = self.sent.get(self._fresh)
        if entry is None:
            return None
        taken = self._go(entry, room, order, now)
        if taken is not None:
            entry.first_at = now
            self._fresh += 1
        return taken

    def acknowledge(self, reached: int, mask: int) -> list[Sent]:
        """Forget what arrived: all up to `reached`, and what the mask names."""
        arrived = []
        for number in self.sent:
            ahead = number - reached - 2
            if number >= self._fresh:
                break  # why: a mask may name what was never sent
            if number <= reached or (ahead >= 0 and mask >> ahead & 1):
                arrived.append(number)
            elif not mask:
                break
        entries = [self.sent.pop(number) for number in arrived]
        self.flying -= sum(entry.flying for entry in entries)
        return entries

    def lose(self, number: int) -> None:
        """Send segment `number` again when there is room."""
        self.sent[number].flying = False
        self.flying -= 1
        self.lost.append(number)

    def _go(self, entry: Sent, room: int, order: int, now: float) -> bytes | None:
        if len(entry.packed) > room:
            return None
        entry.flying = True
        entry.order = order
        entry.sent_at = now
        self.flying += 1
        return entry.packed

    def _close(self) -> None:
        if self._batch:
            self._append(pack_records(self._batch), more=False)
            self._batch = []
            self._batch_octets = _ARRAY_HEAD

    def _cut(self, value: bytes) -> None:
        for start in range(0, len(value), SEGMENT_OCTETS_MAX):
            end = start + SEGMENT_OCTETS_MAX
            self._append(value[start:end], more=end < len(value))

    def _append(self, octets: bytes, *, more: bool) -> None:
        segment = Segment(self._lane, self._following, octets, more)
        self.sent[self._following] = Sent(pack_segment(segment))
        self._following += 1


class LaneIn:
    """What one lane receives: each segment once and in order."""

    __slots__ = ("_early", "_part", "reached")

    def __init__(self) -> None:
        self.reached = 0
        """Every segment up to this number came."""
        self._early: dict[int, Segment] = {}
        self._part = b""

    def accept(self, segment: Segment) -> list[bytes] | None:
        """The values that `segment` completes, in order; None when it was old, or so
        early that no honest sender sent it.

        Raises `DecodeError` for a value that is too large: the lane cannot go on.
        """
        number = segment.sequence
        if number == self.reached + 1 and not self._early:
            self.reached = number
            return self._take(segment, [])
        if not self.reached < number <= self.reached + WINDOW or number in self._early:
            return None
        self._early[number] = segment
        values: list[bytes] = []
        while (following := self._early.pop(self.reached + 1, None)) is not None:
            self.reached += 1
            self._take(following, values)
        return values

    @property
    def gap(self) -> bool:
        """Whether something came early."""
        return bool(self._early)

    @property
    def mask(self) -> int:
        """Bit i: segment `reached` + 2 + i came early."""
        if not self._early:
            return 0
        low = self.reached + 2
        return sum(1 << (number - low) for number in self._early)

    def _take(self, segment: Segment, values: list[bytes]) -> list[bytes]:
        part = self._part + segment.octets if self._part else segment.octets
        if len(part) > VALUE_OCTETS_MAX + _ARRAY_HEAD:
            raise DecodeError(BROKEN)
        self._part = part if segment.more else b""
        if not segment.more:
            values.append(part)
        return values
