"""Packets of legs that come in: the checks of RFC 0011 section 8.

The SSRC says which leg and slot a packet is of.  Only the active leg and one that joins
or doubles it may bring packets; one that has no hops left went in a circle.  What was
here before is dropped before the history, so of two legs each packet counts once, and
what the second leg brought first is what a move waits for.
"""

from __future__ import annotations

from collections import Counter

from meshproto.errors import DecodeError
from meshproto.forwarding.events import LayerFound, LimitReached
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.relay import wire
from meshproto.forwarding.relay.slots import BoundSlot
from meshproto.forwarding.relay.stream import UNBOUND_S, Neighbour, Stream, Upper
from meshproto.forwarding.relay_table import FirstNew, Flowing, NothingNew, Second
from meshproto.forwarding.state import State
from meshproto.wire import rtp


class LegIngress:
    """Packets of neighbours in; `drops` counts what went no further."""

    def __init__(self, state: State, drops: Counter[str]) -> None:
        self._state = state
        self._config = state.config
        self._drops = drops

    def receive(self, neighbour: Neighbour, packet: bytes, now: float) -> Layer | None:
        """The layer that took the packet, None if it was dropped."""
        neighbour.hear(self._config.keep_alive_s, now)
        return self._read(neighbour, packet, now)

    def _read(self, neighbour: Neighbour, packet: bytes, now: float) -> Layer | None:
        try:
            view = rtp.parse(packet)
            mesh, carried = wire.elements(packet, view)
        except DecodeError as error:
            self._drops[error.reason] += 1
            return None
        found = neighbour.uppers.get(view.ssrc)
        if found is None or found[0].use is Second.STANDBY:
            self._drops["wrong-leg"] += 1
            if found is None:
                neighbour.keep_early(view.ssrc, packet, now)
            return None
        upper, index = found
        stream = upper.stream
        counters = stream.counters
        counters["received"] += 1
        self._note(neighbour, view, now)
        if upper.use is None:
            stream.waiting = False
        if mesh.hops == 0:
            counters["hop-limit"] += 1
            if counters["hop-limit"] == 1:
                self._state.events.append(LimitReached("hops", wire.HOPS_MAX))
            return None
        slot = stream.slots.get(index)
        if slot is None:
            counters["unbound-slot"] += 1
            if not stream.slots:
                self._hold(upper, packet, mesh.order, now)
            return None
        upper.packets += 1
        reason = slot.take(packet, view, mesh, carried, now)
        if reason is None:
            return self._taken(upper, slot, mesh.order, view.ssrc, now)
        counters[reason] += 1
        if reason in {"duplicate", "stale"}:
            self._nothing_new(upper, mesh.order, now)
        return None

    def _note(self, neighbour: Neighbour, view: rtp.RtpView, now: float) -> None:
        """Remember when it came, and tell the parent now and then."""
        arrivals, transport = neighbour.arrivals, neighbour.ready
        arrivals.note(view.ssrc, view.sequence, now)
        if transport and arrivals.due(self._config.leg_feedback_s, now):
            report = arrivals.report(transport.ssrc, now).encode()
            self._state.rtcp.append((transport.id, report))

    def receive_early(self, neighbour: Neighbour, now: float) -> None:
        """A leg became known: what had overtaken the word of it counts after all."""
        for packet in neighbour.take_early(now):
            self._drops["early-leg"] += 1
            layer = self.receive(neighbour, packet, now)
            if layer is not None:
                self._state.dirty[layer] = None

    def _hold(self, upper: Upper, packet: bytes, order: int, now: float) -> None:
        """Nobody said yet what the stream is made of; that it flows is plain."""
        stream = upper.stream
        stream.keep_unbound(upper, packet, now)
        stream.fresh = now
        if stream.silent:
            self._flows(stream, upper, order, now)

    def receive_unbound(self, stream: Stream, now: float) -> None:
        """The slots became known: what waited for that counts after all."""
        uppers = (stream.active, stream.second)
        for at, upper, packet in stream.take_unbound():
            if now - at > UNBOUND_S or upper not in uppers:
                continue
            layer = self._read(upper.neighbour, packet, now)
            if layer is not None:
                self._state.dirty[layer] = None

    def _taken(
        self, upper: Upper, slot: BoundSlot, order: int, ssrc: int, now: float
    ) -> Layer | None:
        stream, layer, node = upper.stream, slot.layer, upper.neighbour.node
        assert layer is not None
        if layer.ssrc is None:
            layer.ssrc = ssrc
            name = "" if layer.newest is None else layer.newest.codec
            found = LayerFound(layer.producer, layer.rid, ssrc, name)
            self._state.events.append(found)
        if not stream.came(order, now):
            return layer
        if upper.use is Second.JOINING and not upper.proven:
            upper.proven = True
            self._state.events.append(FirstNew(stream.id, node, order))
        if stream.silent:
            self._flows(stream, upper, order, now)
        return layer

    def _flows(self, stream: Stream, upper: Upper, order: int, now: float) -> None:
        stream.silent = False
        node = upper.neighbour.node
        self._state.events.append(Flowing(stream.id, node, order))
        self._state.judge(stream, now)

    def _nothing_new(self, upper: Upper, order: int, now: float) -> None:
        """A joining leg that only echoes: its packets were all here before."""
        config, stream = self._config, upper.stream
        if upper.use is not Second.JOINING or upper.told_nothing_new or upper.proven:
            return
        if now - upper.since < config.joining_s:
            return
        if upper.packets >= config.joining_packets:
            upper.told_nothing_new = True
            lead = max(0, stream.newest - order)
            self._state.events.append(
                NothingNew(stream.id, upper.neighbour.node, stream.newest, lead)
            )
