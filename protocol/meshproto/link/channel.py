"""Frames of one life of a link: batches, acknowledgement, repetition (RFC 0006 5).

Two ordered lanes share a window of segments; the bulk lane takes at most its share, so
that it never stands in the way of the other.  A segment counts as lost when frames
that were sent later were acknowledged, or when patience ends, and then goes out again
with whatever frame is next.  An acknowledgement travels in every frame; one that has
waited long enough, or tells of a gap, makes a frame of its own.

`resend_at` and `ack_at` are the only deadlines, infinite when there is nothing to wait
for: an idle channel costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgpack

from meshproto.config.link import LinkConfig
from meshproto.errors import DecodeError
from meshproto.link.lane import LaneIn, LaneOut
from meshproto.link.quality import NEVER, Quality
from meshproto.wire.control import schema
from meshproto.wire.control.frame import (
    BULK,
    FRAME_OCTETS_MAX,
    LOOSE_MAX,
    NORMAL,
    SEGMENT_OCTETS_MAX,
    SEGMENTS_MAX,
    VALUE_OCTETS_MAX,
    Frame,
    join,
    join_head,
    unpack,
)
from meshproto.wire.control.schema import Record

_LOOSE_HEAD = 3


class Channel:
    """Both directions between two sessions; `peer` is 0 until the other's is known."""

    __slots__ = (
        "_backoff",
        "_config",
        "_in",
        "_loose",
        "_newest",
        "_number",
        "_out",
        "_quality",
        "_recovered",
        "_threshold",
        "_unacknowledged",
        "_window",
        "ack_at",
        "ack_now",
        "peer",
        "resend_at",
        "session",
        "version",
    )

    def __init__(self, config: LinkConfig, quality: Quality, session: int) -> None:
        self._config = config
        self._quality = quality
        self.session = session
        self.peer = 0
        self.version = 1
        self._out = (LaneOut(NORMAL), LaneOut(BULK))
        self._in = (LaneIn(), LaneIn())
        self._loose: list[bytes] = []
        self._newest: dict[int, int] = {}
        self._number = 0
        self._window = float(config.window_min)
        self._threshold = float(config.window_max)
        self._recovered = 0
        self._backoff = 1.0
        self._unacknowledged = 0
        self.ack_now = False
        self.ack_at = NEVER
        self.resend_at = NEVER

    @property
    def idle(self) -> bool:
        """Whether nothing waits, is under way or is owed."""
        waits = self._loose or self.ack_now or self.ack_at != NEVER
        return not waits and all(lane.idle for lane in self._out)

    @property
    def waiting(self) -> int:
        """Segments of the fuller lane that the window holds back."""
        return max(lane.waiting for lane in self._out)

    @property
    def window(self) -> int:
        """Segments that may be under way."""
        return int(self._window)

    # --- sending

    def send(self, record: Record) -> int:
        """Queue a record for the next `flush`: its octets, 0 if it cannot travel."""
        packed: bytes = msgpack.packb(schema.encode(record))
        if not record.RELIABLE:
            if len(packed) > SEGMENT_OCTETS_MAX:
                return 0
            self._loose.append(packed)
            return len(packed)
        if len(packed) > VALUE_OCTETS_MAX:
            return 0
        self._out[BULK if record.BULK else NORMAL].add(packed)
        return len(packed)

    def flush(self, now: float) -> Iterator[bytes]:
        """The frames that may leave now."""
        while (frame := self._frame(now)) is not None:
            yield frame

    def farewell(self, record: Record) -> bytes:
        """One last frame with `record`; what is queued is dropped."""
        packed: bytes = msgpack.packb(schema.encode(record))
        self._number += 1
        owed = self._owed()
        head = join_head(self.version, self.session, self.peer, self._number, owed)
        return join(head, [packed], [])

    def _frame(self, now: float) -> bytes | None:
        normal, bulk = self._out
        ready = normal.ready or bulk.ready
        if not (ready or self._loose or self.ack_now):
            return None
        number = self._number + 1
        owed = self._owed()
        head = join_head(self.version, self.session, self.peer, number, owed)
        room = FRAME_OCTETS_MAX - len(head) - _LOOSE_HEAD
        loose, room = self._take_loose(room)
        segments = self._take_segments(room, number, now) if ready else []
        if not (loose or segments or self.ack_now):
            return None
        self._number = number
        self._unacknowledged = 0
        self.ack_now = False
        self.ack_at = NEVER
        return join(head, loose, segments)

    def _take_loose(self, room: int) -> tuple[list[bytes], int]:
        waiting = self._loose
        if not waiting:
            return waiting, room
        count = 0
        while count < min(len(waiting), LOOSE_MAX) and len(waiting[count]) <= room:
            room -= len(waiting[count])
            count += 1
        self._loose = waiting[count:]
        return waiting[:count], room

    def _take_segments(self, room: int, number: int, now: float) -> list[bytes]:
        normal, bulk = self._out
        window = int(self._window)
        bulk_window = int(window * self._config.bulk_share)
        taken: list[bytes] = []
        while len(taken) < SEGMENTS_MAX and normal.flying + bulk.flying < window:
            packed = normal.take(room, number, now) if normal.ready else None
            if packed is None and bulk.ready and bulk.flying < bulk_window:
                packed = bulk.take(room, number, now)
            if packed is None:
                break
            taken.append(packed)
            room -= len(packed)
        if taken and self.resend_at == NEVER:
            self.resend_at = now + self._patience_s()
        return taken

    def _owed(self) -> list[int]:
        normal, bulk = self._in
        owed = [normal.reached, normal.mask, bulk.reached, bulk.mask]
        while owed and not owed[-1]:
            owed.pop()
        return owed

    def _patience_s(self) -> float:
        patience_s = self._quality.patience_s() * self._backoff
        return min(patience_s, self._config.resend_max_s)

    # --- what was sent

    def _acknowledged(self, owed: tuple[int, ...], now: float) -> None:
        newest = arrived = 0
        for lane, at in zip(self._out, range(0, len(owed), 2), strict=False):
            if owed[at] > lane.newest:
                raise DecodeError("channel-acknowledged")
            if not lane.sent:
                continue
            mask = owed[at + 1] if at + 1 < len(owed) else 0
            for entry in lane.acknowledge(owed[at], mask):
                arrived += 1
                newest = max(newest, entry.order)
        if not arrived:
            return
        self._backoff = 1.0
        self._overtaken(newest)
        self._grow(arrived)
        self._rearm(now)

    def _grow(self, arrived: int) -> None:
        quick = self._window < self._threshold
        self._window += arrived if quick else arrived / self._window
        self._window = min(self._window, float(self._config.window_max))

    def _overtaken(self, newest: int) -> None:
        """Lose what was sent well before something that arrived."""
        for lane in self._out:
            if not lane.flying:
                continue
            for number, entry in lane.sent.items():
                if entry.flying and entry.order + self._config.reorder <= newest:
                    self._lose(lane, number, entry.order)

    def _lose(self, lane: LaneOut, number: int, order: int) -> None:
        lane.lose(number)
        if order > self._recovered:
            # why: once per window of frames, or one burst of loss would halve it often
            self._recovered = self._number
            halved = max(self._window / 2, float(self._config.window_min))
            self._window = self._threshold = halved

    def _rearm(self, now: float) -> None:
        flying = any(lane.flying for lane in self._out)
        self.resend_at = now + self._patience_s() if flying else NEVER

    def expire(self, now: float) -> bool:
        """Patience may have ended: lose what is overdue.  False if a segment is so old
        that the link is as good as lost.
        """
        oldest = min(
            (e.first_at for lane in self._out for e in lane.sent.values() if e.order),
            default=now,
        )
        if now - oldest >= self._config.give_up_s:
            return False
        # why the least bit more: the deadline itself was rounded
        overdue = now - self._patience_s() + 1e-9
        flying = sum(lane.flying for lane in self._out)
        for lane in self._out:
            for number, entry in lane.sent.items():
                if entry.flying and entry.sent_at <= overdue:
                    self._lose(lane, number, entry.order)
        if sum(lane.flying for lane in self._out) < flying:
            self._backoff *= 2.0
        self._rearm(now)
        return True

    # --- receiving

    def receive(self, frame: Frame, now: float, faults: list[str]) -> list[Record]:
        """The records of a frame that belongs to these two sessions.

        What is wrong with it is appended to `faults`.  Raises `DecodeError` where the
        sender's lanes are beyond repair.
        """
        self._acknowledged(frame.acknowledged, now)
        records: list[Record] = []
        for segment in frame.segments:
            lane = self._in[segment.lane]
            values = lane.accept(segment)
            self._owe(values is None or lane.gap, now)
            for value in values or ():
                self._open(value, records, faults)
        if frame.loose:
            self._hear(frame, records, faults)
        return records

    def _owe(self, at_once: bool, now: float) -> None:
        self._unacknowledged += 1
        if at_once or self._unacknowledged >= self._config.ack_every:
            self.ack_now = True
        elif self.ack_at == NEVER:
            self.ack_at = now + self._config.ack_delay_s

    def _open(self, value: bytes, records: list[Record], faults: list[str]) -> None:
        try:
            items = unpack(value)
            if not isinstance(items, list):
                raise DecodeError("lane-value-shape")
        except DecodeError as error:
            faults.append(error.reason)
            return
        for item in items:
            self._read(item, records, faults)

    def _read(self, item: object, records: list[Record], faults: list[str]) -> None:
        try:
            record = schema.decode(item)
        except DecodeError as error:
            faults.append(error.reason)
            return
        if record is not None:
            records.append(record)

    def _hear(self, frame: Frame, records: list[Record], faults: list[str]) -> None:
        """Latest wins: a loose record older than one of its kind is dropped."""
        heard: list[Record] = []
        for item in frame.loose:
            self._read(item, heard, faults)
        for record in heard:
            if record.RELIABLE:
                faults.append("loose-reliable")
            elif frame.number > self._newest.get(record.KIND, 0):
                records.append(record)
        for record in heard:
            newest = self._newest.get(record.KIND, 0)
            self._newest[record.KIND] = max(newest, frame.number)
