"""Automatic choice of layers: what congestion control says, turned into aims.

Ten times a second the demands of a transport's video consumers are put to its
`TransportSender`, which knows the estimate and hands out layers.  A change takes effect
at the next key frame of the new layer (`routing.aim`), and caps at the next frame that
allows it.
"""

from __future__ import annotations

from meshproto.forwarding.congestion.allocation import Demand
from meshproto.forwarding.congestion.ladder import LayerRate
from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.events import EstimateChanged
from meshproto.forwarding.producer import Producer
from meshproto.forwarding.routing import Routing
from meshproto.forwarding.state import State, Timer
from meshproto.forwarding.transport import Transport
from meshproto.wire.parameters import MediaKind

_TENTH = 0.1


class Allotment:
    """Asks congestion control and tells routing."""

    def __init__(self, state: State, routing: Routing) -> None:
        self._state = state
        self._routing = routing

    def due(self, transport: Transport, now: float) -> None:
        """Decide anew for every video consumer of the transport."""
        sender, consumers = transport.sender, transport.consumers.values()
        if sender is None or not consumers:
            return
        again = now + self._state.config.allocation_s
        self._state.agenda.at((Timer.ALLOCATION, transport), again)
        video = [c for c in consumers if c.kind is MediaKind.VIDEO and c.producer]
        audio_bps = sum(_rate_bps(c, now) for c in consumers if c not in video)
        demands = [_demand(consumer, now) for consumer in video]
        outcome = sender.allocate(int(audio_bps), demands, now)
        for consumer in video:
            target = outcome.targets.get(consumer.id)
            if target is not None:
                consumer.max_temporal = target.max_temporal
                self._apply(consumer, target.rid, now)
        self._announce(transport, sender.estimate_bps)
        self._state.attend(transport)

    def _apply(self, consumer: Consumer, rid: str | None, now: float) -> None:
        producer = consumer.producer
        automatic = consumer.selection.rid is None and not consumer.selection.paused
        if producer is None or not consumer.transport.sending:
            return
        layer = producer.layers.get(rid) if rid is not None else None
        self._routing.cap(consumer)
        if automatic and producer.simulcast and layer is not None:
            self._routing.aim(consumer, layer, now)

    def _announce(self, transport: Transport, estimate_bps: int) -> None:
        told = transport.told_bps
        if abs(estimate_bps - told) > _TENTH * told:
            transport.told_bps = estimate_bps
            self._state.events.append(EstimateChanged(transport.id, estimate_bps))


def _rate_bps(consumer: Consumer, now: float) -> float:
    return consumer.layer.rate.rate_bps(now) if consumer.layer else 0.0


def _demand(consumer: Consumer, now: float) -> Demand:
    producer = consumer.producer
    assert producer is not None
    return Demand(consumer.id, _rates(producer, now), consumer.selection)


def _rates(producer: Producer, now: float) -> tuple[LayerRate, ...]:
    return tuple(
        LayerRate(rid, int(layer.rate.rate_bps(now)))
        for rid, layer in producer.layers.items()
    )
