"""Answering a viewer's NACK (RFC 4585 section 6.2.1, RFC 4588), and padding probes.

The number asked for is the consumer's own.  Its numbering says which source packet was
sent under it, and the history has that packet.  With RTX the packet is rendered again
into the repair stream, which has an SSRC and numbers of its own; without it the
protected packet that was sent must be repeated byte for byte, which only the plane can
do (`Resend`): anything else would use a nonce twice.

A viewer cannot make us send more than `rtx_share` of what it got anyway (and a burst),
nor the same packet more often than every half round trip.  What the history never had
is asked for upstream once, and forwarded as a late packet when it comes.

Where reports say that packets get lost, a repetition would too, and a browser that only
watches asks again after 100 ms at the earliest: three unlucky tries are a freeze.  So
every repetition is then sent a second time, a little later (RFC 0003 section 5), and
what transport-wide feedback reports as lost is repeated without being asked for.  On
such a path feedback gets lost as well, and a NACK with it: what a lost feedback would
have told of is repeated like what it reports lost.

The repair stream also carries the padding that congestion control wants for a probe:
packets sent before, which may even be of use.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

from meshproto.forwarding.congestion.pacer import Priority
from meshproto.forwarding.consumer import Consumer, Phase, renumbered
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.outputs import OutPacket, Resend
from meshproto.forwarding.packet import OVERHEAD, Packet
from meshproto.forwarding.profile import header_of
from meshproto.forwarding.rewrite import Segment
from meshproto.forwarding.sentlog import Sent
from meshproto.forwarding.sequence import nearest
from meshproto.forwarding.state import State, Timer
from meshproto.forwarding.transport import Transport
from meshproto.wire.parameters import MediaKind
from meshproto.wire.twcc import Arrival

_RTT_S = 0.05
_PROBE_PACKETS = 64
_CHUNK = 8

_HOLE = 64
"""Packets of one feedback, or two: more without a word is no loss but silence."""

_TRIES = 4
"""How often a packet is repeated on our own account."""


class Retransmitter:
    """Answers NACKs: packets leave, orders to repeat go to the state's outbox."""

    def __init__(self, state: State) -> None:
        self._state = state

    def nacked(self, consumer: Consumer, lost: Iterable[int], now: float) -> None:
        """A viewer misses these (16 bit) numbers of the consumer."""
        repairs, numbering = consumer.repairs, consumer.numbering
        interval_s = (consumer.transport.rtt_s or _RTT_S) / 2
        for number in islice(lost, self._state.config.nacked_packets):
            index = nearest(number, numbering.highest)
            found = numbering.origin(index)
            if found is None or index > numbering.highest or consumer.is_filler(index):
                continue
            if not self._available(*found, now):
                repairs.missed += 1
            elif repairs.recently(index, interval_s, now):
                repairs.refused += 1
            else:
                repairs.wait.append(index)
        self.send(consumer, now)

    def lost(
        self, transport: Transport, arrivals: Sequence[Arrival], now: float
    ) -> None:
        """Transport-wide feedback came; repeat what did not arrive before the viewer
        asks (again).  On a path that is full that would only add to the losses.
        """
        untold = _untold(transport, arrivals)
        if transport.sender is None or transport.sender.overcommitted:
            return
        touched: dict[Consumer, None] = {}
        for number in untold:
            self._repeat_lost(transport, number, touched, now, sure=False)
        for wrapped, arrival in arrivals:
            if arrival is None:
                number = nearest(wrapped, transport.number)
                self._repeat_lost(transport, number, touched, now)
        for consumer in touched:
            self.send(consumer, now)

    def _repeat_lost(
        self,
        transport: Transport,
        number: int,
        touched: dict[Consumer, None],
        now: float,
        *,
        sure: bool = True,
    ) -> None:
        """Let what went under `number` wait to be repeated, if it is not sure that it
        was lost then only on a lossy path.
        """
        sent = transport.log.find(number)
        if sent is None or not (sure or sent.consumer.lossy):
            return
        if self._worth_repeating(transport, sent, now):
            repairs = sent.consumer.repairs
            (repairs.wait if sure else repairs.unsure).append(sent.packet_index)
            touched[sent.consumer] = None

    def _worth_repeating(self, transport: Transport, sent: Sent, now: float) -> bool:
        repairs, index = sent.consumer.repairs, sent.packet_index
        found = sent.consumer.numbering.origin(index)
        if sent.consumer.ssrc not in transport.consumers or found is None:
            return False
        segment, number = found
        if segment.source is not sent.consumer.layer or number < _useful_from(segment):
            return False
        tries = repairs.tries(index)
        # what was repeated has a number, and a fate, of its own
        if bool(tries) is not sent.repeated or tries >= _TRIES:
            return False
        return not repairs.recently(index, (transport.rtt_s or _RTT_S) / 2, now)

    def send(self, consumer: Consumer, now: float) -> None:
        """Send what waits, as far as budget and congestion control allow."""
        transport, repairs = consumer.transport, consumer.repairs
        while repairs.again and repairs.again[0][0] <= now:
            self._repeat(consumer, [repairs.again.popleft()[1]], now)
        while waiting := repairs.wait or repairs.unsure:
            ready_at = transport.ready_at(now, Priority.RETRANSMISSION)
            if ready_at > now:
                self._state.agenda.no_later((Timer.REPAIR, consumer), ready_at)
                return
            some = [waiting.popleft() for _ in range(min(_CHUNK, len(waiting)))]
            self._repeat(consumer, some, now)
            if consumer.lossy and waiting is repairs.wait:
                for index in some:
                    self._state.repeat_soon(consumer, index, now)
        if repairs.again:
            self._state.agenda.no_later((Timer.REPAIR, consumer), repairs.again[0][0])

    def pad(self, transport: Transport, now: float) -> None:
        """Let congestion control pass time, and send the padding that it wants."""
        sender = transport.sender
        if sender is None:
            return
        sender.handle_timeout(now)
        octets = sender.padding_due(now)
        if octets > 0:
            self._probe(transport, octets, now)
        self._state.attend(transport, now)

    def _probe(self, transport: Transport, octets: int, now: float) -> None:
        consumer = _probe_carrier(transport)
        if consumer is None or consumer.last_segment is None or consumer.last is None:
            return
        segment, last = consumer.last_segment, consumer.last.number
        out: list[OutPacket] = []
        for number in range(last, max(segment.start, last - _PROBE_PACKETS) - 1, -1):
            if octets <= 0:
                break
            packet = segment.source.history.get(number)
            if packet is not None and packet.payload:
                self._render(
                    consumer, (segment, number + segment.sequence), packet, out, now
                )
                octets -= packet.size + OVERHEAD
        self._state.repeat(consumer, out, [], now)

    def _available(self, segment: Segment[Layer], number: int, now: float) -> bool:
        layer = segment.source
        if layer.history.get(number) is not None:
            return True
        if layer.nacks is not None:
            layer.nacks.want(number, now)
            self._state.watch(layer, now)
        return False

    def _repeat(self, consumer: Consumer, indices: list[int], now: float) -> None:
        """Repeat these packets as one burst, or tell the plane to."""
        repairs = consumer.repairs
        out: list[OutPacket] = []
        sent: list[int] = []
        for index in indices:
            found = consumer.numbering.origin(index)
            packet = None if found is None else found[0].source.history.get(found[1])
            if found is None or packet is None or not _speaks(consumer, found[0]):
                repairs.missed += 1
            elif not self._affordable(consumer, packet):
                repairs.refused += 1
            elif consumer.keeps_protected:
                repairs.answered += 1
                resend = Resend(consumer.transport.id, consumer.ssrc, index)
                self._state.resends.append(resend)
            elif self._render(consumer, (found[0], index), packet, out, now):
                repairs.answered += 1
                sent.append(index)
        self._state.repeat(consumer, out, sent, now)

    def _affordable(self, consumer: Consumer, packet: Packet) -> bool:
        config, repairs = self._state.config, consumer.repairs
        allowed = config.rtx_share * consumer.octets + config.rtx_burst_bytes
        repairs.sent_bytes += packet.size
        if repairs.sent_bytes <= allowed:
            return True
        repairs.sent_bytes -= packet.size
        return False

    def _render(
        self,
        consumer: Consumer,
        placed: tuple[Segment[Layer], int],
        packet: Packet,
        out: list[OutPacket],
        now: float,
    ) -> bool:
        """The packet in the repair stream (RFC 4588 section 4), if there is one."""
        segment, index = placed
        repaired = consumer.profile.render_repair(packet, now)
        if repaired is None or consumer.rtx_ssrc is None:
            return False
        repairs, ssrc = consumer.repairs, consumer.rtx_ssrc
        header = header_of(
            repaired,
            (ssrc, repairs.index, segment.written(packet.timestamp)),
            consumer.transport.number + len(out),
        )
        media = renumbered(packet, segment)
        payload = (index & 0xFFFF).to_bytes(2, "big")
        payload += media[: len(media) - packet.padding]
        out.append((header, payload, ssrc, repairs.index))
        repairs.index += 1
        return True


