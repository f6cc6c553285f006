"""Frames of one track out of its packets.

A frame is what shares a timestamp.  It is whole when the marker came (RFC 3550 section
5.1) with nothing missing before.  Where the next one begins without that, the frame was
cut: a node that plays an older frame breaks off when a newer key frame is there, and
numbers on.  Only senders that never mark are believed.  A frame with a hole is left
out, and so is all that follows up to the next key frame, because it was predicted from
what is not there: a picture that stands still for a moment is better than one that
falls apart.  Whoever receives is asked for a key frame (`wants_key`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meshnode.recording.payloads import Join, joiner
from meshnode.recording.reorder import Ordered, Packet, Reorder
from meshproto.errors import DecodeError
from meshproto.forwarding.sequence import Unwrapper
from meshproto.wire.descriptor import describe
from meshproto.wire.parameters import MediaKind

FRAME_BYTES_MAX = 8_000_000


class Frame(NamedTuple):
    """A whole frame.  `timestamp` is the RTP one and never wraps."""

    codec: str
    data: bytes
    key: bool
    timestamp: int
    at_s: float


class Frames:
    """Packets of one track in, frames out.

    `wants_key` is True while only a key frame would help; `left_out` counts frames
    that could not be recorded.
    """

    def __init__(self, kind: MediaKind) -> None:
        self.kind = kind
        self.wants_key = kind is MediaKind.VIDEO
        self.left_out = 0
        self._reorder = Reorder()
        self._unwrap = Unwrapper(32)
        self._codec = ""
        self._join: Join | None = None
        self._open: list[Packet] = []
        self._size = 0
        self._broken = False
        self._marks: bool | None = None  # whether the sender marks ends, once known
        self._doubtful: list[Packet] = []  # a first frame without, until that is known

    @property
    def lost(self) -> int:
        """Packets that never came."""
        return self._reorder.lost

    def extend(self, timestamp: int) -> int:
        """A timestamp of a sender report as the frames count it."""
        before = self._unwrap.highest
        extended = self._unwrap.extend(timestamp)
        self._unwrap.highest = extended if before is None else before
        return extended

    def push(self, packet: Packet) -> Iterator[Frame]:
        """Take a packet; the frames that are whole now."""
        for ordered in self._reorder.push(packet):
            yield from self._take(ordered)

    def flush(self) -> Iterator[Frame]:
        """What is whole among the rest, at the end of the track."""
        for ordered in self._reorder.flush():
            yield from self._take(ordered)
        yield from self._unmarked()

    def _take(self, ordered: Ordered) -> Iterator[Frame]:
        packet, hole = ordered
        if hole:
            self._missed()
        elif self._open and packet.timestamp != self._open[0].timestamp:
            yield from self._unmarked()
        if not packet.payload:
            return  # padding: it only counts
        if not self._open and not self._may_open(packet):
            self._broken = True
        self._open.append(packet)
        self._size += len(packet.payload)
        if self._size > FRAME_BYTES_MAX:
            self._missed()
        elif packet.marker:
            self._marks = True
            self.left_out += bool(self._doubtful)
            self._doubtful = []
            yield from self._finish()
        elif self.kind is MediaKind.AUDIO:
            yield from self._finish()

    def _unmarked(self) -> Iterator[Frame]:
        """The open frame is over without a marker."""
        if self._marks or self._broken:
            if self._open:
                self._missed()
        elif self._marks is None and not self._doubtful:
            self._doubtful = self._open
            self._drop()
        else:
            self._marks = False
            later, self._open = self._open, self._doubtful
            self._doubtful = []
            yield from self._finish()
            self._open = later
            yield from self._finish()

    def _may_open(self, packet: Packet) -> bool:
        try:
            return describe(packet.codec, packet.payload).start
        except DecodeError:
            return False

    def _missed(self) -> None:
        """Something is missing before the next packet: give up the open frame."""
        if self._open:
            self.left_out += 1
        self._drop()
        self.wants_key = self.kind is MediaKind.VIDEO

    def _drop(self) -> None:
        self._open, self._size, self._broken = [], 0, False

    def _finish(self) -> Iterator[Frame]:
        packets, broken = self._open, self._broken
        self._drop()
        if not packets:
            return
        first = packets[0]
        joined = None if broken else self._joined(first.codec, packets)
        if joined is None:
            self._missed()
            self.left_out += 1
        elif self.wants_key and not joined[1]:
            self.left_out += 1
        else:
            self.wants_key = False
            timestamp = self._unwrap.extend(first.timestamp)
            yield Frame(first.codec, *joined, timestamp, first.at_s)

    def _joined(self, codec: str, packets: list[Packet]) -> tuple[bytes, bool] | None:
        if codec != self._codec:
            self._codec, self._join = codec, joiner(codec)
            self.wants_key = self.kind is MediaKind.VIDEO
        if self._join is None:
            return None
        try:
            return self._join([packet.payload for packet in packets])
        except (DecodeError, IndexError):
            return None
