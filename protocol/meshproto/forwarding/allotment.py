"""Automatic choice of layers: what congestion control says, turned into aims.

Ten times a second the demands of a transport's video consumers are put to its
`TransportSender`, which knows the estimate and hands out layers.  A change takes effect
at the next key frame of the new layer (`Routing.aim`), and caps at the next frame that
allows it.

Congestion control knows layers by rid.  The spatial layers of a scalable stream are put
to it under names of our own, so that one ladder serves simulcast and scalable coding.
"""

from __future__ import annotations

from dataclasses import replace

from meshproto.forwarding.congestion.allocation import Demand
from meshproto.forwarding.congestion.ladder import LayerRate, Target
from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.events import EstimateChanged
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.producer import Producer
from meshproto.forwarding.pull import Pull
from meshproto.forwarding.routing import Routing
from meshproto.forwarding.state import State, Timer
from meshproto.forwarding.table import Selection
from meshproto.forwarding.transport import Transport
from meshproto.wire.parameters import MediaKind

_TENTH = 0.1
_ALL = 7


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
        self._state.agenda.again((Timer.ALLOCATION, transport), again)
        audio_bps = sum([_rate_bps(c, now) for c in consumers])
        video = [c for c in consumers if c.kind is MediaKind.VIDEO]
        demands = [_demand(c, c.producer, now) for c in video if c.producer is not None]
        if _still(transport, audio_bps, demands):
            return
        outcome = sender.allocate(audio_bps, demands, now)
        spare_bps = sender.estimate_bps - outcome.allocated_bps
        offered = {demand.consumer: demand.layers for demand in demands}
        for consumer in video:
            target = outcome.targets.get(consumer.id)
            if target is not None and consumer.producer is not None:
                wishes = _wishes(offered[consumer.id], target, spare_bps)
                self._routing.pulling.wish(consumer, wishes)
                self._apply(consumer, consumer.producer, target, now)
        self._announce(transport, sender.estimate_bps)
        self._state.attend(transport, now)

    def _apply(
        self, consumer: Consumer, producer: Producer, target: Target, now: float
    ) -> None:
        consumer.max_temporal = target.max_temporal
        consumer.max_spatial = _spatial_cap(producer, target)
        self._routing.cap(consumer, now)
        selection = consumer.selection
        wanted = target.rid if selection.rid is None else selection.rid
        layer = producer.layers.get(wanted or "")
        if selection.paused or not producer.simulcast or layer is None:
            return
        if consumer.transport.sending:
            self._routing.aim(consumer, _near(layer, producer, now), now)

    def _announce(self, transport: Transport, estimate_bps: int) -> None:
        told = transport.told_bps
        if abs(estimate_bps - told) > _TENTH * told:
            transport.told_bps = estimate_bps
            self._state.events.append(EstimateChanged(transport.id, estimate_bps))


def _still(transport: Transport, audio_bps: int, demands: list[Demand]) -> bool:
    """Whether nothing is to be sent, as the last time: what was decided then, holds."""
    rates = [layer.bitrate_bps for demand in demands for layer in demand.layers]
    moved, transport.moving = transport.moving, bool(audio_bps) or any(rates)
    return not moved and not transport.moving


def _wishes(
    layers: tuple[LayerRate, ...], target: Target, spare_bps: float
) -> tuple[str, ...]:
    """The layer that was chosen, and the next better one where it nearly fits: it is
    to be here when the margin for going up is reached as well.
    """
    rates = {layer.rid: layer.bitrate_bps for layer in layers}
    if target.rid is None or target.rid not in rates:
        return ()
    present = rates[target.rid]
    above = [(bps, rid) for rid, bps in rates.items() if bps > present]
    more, better = min(above, default=(0, ""))
    near = bool(above) and more - present <= spare_bps
    return (target.rid, better) if near else (target.rid,)


def _rate_bps(consumer: Consumer, now: float) -> int:
    if consumer.kind is MediaKind.VIDEO or consumer.layer is None:
        return 0
    return int(consumer.layer.rate.rate_bps(now))


def _demand(consumer: Consumer, producer: Producer, now: float) -> Demand:
    selection = consumer.selection
    if producer.simulcast:
        return Demand(consumer.id, _measured(producer, now), selection)
    if selection.rid is not None:
        selection = replace(selection, rid=None)
    [layer] = producer.layers.values()
    if layer.parts.spatial:
        return Demand(consumer.id, _spatial_rates(layer, selection, now), selection)
    return Demand(consumer.id, _measured(producer, now), selection)


def _measured(producer: Producer, now: float) -> tuple[LayerRate, ...]:
    """The producer's layers, measured once for all viewers that are due together."""
    at, rates = producer.measured
    if at != now:
        layers = producer.layers
        sending = producer.sending(now) if producer.simulcast else layers.values()
        rates = tuple(
            _rate(rid, layer, layer in sending, now) for rid, layer in layers.items()
        )
        if producer.pull is not None:
            rates = _priced(producer.pull, rates, now)
        producer.measured = now, rates
    return rates


def _priced(
    pull: Pull, rates: tuple[LayerRate, ...], now: float
) -> tuple[LayerRate, ...]:
    """The layers with what those that do not come would cost, while any comes."""
    if not any(rate.bitrate_bps for rate in rates):
        return rates
    return tuple(
        replace(rate, bitrate_bps=pull.learn(rate.rid, rate.bitrate_bps, now))
        if rate.bitrate_bps
        else LayerRate(rate.rid, pull.price_bps(rate.rid, now))
        for rate in rates
    )


def _rate(rid: str, layer: Layer, sends: bool, now: float) -> LayerRate:
    if not sends:
        return LayerRate(rid, 0)
    parts = layer.parts
    temporal = tuple(
        parts.up_to_bps(_ALL, t, now)
        for t in range(parts.temporal + 1)
        if parts.temporal
    )
    return LayerRate(rid, int(layer.rate.rate_bps(now)), temporal)


def _spatial_rates(
    layer: Layer, selection: Selection, now: float
) -> tuple[LayerRate, ...]:
    """The spatial layers of a scalable stream as rids "0", "1", ..."""
    parts, cap = layer.parts, selection.max_spatial
    highest = parts.spatial if cap is None else min(cap, parts.spatial)
    return tuple(
        LayerRate(
            str(spatial),
            parts.up_to_bps(spatial, _ALL, now),
            tuple(parts.up_to_bps(spatial, t, now) for t in range(parts.temporal + 1)),
        )
        for spatial in range(highest + 1)
    )


def _spatial_cap(producer: Producer, target: Target) -> int | None:
    """The cap that a target of `_spatial_rates` means; None for the highest."""
    if producer.simulcast or not target.rid:
        return None
    [layer] = producer.layers.values()
    spatial = int(target.rid)
    return spatial if spatial < layer.parts.spatial else None


def _near(layer: Layer, producer: Producer, now: float) -> Layer:
    """The layer, or while it is not sent the best one below it that is."""
    sending = producer.sending(now)
    if layer in sending or not sending:
        return layer
    if producer.pull is None:
        return sending[-1]
    rank = producer.pull.rids.index
    sending.sort(key=lambda other: rank(other.rid))
    below = [other for other in sending if rank(other.rid) < rank(layer.rid)]
    return below[-1] if below else sending[0]