def _probe_carrier(transport: Transport) -> Consumer | None:
    """A video consumer with a repair stream that is sending."""
    for consumer in transport.consumers.values():
        if (
            consumer.kind is MediaKind.VIDEO
            and consumer.rtx_ssrc is not None
            and consumer.phase in {Phase.LIVE, Phase.CHASING}
        ):
            return consumer
    return None


def _untold(transport: Transport, arrivals: Sequence[Arrival]) -> range:
    """The numbers that no feedback told of, because one was lost; notes how far this
    one goes.
    """
    if not arrivals:  # a viewer may well write a feedback about nothing
        return range(0)
    first = nearest(arrivals[0][0], transport.number)
    expected = transport.heard_to
    transport.heard_to = max(expected or 0, first + len(arrivals))
    if expected is None or not 0 < first - expected <= _HOLE:
        return range(0)
    return range(expected, first)


def _useful_from(segment: Segment[Layer]) -> int:
    """What came before the last key frame is of no use any more."""
    pin = segment.source.history.pin
    return segment.start if pin is None else pin


def _speaks(consumer: Consumer, segment: Segment[Layer]) -> bool:
    """Whether the consumer's profile is still that of the segment's producer."""
    layer = consumer.layer
    return layer is not None and layer.producer == segment.source.producer
