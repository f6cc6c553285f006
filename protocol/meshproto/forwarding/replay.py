"""Beginning to send a layer: from where, under which times, and how fast.

A new viewer begins with the cached key frame and has to catch up with live (RFC 0003
section 6).  Three things make that look right on the other side:

- *Times.*  The replayed frames are old.  Written as they are, a player would take them
  for the stream's normal delay and hold back the sound to match.  So each frame is
  written as if it were taken at the moment at which it leaves.  Players fit a line
  through times of arrival and timestamps and keep it for many seconds: a second of
  frames that are 100 ms late tilts it so far that what follows counts as late too, is
  shown without any smoothing, and runs 20 ms ahead of the sound.
- *Pace.*  Twice the layer's own rate, so that a replay ends after as long as it lies
  behind; only its first frame may be faster, since the picture waits for it.
- *Short cut.*  When the next key frame arrives meanwhile, the viewer goes on with that.

The same functions carry a consumer over from another layer or producer: timestamps go
on by the publisher's common clock where both layers have sender reports, else by the
time of arrival, always forwards.
"""

from __future__ import annotations

from meshproto.forwarding.clock import common_offset
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.packet import Packet
from meshproto.forwarding.rewrite import Segment

_CLOCKS_APART_S = 0.5
"""Common clocks that disagree with the times of arrival by more are not believed."""

_CREDIT_S = 0.01
"""What a late timer may make up for: as long as a timer may be late."""

_MASK = 0xFFFFFFFF


class Pace:
    """A rate in bytes per second that may change once, after the first `faster` bytes.

    `ready_at` is when the next packet may go.
    """

    __slots__ = ("_fast", "_left", "_slow", "ready_at")

    def __init__(self, first_rate: float, faster: int, rate: float, now: float) -> None:
        self._fast = max(first_rate, rate)
        self._left = faster
        self._slow = rate
        self.ready_at = now

    def spent(self, size: int, now: float) -> None:
        """`size` bytes left."""
        rate = self._fast if self._left > 0 else self._slow
        self._left -= size
        self.ready_at = max(self.ready_at, now - _CREDIT_S) + size / rate


def pace_of(layer: Layer, start: int, config: ForwardingConfig, now: float) -> Pace:
    """How fast to replay `layer` from packet `start`."""
    own = max(layer.rate.rate_bps(now), _cached_bps(layer, start, now)) / 8
    first = first_frame_bytes(layer, start)
    rate = max(config.replay_speed * own, 1.0)
    return Pace(first / config.replay_first_frame_s, first, rate, now)


def first_frame_bytes(layer: Layer, start: int) -> int:
    """Size of the frame that begins with packet `start`."""
    size, timestamp = 0, None
    for packet in layer.history.span(start, layer.history.head):
        if timestamp is not None and packet.timestamp != timestamp:
            break
        timestamp = packet.timestamp
        size += packet.size
    return size


def _cached_bps(layer: Layer, start: int, now: float) -> float:
    first = layer.history.get(start)
    if first is None or now - first.arrival < 0.5:
        return 0.0
    return layer.since_key * 8 / (now - first.arrival)


def begin(
    consumer: Consumer, layer: Layer, start: int, config: ForwardingConfig, now: float
) -> None:
    """Let the consumer's numbering go on with packet `start` of `layer`."""
    first = layer.history.get(start)
    newest = layer.newest
    assert first is not None
    assert newest is not None
    rate = layer.clock_rate_hz
    behind = _ticks(newest.timestamp, first.timestamp)
    ahead = None
    if behind > config.replay_beyond_s * rate and not layer.live_from_anywhere:
        ahead = _to_live(layer, first, config, now)
        behind -= ahead
    segment = Segment(layer, start, 0, ahead=ahead)
    segment.timestamp = _offset(consumer, layer, newest, behind)
    _continue_pictures(consumer, first, segment)
    consumer.numbering.follow(segment)
    consumer.layer = layer
    consumer.cursor = start


def place(
    consumer: Consumer, first: Packet, config: ForwardingConfig, now: float
) -> None:
    """Write the frame that `first` begins as of now, if this is a replay.

    It ends with the first frame whose own time is not before what was written last.
    """
    segment = consumer.numbering.segment
    if segment is None or segment.ahead is None:
        return
    start, ahead = first.number, _to_live(segment.source, first, config, now)
    last, before = consumer.last, consumer.last_segment
    if last is not None and before is not None:
        if before.source is segment.source:
            if last.timestamp == first.timestamp:
                return  # a frame keeps one timestamp
            if last.marker and last.number < first.number:
                start = last.number + 1  # what is still missing of this frame
        written = before.written(last.timestamp) - segment.timestamp
        ahead = max(ahead, _ticks(written + 1, first.timestamp))
    for later in consumer.numbering.change(start):
        later.ahead = ahead or None


def _to_live(layer: Layer, first: Packet, config: ForwardingConfig, now: float) -> int:
    """Ticks from a frame to what a camera would take now: to the newest frame, and on
    by the time since, unless it is the newest.
    """
    newest = layer.newest
    assert newest is not None
    if newest.timestamp == first.timestamp:
        return 0
    since_s = min(now - newest.arrival, config.replay_beyond_s)
    return _ticks(newest.timestamp, first.timestamp) + round(
        since_s * layer.clock_rate_hz
    )


def jump(consumer: Consumer, start: int) -> None:
    """Go on with a later packet of the same layer, in the same times."""
    old = consumer.numbering.segment
    assert old is not None
    segment = Segment(
        old.source,
        start,
        0,
        timestamp=old.timestamp,
        picture=old.picture,
        tl0=old.tl0,
        key=old.key,
        ahead=old.ahead,
    )
    consumer.numbering.follow(segment)
    consumer.cursor = start


def _ticks(later: int, earlier: int) -> int:
    return (later - earlier + 0x80000000 & _MASK) - 0x80000000


def _offset(consumer: Consumer, layer: Layer, newest: Packet, behind: int) -> int:
    """Timestamp offset under which `newest`, less `behind` ticks, comes after what the
    consumer sent last.
    """
    segment, last = consumer.last_segment, consumer.last
    if segment is None or last is None:
        return (consumer.delta.first_timestamp - newest.timestamp + behind) & _MASK
    written = segment.written(last.timestamp)
    elapsed = round((newest.arrival - last.arrival) * layer.clock_rate_hz)
    own = last.timestamp + segment.timestamp
    offset = (own + elapsed - newest.timestamp) & _MASK
    if segment.source.producer == layer.producer and segment.source is not layer:
        common = common_offset(segment.source.clock, layer.clock, segment.timestamp)
        apart = round(_CLOCKS_APART_S * layer.clock_rate_hz)
        if common is not None and abs(_ticks(common, offset)) < apart:
            offset = common
    earliest = (newest.timestamp - behind + offset) & _MASK
    forward = _ticks(earliest, written + 1 & _MASK)
    return offset if forward >= 0 else (offset - forward) & _MASK


def _continue_pictures(
    consumer: Consumer, first: Packet, segment: Segment[Layer]
) -> None:
    """VP8 picture ids go on where the last source stopped (RFC 7741 section 4.2)."""
    old, last = consumer.last_segment, consumer.last
    numbers = first.numbers
    before = None if last is None else last.numbers
    if old is None or numbers is None or before is None:
        return
    segment.picture = before.picture_id + old.picture + 1 - numbers.picture_id & 0x7FFF
    segment.tl0 = before.tl0picidx + old.tl0 + 1 - numbers.tl0picidx & 0xFF
    segment.key = before.keyidx + old.key + 1 - numbers.keyidx & 0x1F
