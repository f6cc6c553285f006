"""What the parts of the forwarder share: tables, timers and outboxes.

Only this module is written by several parts; each of them documents which tables it
changes.  Outboxes are bounded: a driver that does not poll loses the oldest entries.
"""

from __future__ import annotations

from collections import deque
from enum import Enum

from meshproto.forwarding.agenda import Agenda
from meshproto.forwarding.config import ForwardingConfig, RandomSource
from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.events import ForwardingEvent
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.outputs import Burst, OutPacket, Repeat, Resend
from meshproto.forwarding.packet import OVERHEAD
from meshproto.forwarding.producer import Producer
from meshproto.forwarding.relay.stream import Neighbour, Stream
from meshproto.forwarding.relay_table import PlaneNotice
from meshproto.forwarding.table import TransportKind
from meshproto.forwarding.transport import Transport
from meshproto.ids import ConsumerId, NodeId, ProducerId, StreamId, TransportId

_OUTBOX = 4096
_TWICE_AFTER_S = 0.01
"""Apart enough that one short burst of losses does not take both."""

BREATH_S = 0.001
"""A timer that did its work never fires twice at one instant."""


class Timer(Enum):
    """What a deadline is for; the subject stands beside it in the agenda's key."""

    __hash__ = object.__hash__  # that of Enum is written in Python

    CHASE = "chase"  # a consumer's next replayed packet
    LAYER = "layer"  # a layer's NACKs and key-frame requests
    ARRIVALS = "arrivals"  # transport-wide feedback to a publisher
    REPORTS = "reports"  # receiver reports to a publisher, sender reports to a viewer
    REPAIR = "repair"  # a consumer's retransmissions that wait
    CONGESTION = "congestion"  # a transport's estimator, pacer and prober
    ALLOCATION = "allocation"  # a transport's choice of layers
    SILENCE = "silence"  # a producer's packets
    PULL = "pull"  # which layers of a producer are asked of the mesh
    JUDGE = "judge"  # whether the legs of a stream fell silent
    BEAT = "beat"  # signs of life to a neighbour
    LEG = "leg"  # what a replay still has to send over a leg


class State:
    """Tables by id in order of arrival, timers, and what waits to be polled."""

    def __init__(self, config: ForwardingConfig, random: RandomSource) -> None:
        self.config = config
        self.random = random
        self.transports: dict[TransportId, Transport] = {}
        self.producers: dict[ProducerId, Producer] = {}
        self.consumers: dict[ConsumerId, Consumer] = {}
        self.agenda: Agenda[tuple[Timer, object]] = Agenda()
        self.dirty: dict[Layer, None] = {}
        self.bursts: list[Burst] = []
        self.neighbours: dict[NodeId, Neighbour] = {}
        self.streams: dict[StreamId, Stream] = {}
        self.fed: dict[Stream, None] = {}
        self.leg_bursts: list[Burst] = []
        self.rtcp: deque[tuple[TransportId, bytes]] = deque(maxlen=_OUTBOX)
        self.resends: deque[Resend | Repeat] = deque(maxlen=_OUTBOX)
        self.events: deque[ForwardingEvent | PlaneNotice] = deque(maxlen=_OUTBOX)

    def publisher(self, layer: Layer) -> Transport | None:
        """The transport over which a layer enters; None once it was removed."""
        producer = self.producers.get(layer.producer)
        return None if producer is None else self.transports.get(producer.transport)

    def asked(self, layer: Layer) -> tuple[Transport, int] | None:
        """Whom to ask for packets of a layer, and under which SSRC: the publisher, or
        the active leg of its stream.  None while there is nobody.
        """
        transport = self.publisher(layer)
        if transport is not None and transport.kind is TransportKind.MESH:
            return None if layer.slot is None else layer.slot.upstream()
        if transport is None or layer.ssrc is None:
            return None
        return transport, layer.ssrc

    def depart(
        self, consumer: Consumer, out: list[OutPacket], size: int, now: float
    ) -> None:
        """These packets, `size` octets of payload, leave as one burst."""
        if not out:
            return
        transport, keep = consumer.transport, consumer.keeps_protected
        self.bursts.append(Burst(transport.id, consumer.id, out, keep))
        if transport.numbering:
            if not consumer.profile.numbered:
                return  # it has no number that feedback could name
            if consumer.rtx_ssrc is not None:
                transport.log.note(transport.number, consumer, out)
        transport.sent(len(out), size + OVERHEAD * len(out), now)

    def repeat(
        self, consumer: Consumer, out: list[OutPacket], indices: list[int], now: float
    ) -> None:
        """These packets of its repair stream leave: `indices` once more, or padding."""
        if not out:
            return
        transport = consumer.transport
        self.bursts.append(Burst(transport.id, consumer.id, out, False))
        if transport.numbering:
            if not consumer.profile.numbered:
                return
            if indices:
                transport.log.note_repeated(transport.number, consumer, indices)
        size = sum([len(payload) for _, payload, _, _ in out])
        transport.sent(len(out), size + OVERHEAD * len(out), now)

    def repeat_soon(self, consumer: Consumer, index: int, now: float) -> None:
        """Let the consumer's packet `index` be repeated a little later."""
        again = consumer.repairs.again
        again.append((now + _TWICE_AFTER_S, index))
        self.agenda.no_later((Timer.REPAIR, consumer), again[0][0])

    def attend(self, transport: Transport, now: float) -> None:
        """Set the transport's timer to the next wish of congestion control."""
        sender = transport.sender
        deadline = None if sender is None else sender.next_timeout()
        if deadline is not None:
            soonest = max(deadline, now + BREATH_S)
            self.agenda.at((Timer.CONGESTION, transport), soonest)

    def judge(self, stream: Stream, now: float) -> None:
        """Let the stream's silence be judged anew."""
        self.agenda.no_later((Timer.JUDGE, stream), now)

    def watch_all(self, stream: Stream, now: float) -> None:
        """There is somebody (else) to ask for the stream's packets."""
        for slot in stream.slots.values():
            if slot.layer is None:
                continue
            if slot.layer.nacks is not None:
                slot.layer.nacks.renew(now)
            self.watch(slot.layer, now)

    def watch(self, layer: Layer, soonest: float) -> None:
        """Set the layer's timer to its next request, not before `soonest`."""
        deadlines = [layer.keys.next_timeout()]
        if layer.nacks is not None:
            deadlines.append(layer.nacks.next_timeout())
        due = [deadline for deadline in deadlines if deadline is not None]
        if due:
            self.agenda.no_later((Timer.LAYER, layer), max(min(due), soonest))
