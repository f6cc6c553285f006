"""The forwarding table applied: deltas in, consumers put on layers.

What the deltas mean is RFC 0003 section 2.  Everything here happens a few times a
second at most; the packet path only sees the outcome: which consumer stands in which
layer's audience.
"""

from __future__ import annotations

from typing import TypeVar, assert_never

from meshproto.errors import LimitError, StateError
from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.delivery import Delivery
from meshproto.forwarding.events import LayerSwitched
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.producer import Producer
from meshproto.forwarding.pull import Pull
from meshproto.forwarding.pulling import Pulling
from meshproto.forwarding.scalable import LayerFilter
from meshproto.forwarding.state import State, Timer
from meshproto.forwarding.table import (
    AddConsumer,
    AddProducer,
    ForwardingDelta,
    MoveConsumer,
    RemoveConsumer,
    RemoveProducer,
    RequestKeyFrame,
    SetSelection,
    TransportKind,
)
from meshproto.forwarding.transport import Transport
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire.parameters import MediaKind

Entry = TypeVar("Entry")


class Routing:
    """Writes the tables of `State` and moves consumers between layers."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.delivery = Delivery(state, self._started)
        self.pulling = Pulling(state)

    def program(self, delta: ForwardingDelta, now: float) -> None:
        """Apply one delta; raises `StateError` or `LimitError` and then changes
        nothing.
        """
        match delta:
            case AddProducer():
                self._add_producer(delta, now)
            case RemoveProducer():
                self._remove_producer(self._producer(delta.producer))
            case AddConsumer():
                self._add_consumer(delta, now)
            case MoveConsumer():
                consumer = self._consumer(delta.consumer)
                self._follow(consumer, self._producer(delta.producer), now)
            case SetSelection():
                consumer = self._consumer(delta.consumer)
                self._select(consumer, delta, now)
            case RemoveConsumer():
                self._remove_consumer(self._consumer(delta.consumer))
            case RequestKeyFrame():
                for layer in self._producer(delta.producer).layers.values():
                    self._want_key(layer, now)
            case _:
                assert_never(delta)

    def set_sending(self, transport: Transport, sending: bool, now: float) -> None:
        """The transport can, or cannot, be sent to."""
        transport.sending = sending
        for consumer in list(transport.consumers.values()):
            if sending:
                self.choose(consumer, now)
            else:
                self._silence(consumer)

    def remove_transport(self, transport: TransportId) -> None:
        """Take a remote out with everything that belongs to it."""
        state = self._state
        found = state.transports.get(transport)
        if found is None:
            return
        for consumer in list(found.consumers.values()):
            self._remove_consumer(consumer)
        for producer in list(found.producers.values()):
            self._remove_producer(producer)
        del state.transports[transport]
        for timer in (
            Timer.ARRIVALS,
            Timer.REPORTS,
            Timer.CONGESTION,
            Timer.ALLOCATION,
        ):
            state.agenda.cancel((timer, found))

    def choose(self, consumer: Consumer, now: float) -> None:
        """Put the consumer on the layer that its selection asks for, or keep it."""
        producer, selection = consumer.producer, consumer.selection
        if producer is None or selection.paused or not consumer.transport.sending:
            self._silence(consumer)
            return
        if selection.rid is not None and producer.simulcast:
            layer = producer.layers.get(selection.rid)
        elif consumer.target is not None and consumer.target.producer == producer.id:
            layer = consumer.target
        else:
            layer = _cheapest(producer, now)
        self.cap(consumer, now)
        if layer is not None:
            self.aim(consumer, layer, now)

    def aim(self, consumer: Consumer, layer: Layer, now: float) -> None:
        """Let the consumer follow `layer` as soon as it can."""
        sends = consumer.follows
        target = consumer.target
        if target is layer and (sends and consumer.layer is layer):
            return
        if target is not None and target is not layer:
            target.audience.waiting.pop(consumer.id, None)
        if sends and consumer.layer is layer:
            consumer.target = layer
            return
        if target is not layer or consumer.id not in layer.audience.waiting:
            self.delivery.await_key(consumer, layer, cached=not sends)
        if not self.delivery.try_begin(consumer, layer, now):
            self._want_key(layer, now)

    def layer_began(self, layer: Layer, now: float) -> None:
        """The first packets of a layer came: consumers without any may take it, and
        those that it was fetched for need not wait for their next turn.
        """
        agenda = self._state.agenda
        for consumer in self._state.consumers.values():
            producer = consumer.producer
            if producer is None or producer.id != layer.producer:
                continue
            if consumer.target is None:
                self.choose(consumer, now)
            elif producer.pull is not None and consumer.transport.sender is not None:
                agenda.no_later((Timer.ALLOCATION, consumer.transport), now)

    def _add_producer(self, delta: AddProducer, now: float) -> None:
        state = self._state
        transport = self._transport(delta.transport)
        if delta.producer in state.producers:
            raise StateError(f"producer {delta.producer} exists")
        if len(state.producers) >= state.config.producers:
            raise LimitError("producers", state.config.producers)
        producer = Producer(delta, state.config)
        state.producers[delta.producer] = producer
        transport.producers[delta.producer] = producer
        transport.learn(delta.extensions)
        agenda, config = state.agenda, state.config
        agenda.at((Timer.SILENCE, producer), now + config.silence_s)
        if transport.kind is TransportKind.MESH:
            if producer.simulcast:
                producer.pull = Pull(producer.layers, now)
            return  # nobody is there to be reported to
        agenda.no_later((Timer.REPORTS, transport), now + config.report_s)
        if transport.arrivals is not None:
            when = now + config.transport_feedback_s
            agenda.no_later((Timer.ARRIVALS, transport), when)

    def _remove_producer(self, producer: Producer) -> None:
        state = self._state
        for consumer in state.consumers.values():
            if consumer.producer is producer:
                self._silence(consumer)
                consumer.producer = None
        transport = state.transports[producer.transport]
        gone = [
            s for s, source in transport.sources.items() if source.producer is producer
        ]
        for ssrc in gone:
            del transport.sources[ssrc]
        # why: in a long call tracks come and go, each under SSRCs of its own
        transport.latched -= len(gone)
        for layer in producer.layers.values():
            if layer.slot is not None:
                layer.slot.detach()
            layer.history.clear()
            layer.pending.clear()  # who still follows it must not get them much later
            state.dirty.pop(layer, None)
            state.agenda.cancel((Timer.LAYER, layer))
        state.agenda.cancel((Timer.SILENCE, producer))
        state.agenda.cancel((Timer.PULL, producer))
        del transport.producers[producer.id]
        del state.producers[producer.id]

    def _add_consumer(self, delta: AddConsumer, now: float) -> None:
        state = self._state
        transport = self._transport(delta.transport)
        producer = self._producer(delta.producer)
        if delta.consumer in state.consumers or delta.ssrc in transport.consumers:
            raise StateError(f"consumer {delta.consumer} or its SSRC exists")
        if len(state.consumers) >= state.config.consumers:
            raise LimitError("consumers", state.config.consumers)
        # lower half: no wrap before the viewer's first packet (RFC 3711 section 3.3.1)
        first_repair = state.random.getrandbits(15)
        _check_kind(delta.consumer, delta.kind, producer)
        transport.spend(delta.ssrc, delta.rtx_ssrc, 2 * state.config.consumers)
        consumer = Consumer(delta, transport, first_repair, state.config.nacked_packets)
        state.consumers[delta.consumer] = consumer
        transport.consumers[delta.ssrc] = consumer
        state.agenda.no_later((Timer.ALLOCATION, transport), now)
        self._follow(consumer, producer, now)

    def _remove_consumer(self, consumer: Consumer) -> None:
        state = self._state
        self.delivery.detach(consumer)
        del state.consumers[consumer.id]
        del consumer.transport.consumers[consumer.ssrc]
        state.agenda.cancel((Timer.CHASE, consumer))
        state.agenda.cancel((Timer.REPAIR, consumer))
        self.pulling.changed(consumer.producer)

    def _follow(self, consumer: Consumer, producer: Producer, now: float) -> None:
        _check_kind(consumer.id, consumer.kind, producer)
        before, consumer.producer = consumer.producer, producer
        consumer.wishes = ()
        consumer.upcoming = producer.profile(consumer.delta)
        consumer.transport.numbering |= bool(consumer.upcoming.numbered)
        self.choose(consumer, now)
        self.pulling.changed(before)
        self.pulling.changed(producer)

    def _select(self, consumer: Consumer, delta: SetSelection, now: float) -> None:
        rid, producer = delta.selection.rid, consumer.producer
        layers = producer.layers if producer and producer.simulcast else {}
        if rid is not None and layers and rid not in layers:
            raise StateError(f"consumer {consumer.id} has no layer {rid!r} to get")
        consumer.selection = delta.selection
        self.choose(consumer, now)
        self.pulling.changed(producer)

    def cap(self, consumer: Consumer, now: float) -> None:
        """Let the filter follow the caps of selection and bandwidth."""
        spatial = _lower(consumer.selection.max_spatial, consumer.max_spatial)
        temporal = _lower(consumer.selection.max_temporal, consumer.max_temporal)
        if consumer.filter is not None:
            consumer.filter.cap(spatial, temporal)
            if spatial is None and temporal is None and consumer.filter.idle:
                consumer.filter = None
            elif consumer.layer is not None and consumer.filter.needs_key:
                self._want_key(consumer.layer, now)
        elif spatial is not None or temporal is not None:
            consumer.filter = LayerFilter(spatial, temporal)

    def _started(self, consumer: Consumer, before: Layer | None, now: float) -> None:
        state, layer = self._state, consumer.layer
        assert layer is not None
        consumer.key_sent_at = now
        if before is not layer or consumer.announced != layer.rid:
            consumer.announced = layer.rid
            state.events.append(LayerSwitched(consumer.id, layer.rid))
            self.pulling.changed(consumer.producer)
        arrived = layer.keys.arrived
        if arrived is not None and now - arrived > state.config.cache_fresh_s:
            layer.keys.refresh()
            state.watch(layer, now)
        # with the first packets, so that the player need not guess (RFC 0003 section 5)
        state.agenda.at((Timer.REPORTS, consumer.transport), now)

    def _silence(self, consumer: Consumer) -> None:
        self.delivery.detach(consumer)
        consumer.target = None
        if consumer.announced is not None:
            consumer.announced = None
            self._state.events.append(LayerSwitched(consumer.id, None))

    def _want_key(self, layer: Layer, now: float) -> None:
        layer.keys.want()
        self._state.watch(layer, now)

    def _transport(self, transport: TransportId) -> Transport:
        return _known(self._state.transports.get(transport), "transport", transport)

    def _producer(self, producer: ProducerId) -> Producer:
        return _known(self._state.producers.get(producer), "producer", producer)

    def _consumer(self, consumer: ConsumerId) -> Consumer:
        return _known(self._state.consumers.get(consumer), "consumer", consumer)


def _known(found: Entry | None, what: str, identifier: int) -> Entry:
    if found is None:
        raise StateError(f"{what} {identifier} is unknown")
    return found


def _check_kind(consumer: ConsumerId, kind: MediaKind, producer: Producer) -> None:
    if kind is not producer.kind:
        raise StateError(f"consumer {consumer} is not {producer.kind.value}")


def _lower(a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return min(a, b)


def _cheapest(producer: Producer, now: float) -> Layer | None:
    """The layer to begin with: the lowest bitrate, one with a picture first."""
    sending = producer.sending(now)
    if not sending:
        layers = list(producer.layers.values())
        return layers[0] if len(layers) == 1 else None
    ready = [layer for layer in sending if layer.history.pin is not None]
    return (ready or sending)[0]
