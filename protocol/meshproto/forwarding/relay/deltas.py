"""Deltas about streams and legs, applied (RFC 0011 section 8).

`StateError` is for what control can know: a stream that was never opened, a slot whose
producer is not there.  That a neighbour has no transport at the moment is no error: the
brain decides with links that may have fallen a moment ago, and such a leg is silent.
"""

from __future__ import annotations

from typing import assert_never

from meshproto.errors import LimitError, StateError
from meshproto.forwarding import relay_table as t
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.producer import Producer
from meshproto.forwarding.relay.beats import Beats
from meshproto.forwarding.relay.egress import Egress
from meshproto.forwarding.relay.ingress import LegIngress
from meshproto.forwarding.relay.slots import BoundSlot
from meshproto.forwarding.relay.stream import Leg, Neighbour, Stream, Upper, block_of
from meshproto.forwarding.relay.switch import forget
from meshproto.forwarding.relay.wire import SLOTS
from meshproto.forwarding.state import State, Timer
from meshproto.forwarding.transport import Transport
from meshproto.ids import NodeId, StreamId

LegDelta = t.RelayDelta | t.BindStream


class LegTable:
    """Writes `State.streams` and `State.neighbours`."""

    def __init__(
        self, state: State, ingress: LegIngress, egress: Egress, beats: Beats
    ) -> None:
        self._state = state
        self._ingress = ingress
        self._egress = egress
        self._beats = beats

    def program(self, delta: LegDelta, now: float) -> None:
        """Apply one delta; raises `StateError` or `LimitError`."""
        match delta:
            case t.OpenStream():
                self._open_stream(delta, now)
            case t.CloseStream():
                self._close_stream(delta.stream)
            case t.BindStream():
                self._bind(self._stream(delta.stream), delta, now)
            case t.SetActive():
                self._set_active(self._stream(delta.stream), delta, now)
            case t.SetSecond():
                self._set_second(self._stream(delta.stream), delta, now)
            case t.OpenLeg():
                self._open_leg(self._stream(delta.stream), delta, now)
            case t.SetLeg():
                self._set_leg(self._stream(delta.stream), delta, now)
            case t.CloseLeg():
                self._close_leg(self._stream(delta.stream), delta.child)
            case _:
                assert_never(delta)

    def attach(self, transport: Transport, node: NodeId) -> None:
        """The transport leads to `node`: its legs go over it from now on."""
        neighbour = self._neighbour(node)
        neighbour.transport = transport
        transport.neighbour = neighbour

    def detach(self, transport: Transport) -> None:
        """The transport is gone; what is known of the node's legs stays."""
        neighbour = transport.neighbour
        if neighbour is not None and neighbour.transport is transport:
            neighbour.transport = None
            self._forget_idle(neighbour)

    def activated(self, leg: Leg, order: int, now: float) -> None:
        """A standby child asks for packets from `order` on, at once."""
        if not leg.standby:
            return  # said again, because our packets had not arrived yet
        self._egress.settle(leg.stream, now)
        leg.standby = False
        self._egress.begin(leg, order, now)
        self._beats.report(leg, now)
        child = leg.neighbour.node
        self._state.events.append(t.LegActivated(leg.stream.id, child, order))

    def _open_stream(self, delta: t.OpenStream, now: float) -> None:
        state = self._state
        stream = state.streams.get(delta.stream)
        if stream is None:
            if len(state.streams) >= state.config.streams:
                raise LimitError("streams", state.config.streams)
            stream = state.streams[delta.stream] = Stream(delta.stream, False, now)
        if delta.origin and not stream.origin:
            stream.origin = True
            self._number(stream)
        stream.origin = delta.origin

    def _close_stream(self, identifier: StreamId) -> None:
        stream = self._state.streams.pop(identifier, None)
        if stream is None:
            return
        for slot in stream.slots.values():
            slot.detach()
        for child in list(stream.legs):
            self._close_leg(stream, child)
        for upper in (stream.active, stream.second):
            self._release(upper)
        stream.active = stream.second = None
        self._state.fed.pop(stream, None)
        self._state.agenda.cancel((Timer.JUDGE, stream))

    def _bind(self, stream: Stream, delta: t.BindStream, now: float) -> None:
        if len(delta.slots) > SLOTS:
            raise LimitError("slots", SLOTS)
        layers = [self._layer(slot) for slot in delta.slots]
        for layer, _ in layers:
            if layer.slot is not None and layer.slot.stream is not stream:
                raise StateError(f"layer {layer.rid!r} is of another stream")
        changed = 0
        for index, slot in enumerate(delta.slots):
            bound = stream.slots.get(index)
            if bound is None:
                bound = stream.slots[index] = BoundSlot(stream, index)
            bound.bit = slot.bit
            layer, producer = layers[index]
            if bound.layer is not layer:
                changed |= 1 << index
                bound.attach(layer, producer, self._state.config)
        for index in range(len(delta.slots), SLOTS):
            if index in stream.slots:
                stream.slots[index].detach()
        self._number(stream)
        # why before legs: they begin with the key frame that may be among these
        self._ingress.receive_unbound(stream, now)
        for leg in stream.legs.values():
            leg.sending &= ~changed
        # why first: packets that wait for the flush may still be padded
        self._egress.settle(stream, now)
        for leg in stream.legs.values():
            self._egress.retune(leg, now)
        self._state.watch_all(stream, now)

    def _layer(self, slot: t.Slot) -> tuple[Layer, Producer]:
        producer = self._state.producers.get(slot.producer)
        layer = None if producer is None else producer.layers.get(slot.rid)
        if producer is None or layer is None:
            raise StateError(f"slot of unknown layer {slot.producer} {slot.rid!r}")
        return layer, producer

    def _number(self, stream: Stream) -> None:
        """At the origin: what was there before the stream was belongs to it, too."""
        if not stream.origin:
            return
        found = [
            (packet.arrival, packet.number, slot, packet)
            for slot in stream.slots.values()
            if slot.layer is not None
            for packet in slot.layer.history.later(-1)
            if packet.order < 0
        ]
        for _, _, slot, packet in sorted(found, key=lambda item: item[:2]):
            slot.number(packet)

    def _set_active(self, stream: Stream, delta: t.SetActive, now: float) -> None:
        state, active, second = self._state, stream.active, stream.second
        now_active = active and (active.neighbour.node, active.alias)
        if now_active == (delta.parent, delta.alias):
            return  # the brain confirms what the plane did
        self._release(active)
        stream.active, stream.waiting = None, False
        stream.silent = False
        stream.began = now
        if delta.parent is None:
            return
        standby = False
        if second is not None and second.neighbour.node == delta.parent:
            standby = second.use is t.Second.STANDBY
            stream.second = None
            if second.alias == delta.alias:
                second.use, second.since = None, now
                stream.active = second
            else:
                self._release(second)
                standby = False
        if stream.active is None:
            stream.active = self._upper(stream, delta, None, now)
        if standby:
            stream.began += stream.active.neighbour.rtt_s
            stream.waiting = True
            self._beats.activate(stream, now)
        state.watch_all(stream, now)
        state.judge(stream, now)
        self._ingress.receive_early(stream.active.neighbour, now)

    def _set_second(self, stream: Stream, delta: t.SetSecond, now: float) -> None:
        second = stream.second
        if second is not None:
            told = (second.neighbour.node, second.alias, second.use)
            if told == (delta.parent, delta.alias, delta.use):
                return
        self._release(second)
        stream.second = None
        if delta.parent is not None:
            stream.second = self._upper(stream, delta, delta.use, now)
            self._state.judge(stream, now)
            self._ingress.receive_early(stream.second.neighbour, now)

    def _upper(
        self,
        stream: Stream,
        delta: t.SetActive | t.SetSecond,
        use: t.Second | None,
        now: float,
    ) -> Upper:
        assert delta.parent is not None
        neighbour = self._neighbour(delta.parent)
        upper = Upper(stream, neighbour, delta.alias, delta.base, use, now)
        for slot, ssrc in enumerate(block_of(delta.alias)):
            neighbour.uppers[ssrc] = (upper, slot)
        return upper

    def _release(self, upper: Upper | None) -> None:
        if upper is not None:
            forget(upper)
            self._forget_idle(upper.neighbour)

    def _open_leg(self, stream: Stream, delta: t.OpenLeg, now: float) -> None:
        config = self._state.config
        self._close_leg(stream, delta.child)
        if len(stream.legs) >= config.legs_per_stream:
            raise LimitError("legs_per_stream", config.legs_per_stream)
        self._egress.settle(stream, now)
        neighbour = self._neighbour(delta.child)
        leg = Leg(
            stream,
            neighbour,
            delta.alias,
            delta.layers,
            delta.standby,
            config.nacked_packets,
        )
        stream.legs[delta.child] = neighbour.legs[stream.id] = leg
        for slot, ssrc in enumerate(block_of(delta.alias)):
            neighbour.lowers[ssrc] = (leg, slot)
        if not leg.standby:
            self._egress.begin(leg, delta.start, now)
            self._beats.report(leg, now)
        self._beats.start(neighbour, now)

    def _set_leg(self, stream: Stream, delta: t.SetLeg, now: float) -> None:
        leg = stream.legs.get(delta.child)
        if leg is None:
            return
        self._egress.settle(stream, now)
        before, leg.layers = leg.wanted, delta.layers
        held_from = leg.held_from
        leg.hold(delta.pause_after)
        self._egress.retune(leg, now, held_from)
        if leg.wanted & ~before and not leg.standby:
            self._beats.report(leg, now)

    def _close_leg(self, stream: Stream, child: NodeId) -> None:
        leg = stream.legs.pop(child, None)
        if leg is None:
            return
        neighbour = leg.neighbour
        leg.backlog.clear()
        if neighbour.legs.get(stream.id) is leg:
            del neighbour.legs[stream.id]
        for ssrc in block_of(leg.alias):
            neighbour.lowers.pop(ssrc, None)
        self._state.agenda.cancel((Timer.LEG, leg))
        self._forget_idle(neighbour)

    def _neighbour(self, node: NodeId) -> Neighbour:
        state = self._state
        found = state.neighbours.get(node)
        if found is None:
            if len(state.neighbours) >= state.config.transports:
                raise LimitError("transports", state.config.transports)
            found = state.neighbours[node] = Neighbour(node)
        return found

    def _forget_idle(self, neighbour: Neighbour) -> None:
        if not (neighbour.transport or neighbour.legs or neighbour.uppers):
            self._state.neighbours.pop(neighbour.node, None)
            self._state.agenda.cancel((Timer.BEAT, neighbour))

    def _stream(self, stream: StreamId) -> Stream:
        found = self._state.streams.get(stream)
        if found is None:
            raise StateError(f"stream {stream.hex()} was not opened")
        return found
