"""A track on its way out: which layer it follows, and under which numbers.

A consumer is in one of four phases (RFC 0003 section 6):

    SILENT   nothing to send: paused, no producer, or the transport cannot send yet
    WAITING  it needs a key frame that is not there
    CHASING  it sends from the layer's history, behind the newest packet: from the
             cached key frame on, or because its path did not admit the last burst
    LIVE     it sends what arrives

Packets are rewritten in one of two ways.  Usually a whole run lies in the newest
segment of the numbering: `emit_run` stamps it at once.  Packets that are late, drawn
together in time, or of a stream of which this consumer takes a part, go one by one
through `emit_each`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING

from meshproto.forwarding.layer import Layer
from meshproto.forwarding.outputs import OutPacket
from meshproto.forwarding.packet import Packet
from meshproto.forwarding.profile import Profile, Rendered, header_of, stamp
from meshproto.forwarding.repairs import Repairs
from meshproto.forwarding.rewrite import Numbering, Segment
from meshproto.forwarding.scalable import LayerFilter
from meshproto.forwarding.table import AddConsumer, Selection
from meshproto.wire.descriptor import vp8

if TYPE_CHECKING:
    from meshproto.forwarding.producer import Producer
    from meshproto.forwarding.replay import Pace
    from meshproto.forwarding.transport import Transport

_FILLERS = 64
_LOSSY_FROM = 5
"""Fraction lost in 256ths: 2 %."""

_CALM_S = 2.0
"""A browser's report may cover a dozen packets: at 5 % loss half of them show none, so
one report without a loss says nothing.
"""

_PADDING_ONLY = b"\x01"
_NO_PROFILE = Profile(((), ()), ((), ()), "")


class Phase(Enum):
    """What a consumer is doing."""

    SILENT = "silent"
    WAITING = "waiting"
    CHASING = "chasing"
    LIVE = "live"


class Consumer:
    """The state behind an `AddConsumer`.

    `layer` is followed now, `target` is where it wants to be; they differ while a
    change of layer waits for a key frame.  `profile` belongs to the producer of
    `layer`, `upcoming` to that of `target`.  `cursor` is the next source number while
    CHASING.  `last` is the newest packet that was forwarded, in `last_segment`.
    `keeps_protected`: without RTX a retransmission is the protected packet itself; a
    viewer that did not negotiate NACK (sound, mostly) asks for none.  `wishes` are the
    rids that automatic choice could do with.
    """

    __slots__ = (
        "_dropped_picture",
        "_fillers",
        "_lossy_at",
        "_lossy_reports",
        "announced",
        "cursor",
        "delta",
        "dropped",
        "filter",
        "fraction_lost",
        "id",
        "keeps_protected",
        "key_sent_at",
        "kind",
        "lag_max_s",
        "last",
        "last_segment",
        "layer",
        "max_spatial",
        "max_temporal",
        "numbering",
        "octets",
        "overflows",
        "pace",
        "packets",
        "phase",
        "producer",
        "profile",
        "repairs",
        "replaying",
        "requests",
        "rtx_ssrc",
        "selection",
        "ssrc",
        "target",
        "transport",
        "upcoming",
        "wanted_key",
        "wishes",
    )

    def __init__(
        self,
        delta: AddConsumer,
        transport: Transport,
        first_repair: int,
        nacked_max: int,
    ) -> None:
        self.id = delta.consumer
        self.delta = delta
        self.kind = delta.kind
        self.ssrc = delta.ssrc
        self.rtx_ssrc = delta.rtx_ssrc
        self.keeps_protected = delta.rtx_ssrc is None and any(
            "nack" in codec.feedback for codec in delta.codecs
        )
        self.transport = transport
        self.producer: Producer | None = None
        self.profile = _NO_PROFILE
        self.upcoming = _NO_PROFILE
        self.announced: str | None = None
        self.selection: Selection = delta.selection
        self.max_temporal: int | None = None
        self.max_spatial: int | None = None
        self.phase = Phase.SILENT
        self.layer: Layer | None = None
        self.target: Layer | None = None
        self.cursor = 0
        self.pace: Pace | None = None
        self.replaying = False
        self.lag_max_s = 0.0
        self.wanted_key = 0
        self.wishes: tuple[str, ...] = ()
        self.filter: LayerFilter | None = None
        self.numbering: Numbering[Layer] = Numbering(delta.first_sequence)
        self.last: Packet | None = None
        self.last_segment: Segment[Layer] | None = None
        self.key_sent_at = float("-inf")
        self.repairs = Repairs(first_repair, nacked_max)
        self.fraction_lost = 0
        self._lossy_reports = 0
        self._lossy_at = float("-inf")
        self.requests = 0
        self.packets = 0
        self.octets = 0
        self.dropped = 0
        self.overflows = 0
        self._fillers: deque[int] = deque(maxlen=_FILLERS)
        self._dropped_picture: int | None = None

    @property
    def lossy(self) -> bool:
        """Whether so much gets lost, and for so long that it is not congestion, that a
        repetition is worth sending twice.
        """
        return self._lossy_reports > 1 and self.rtx_ssrc is not None

    def reported(self, fraction_lost: int, now: float) -> None:
        """The viewer reported its losses since the last report, in 256ths."""
        self.fraction_lost = fraction_lost
        if now - self._lossy_at > _CALM_S:
            self._lossy_reports = 0
        if fraction_lost >= _LOSSY_FROM:
            self._lossy_reports += 1
            self._lossy_at = now

    def is_filler(self, index: int) -> bool:
        """Whether `index` was padding in place of a packet that came too late."""
        return index in self._fillers

    @property
    def follows(self) -> bool:
        """Whether it gets packets of `layer` now."""
        return self.phase in {Phase.LIVE, Phase.CHASING}

    def emit_run(
        self,
        rendered: Sequence[Rendered],
        newest: Packet,
        size: int,
        segment: Segment[Layer],
    ) -> list[OutPacket]:
        """A run that lies in the newest `segment`, none of it to be dropped."""
        number = self.transport.number if self.profile.numbered else None
        out = stamp(rendered, self.ssrc, segment.sequence, segment.timestamp, number)
        if segment.picture or segment.tl0 or segment.key:
            out = [
                (header, renumbered(item[0], segment), ssrc, index)
                for item, (header, _, ssrc, index) in zip(rendered, out, strict=True)
            ]
        numbering = self.numbering
        if newest.number > numbering.reached_in:
            numbering.reached_in = newest.number
            numbering.highest = newest.number + segment.sequence
            self.last, self.last_segment = newest, segment
        self.packets += len(out)
        self.octets += size
        return out

    def emit_each(self, packets: Sequence[Packet], now: float) -> list[OutPacket]:
        """Packets that may be late, unwanted or in different segments."""
        out: list[OutPacket] = []
        for packet in packets:
            if not self._wanted(packet):
                self._drop(packet, out, now)
                continue
            placed = self.numbering.forward(packet.number)
            if placed is None:
                self.dropped += 1
                continue
            self._append(out, packet, placed, now)
            if placed[1] == self.numbering.highest:
                self.last, self.last_segment = packet, placed[0]
        return out

    def _wanted(self, packet: Packet) -> bool:
        if not packet.payload or not self.profile.knows(packet):
            return False
        return self.filter is None or self.filter.takes(packet)

    def _append(
        self,
        out: list[OutPacket],
        packet: Packet,
        placed: tuple[Segment[Layer], int],
        now: float,
    ) -> None:
        segment, index = placed
        [rendered] = self.profile.render((packet,), now)
        marker = self.filter is not None and self.filter.ends_picture(packet)
        header = header_of(
            rendered,
            (self.ssrc, index, segment.written(packet.timestamp)),
            self.transport.number + len(out),
            0x80 if marker else 0,
        )
        out.append((header, renumbered(packet, segment), self.ssrc, index))
        self.packets += 1
        self.octets += packet.size

    def _drop(self, packet: Packet, out: list[OutPacket], now: float) -> None:
        """Close the packet's number, or fill it when it was promised already."""
        self.dropped += 1
        if self.numbering.drop(packet.number):
            self._withhold(packet)
            return
        placed = self.numbering.forward(packet.number)
        if placed is None or self.last is None:
            return
        like = self.last
        filler = Packet(
            packet.number,
            packet.timestamp,
            _PADDING_ONLY,
            payload_type=like.payload_type,
            codec=like.codec,
            marker=False,
            carried=(),
            facts=like.facts,
            arrival=now,
        )
        filler.padding = 1
        self._append(out, filler, placed, now)
        self._fillers.append(placed[1])

    def _withhold(self, packet: Packet) -> None:
        """A dropped VP8 picture closes its picture id as well, once per picture."""
        numbers = packet.numbers
        if numbers is None or not numbers.picture_bits or not packet.payload:
            return
        if packet.number <= self.numbering.reached_in:
            return  # what lies behind it has left with the ids that it has
        if numbers.picture_id != self._dropped_picture:
            self._dropped_picture = numbers.picture_id
            for segment in self.numbering.change(packet.number + 1):
                segment.picture -= 1


def renumbered(packet: Packet, segment: Segment[Layer]) -> bytes:
    """The payload as the consumer gets it: VP8 numbers moved by their offsets."""
    if not segment.patched:
        return packet.payload
    numbers = packet.numbers
    if numbers is None:
        return packet.payload
    return vp8.renumber(
        packet.payload,
        numbers,
        numbers.picture_id + segment.picture,
        numbers.tl0picidx + segment.tl0,
        numbers.keyidx + segment.key,
    )
