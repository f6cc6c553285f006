"""One encoding of a producer as it comes in: numbered, kept, measured, asked for.

A layer turns packets into `Packet`s with numbers that never wrap, refuses duplicates,
keeps the history that serves NACKs and new viewers, and notes gaps and key frames.
What arrived since the last flush lies in `pending`; `audience` is kept by `delivery`.

A source may start anew under its old SSRC (its numbers jump) or under another one.
Then the layer continues with numbers behind the old ones under a new `epoch`, and
consumers begin again at the next key frame, as if they had changed layers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from meshproto.errors import DecodeError
from meshproto.forwarding.audience import Audience
from meshproto.forwarding.clock import LayerClock
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.feedback import NackGenerator
from meshproto.forwarding.history import History
from meshproto.forwarding.keyframes import KeyFrames
from meshproto.forwarding.packet import Packet
from meshproto.forwarding.reception import PartRates, RateMeter, Reception
from meshproto.forwarding.sequence import nearest
from meshproto.ids import ProducerId
from meshproto.wire import descriptor
from meshproto.wire.descriptor import dependency
from meshproto.wire.parameters import Codec, MediaKind

if TYPE_CHECKING:
    from meshproto.forwarding.relay.slots import BoundSlot

_JUMP = 3000
"""A step of more numbers than this is believed when the next packet confirms it
(RFC 3550 appendix A.1, MAX_DROPOUT)."""

_SELF_TOLD = frozenset(("vp8", "vp9"))
"""Codecs whose payload tells the layers; the others' stand in the extension."""

Carried = tuple[tuple[int, bytes], ...]


class PayloadFormat:
    """How packets of one payload type are understood."""

    __slots__ = ("codec", "describe", "self_told")

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.describe: Callable[[bytes], descriptor.FrameFacts] | None = (
            descriptor.describer(codec.name)
        )
        self.self_told = codec.name in _SELF_TOLD


