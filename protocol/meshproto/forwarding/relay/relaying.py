"""The relay half of a forwarder: the door to this package.

`Relaying` is to legs what the forwarder is to producers and consumers: deltas, packets
and RTCP of neighbours, timers and the flush go in here, everything that comes out goes
into the outboxes of `State`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from meshproto.forwarding.layer import Layer
from meshproto.forwarding.relay import backfill
from meshproto.forwarding.relay.beats import Beats
from meshproto.forwarding.relay.control import LegControl
from meshproto.forwarding.relay.deltas import LegDelta, LegTable
from meshproto.forwarding.relay.egress import Egress
from meshproto.forwarding.relay.ingress import LegIngress
from meshproto.forwarding.relay.stream import Leg, Neighbour, Stream
from meshproto.forwarding.relay.switch import Switch
from meshproto.forwarding.relay_table import Flowing
from meshproto.forwarding.state import State, Timer
from meshproto.forwarding.transport import Transport
from meshproto.ids import NodeId, StreamId

NOBODY = NodeId(b"")
"""The parent of an origin, in its notices."""


class Relaying:
    """Streams and legs of a node.  `settle` flushes one layer to its viewers."""

    def __init__(
        self,
        state: State,
        settle: Callable[[Layer, float], None],
        drops: Counter[str],
    ) -> None:
        self._state = state
        self._drops = drops
        self._beats = Beats(state)
        self._egress = Egress(state, settle)
        self._ingress = LegIngress(state, drops)
        self._table = LegTable(state, self._ingress, self._egress, self._beats)
        self._switch = Switch(state, self._beats)
        self._control = LegControl(state, self._table, self._egress, self._beats, drops)

    def program(self, delta: LegDelta, now: float) -> None:
        """Apply one delta; raises `StateError` or `LimitError`."""
        self._table.program(delta, now)

    def attach(self, transport: Transport, node: NodeId) -> None:
        """A link to `node` is there."""
        self._table.attach(transport, node)

    def detach(self, transport: Transport) -> None:
        """A link is gone."""
        self._table.detach(transport)

    def receive(self, transport: Transport, packet: bytes, now: float) -> Layer | None:
        """A decrypted RTP packet of a link; the layer that took it."""
        neighbour = transport.neighbour
        if neighbour is None:
            self._drops["wrong-leg"] += 1
            return None
        return self._ingress.receive(neighbour, packet, now)

    def hear(self, transport: Transport, compound: bytes, now: float) -> None:
        """A decrypted RTCP datagram of a link."""
        if transport.neighbour is not None:
            self._control.receive(transport.neighbour, compound, now)

    def clock_found(self, layer: Layer) -> None:
        """The publisher's first sender report about a layer came."""
        if layer.slot is not None:
            self._beats.clock_found(layer.slot.stream)

    def flush(self, now: float) -> None:
        """Pass on what streams accepted since the last time."""
        fed = self._state.fed
        for stream in fed:
            self._egress.flush(stream, now)
            self._beats.follow(stream, now)
            if stream.origin:
                self._flowing(stream, now)
        fed.clear()

    def fire(self, timer: Timer, subject: object, now: float) -> None:
        """A deadline of `State.agenda` has come."""
        match timer, subject:
            case Timer.JUDGE, Stream():
                self._switch.judge(subject, now)
            case Timer.BEAT, Neighbour():
                self._beats.tick(subject, now)
            case Timer.LEG, Leg():
                self._egress.drain(subject, now)

    def _flowing(self, stream: Stream, now: float) -> None:
        """The publisher sends (again)."""
        if stream.silent:
            stream.silent = False
            notice = Flowing(stream.id, NOBODY, stream.newest)
            self._state.events.append(notice)
            self._state.judge(stream, now)

    def history(self, stream: StreamId) -> tuple[int, int] | None:
        """(first number of the key-frame cache, newest number); None without any."""
        found = self._state.streams.get(stream)
        if found is None or found.newest < 0:
            return None
        return backfill.cache_start(found, self._state.config), found.newest