class Layer:
    """A layer of `producer`; `rid` is "" without simulcast.

    `live_from_anywhere`: nothing tells key frames apart (sound, unknown codecs), so a
    consumer may begin with any packet.  `slot` is the layer's place in a stream of the
    mesh, if it has one.  `replaying`: what comes is the cache of a parent, behind what
    viewers saw of other layers.
    """

    def __init__(
        self,
        producer: ProducerId,
        kind: MediaKind,
        rid: str,
        codec: Codec,
        config: ForwardingConfig,
    ) -> None:
        self.producer = producer
        self.kind = kind
        self.rid = rid
        self.ssrc: int | None = None
        self.rtx_ssrc: int | None = None
        self.epoch = 0
        self.audience = Audience()
        self.history = History(config)
        self.pending: list[Packet] = []
        self.reception = Reception(codec.clock_rate_hz)
        self.clock = LayerClock(codec.clock_rate_hz)
        self.rate = RateMeter()
        self.takes_pli = "nack pli" in codec.feedback
        answers = self.takes_pli or "ccm fir" in codec.feedback
        self.keys = KeyFrames(config, answers and kind is MediaKind.VIDEO)
        self.nacks = NackGenerator(config) if "nack" in codec.feedback else None
        self.live_from_anywhere = kind is MediaKind.AUDIO
        self.newest: Packet | None = None
        self.fresh = True
        self.delivered = -1
        self.slot: BoundSlot | None = None
        self.last_arrival = 0.0
        self.replaying = False
        self.size = (0, 0)
        self.parts = PartRates()
        self.since_key = 0
        self._config = config
        self._structure: dependency.Structure | None = None
        self._expected_after_jump: int | None = None
        self._key_timestamp: int | None = None

    @property
    def clock_rate_hz(self) -> int:
        """Ticks per second of the timestamps."""
        return self.clock.clock_rate_hz

    def accept(
        self,
        sequence: int,
        timestamp: int,
        form: PayloadFormat,
        *,
        marker: bool,
        payload: bytes,
        carried: Carried,
        frame: bytes | None,
        now: float,
        repaired: bool,
    ) -> str | None:
        """Take one packet; the answer is the reason why it was not taken.

        `frame` is the value of a dependency descriptor extension.
        """
        number = self._number(sequence, repaired)
        if number is None:
            return "sequence-jump"
        if number in self.history:
            return "duplicate"
        packet = self.make(
            number,
            timestamp,
            form,
            marker=marker,
            payload=payload,
            carried=carried,
            frame=frame,
            now=now,
        )
        self.keep(packet, repaired)
        if self.slot is not None:
            self.slot.number(packet)
        return None

    def make(
        self,
        number: int,
        timestamp: int,
        form: PayloadFormat,
        *,
        marker: bool,
        payload: bytes,
        carried: Carried,
        frame: bytes | None,
        now: float,
    ) -> Packet:
        """A packet whose number is known, to be kept next."""
        return Packet(
            number,
            timestamp,
            payload,
            payload_type=form.codec.payload_type,
            codec=form.codec.name,
            marker=marker,
            carried=carried,
            facts=self._facts(form, payload, frame),
            arrival=now,
        )

    def restart(self) -> None:
        """Another source follows: forget what the last one left open."""
        self.epoch += 1
        self.history.clear()
        self.pending.clear()
        self.fresh = True
        self.keys.lost()
        self.reception = Reception(self.clock_rate_hz)
        self.clock = LayerClock(self.clock_rate_hz)
        self.newest = None
        self._structure = None
        self._key_timestamp = None
        if self.nacks is not None:
            self.nacks.restart()

    def take(self) -> list[Packet]:
        """What arrived since the last time."""
        taken, self.pending = self.pending, []
        return taken

    def start(self) -> int | None:
        """The number a new consumer can begin with: the last key frame's."""
        return self.history.pin

    def check_cache(self, now: float) -> None:
        """Wish for a younger key frame when the cache grew too old or too large."""
        arrived, config = self.keys.arrived, self._config
        if arrived is None:
            return
        if self.history.pin is None:
            self.keys.lost()
        elif now - arrived > config.cache_age_s or self.since_key > config.cache_bytes:
            self.keys.refresh()

    def _number(self, sequence: int, repaired: bool) -> int | None:
        head = self.history.head
        if head < 0:
            return None if repaired else sequence + 65536
        number = nearest(sequence, head)
        if self.newest is not None and abs(number - head) <= _JUMP:
            self._expected_after_jump = None
            return number
        if repaired:
            return None
        if self.newest is not None and sequence != self._expected_after_jump:
            self._expected_after_jump = sequence + 1 & 0xFFFF
            return None
        if self.newest is not None:
            self.restart()
        return head + 1 + (sequence - head - 1 & 0xFFFF)

    def _facts(
        self, form: PayloadFormat, payload: bytes, frame: bytes | None
    ) -> descriptor.FrameFacts:
        if self.kind is MediaKind.AUDIO or not payload:
            return descriptor.OPAQUE
        if frame is not None and not form.self_told:
            told = self._from_extension(frame)
            if told is not None:
                return told
        if form.describe is None:
            self.live_from_anywhere = True
            return descriptor.OPAQUE
        try:
            return form.describe(payload)
        except DecodeError:
            told = None if frame is None else self._from_extension(frame)
            return told or descriptor.MIDDLE

    def _from_extension(self, frame: bytes) -> descriptor.FrameFacts | None:
        try:
            found = dependency.parse(frame, self._structure)
        except DecodeError:
            return None
        if found.structure is not None:
            self._structure = found.structure
            sizes = found.structure.resolutions
            if sizes:
                self.size = sizes[-1]
        return found.facts() if found.frame is not None else None

    def keep(self, packet: Packet, repaired: bool = False) -> None:
        """Take a packet that `make` made, and that is not in the history."""
        now, number = packet.arrival, packet.number
        self.history.add(packet)
        self.last_arrival = now
        self.reception.count(number, packet.timestamp, now, repaired)
        self.rate.count(packet.size, now)
        if self.newest is None or number > self.newest.number:
            self.newest = packet
        if self.nacks is not None and not self.nacks.received(number, now):
            self.keys.want()
        if self.kind is MediaKind.VIDEO:
            self._follow_frame(packet)
        self.pending.append(packet)

    def _follow_frame(self, packet: Packet) -> None:
        facts = packet.facts
        self.since_key += packet.size
        self.parts.count(facts, packet.size, packet.arrival)
        if not facts.keyframe or packet.timestamp == self._key_timestamp:
            return
        pin = self.history.pin
        if pin is not None and packet.number < pin:
            return
        # parameter sets may precede the packet that shows the key frame
        start = packet.number
        while (before := self.history.get(start - 1)) is not None and (
            before.timestamp == packet.timestamp
        ):
            start -= 1
        self.history.pin = start
        self._key_timestamp = packet.timestamp
        self.since_key = packet.size
        self.keys.came(packet.arrival, not (self.replaying and self._awaited))

    @property
    def _awaited(self) -> bool:
        """Whether a viewer of another layer waits for a key frame of this one."""
        count = self.keys.count
        return any(c.wanted_key > count for c in self.audience.waiting.values())
