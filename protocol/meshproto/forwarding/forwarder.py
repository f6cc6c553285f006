"""The packet path as one pure machine (RFC 0003): the door to this package.

A driver owns sockets, keys and time.  Its duties:

1. `add_transport` for every remote, and `set_sending(transport, True, now)` as soon as
   packets to it can be protected; before that its consumers wait and use no numbers.
2. `program` every `ForwardingDelta`.
3. For each batch that the socket gave: `receive_rtp` and `receive_rtcp` with decrypted
   packets, then **one** `flush(now)`.  Send the bursts in order; keep the protected
   packets of bursts that ask for it (`Burst.keep`).
4. After `flush`: `poll_resend`, `poll_rtcp` and `poll_event` until they are empty.
5. When `next_timeout()` has come: `handle_timeout(now)`, `flush(now)` and the polls.

Nothing that a remote sends raises; what is refused is counted in `stats()["drops"]`.
Local misuse raises `StateError`, a full table `LimitError`.
"""

from __future__ import annotations

from collections.abc import Mapping

from meshproto.errors import LimitError, StateError
from meshproto.forwarding.allotment import Allotment
from meshproto.forwarding.config import ForwardingConfig, RandomSource
from meshproto.forwarding.consumer import Consumer
from meshproto.forwarding.delivery import Delivery
from meshproto.forwarding.events import ForwardingEvent, ProducerSilent
from meshproto.forwarding.hearing import Hearing
from meshproto.forwarding.ingress import Ingress
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.levels import Levels, audio_levels
from meshproto.forwarding.outputs import Burst, Repeat, Resend
from meshproto.forwarding.producer import Producer
from meshproto.forwarding.relay.deltas import LegDelta
from meshproto.forwarding.relay.relaying import Relaying
from meshproto.forwarding.relay_table import PlaneDelta, PlaneNotice
from meshproto.forwarding.requests import Requests
from meshproto.forwarding.retransmit import Retransmitter
from meshproto.forwarding.routing import Routing
from meshproto.forwarding.state import State, Timer
from meshproto.forwarding.stats import producers, snapshot
from meshproto.forwarding.table import TransportKind
from meshproto.forwarding.transport import Transport
from meshproto.ids import NodeId, ProducerId, StreamId, TransportId


class Forwarder:
    """Producers in, consumers out.  `random` draws SSRCs and first numbers of ours."""

    def __init__(self, config: ForwardingConfig, random: RandomSource) -> None:
        self._state = state = State(config, random)
        self._ingress = Ingress(config, state.events.append)
        self._requests = Requests(state)
        self._routing = Routing(state)
        self._allotment = Allotment(state, self._routing)
        self._delivery: Delivery = self._routing.delivery
        self._retransmitter = Retransmitter(state)
        drops = self._ingress.drops
        self._relaying = Relaying(state, self._delivery.flush, drops)
        self._hearing = Hearing(state, self._retransmitter, self._relaying, drops)

    def add_transport(
        self,
        transport: TransportId,
        kind: TransportKind,
        *,
        start_bitrate_bps: int = 0,
        node: NodeId | None = None,
    ) -> None:
        """Make a remote known.  `start_bitrate_bps` 0 is the default of congestion
        control.  A LOCAL transport may be sent to at once, a CLIENT or RELAY after
        `set_sending`.  A RELAY transport leads to `node`.

        Raises `StateError` for an id in use, `LimitError` when the table is full.
        """
        state = self._state
        if transport in state.transports:
            raise StateError(f"transport {transport} exists")
        if len(state.transports) >= state.config.transports:
            raise LimitError("transports", state.config.transports)
        if (node is None) is (kind is TransportKind.RELAY):
            raise StateError("a RELAY transport, and no other, leads to a node")
        made = Transport(transport, kind, start_bitrate_bps, state.random)
        if node is not None:
            self._relaying.attach(made, node)
        state.transports[transport] = made

    def remove_transport(self, transport: TransportId) -> None:
        """Forget the remote with its producers and consumers; unknown ids are fine."""
        found = self._state.transports.get(transport)
        self._routing.remove_transport(transport)
        if found is not None:
            self._relaying.detach(found)

    def set_sending(self, transport: TransportId, sending: bool, now: float) -> None:
        """Whether packets to the transport can be protected and addressed now.

        Its consumers begin at the moment this becomes True, from the key-frame cache.
        """
        self._routing.set_sending(self._transport(transport), sending, now)

    def measured(self, transport: TransportId, rtt_s: float | None) -> None:
        """A check of a link was answered after `rtt_s`, or (None) was not."""
        found = self._state.transports.get(transport)
        if found is not None and rtt_s is not None:
            before = rtt_s if found.rtt_s is None else found.rtt_s
            found.rtt_s = before + (rtt_s - before) / 8

    def program(self, delta: PlaneDelta, now: float) -> None:
        """Apply one change of the table.  Raises `StateError` or `LimitError`."""
        if isinstance(delta, LegDelta):
            self._relaying.program(delta, now)
        else:
            self._routing.program(delta, now)

    def receive_rtp(self, transport: TransportId, packet: bytes, now: float) -> None:
        """A decrypted RTP packet of a publisher or neighbour; never raises."""
        found = self._state.transports.get(transport)
        if found is None:
            self._ingress.drops["unknown-transport"] += 1
            return
        if found.kind is TransportKind.RELAY:
            layer = self._relaying.receive(found, packet, now)
        else:
            layer = self._ingress.receive(found, packet, now)
        if layer is not None:
            self._state.dirty[layer] = None

    def receive_rtcp(self, transport: TransportId, packet: bytes, now: float) -> None:
        """A decrypted compound RTCP packet of anybody; never raises."""
        found = self._state.transports.get(transport)
        if found is None:
            self._ingress.drops["unknown-transport"] += 1
            return
        self._hearing.receive(found, packet, now)

    def flush(self, now: float) -> list[Burst]:
        """Everything that is to leave now, in order: to neighbours first."""
        state = self._state
        for layer in state.dirty:
            if layer.fresh:
                layer.fresh = False
                self._routing.layer_began(layer, now)
            self._delivery.flush(layer, now)
            layer.check_cache(now)
            if layer.keys.pending or layer.nacks:
                self._requests.layer_due(layer, now)
        state.dirty.clear()
        if state.fed:
            self._relaying.flush(now)
        bursts, state.bursts = state.leg_bursts + state.bursts, []
        state.leg_bursts = []
        return bursts

    def poll_resend(self) -> Resend | Repeat | None:
        """The next protected packet that is to be sent again as it is."""
        resends = self._state.resends
        return resends.popleft() if resends else None

    def poll_rtcp(self) -> tuple[TransportId, bytes] | None:
        """The next RTCP compound to protect and send."""
        waiting = self._state.rtcp
        return waiting.popleft() if waiting else None

    def poll_event(self) -> ForwardingEvent | PlaneNotice | None:
        """The next thing that control should know."""
        events = self._state.events
        return events.popleft() if events else None

    def stream_history(self, stream: StreamId) -> tuple[int, int] | None:
        """(first number of the key-frame cache, newest number) of a stream; None while
        it has no packets here.
        """
        return self._relaying.history(stream)

    def next_timeout(self) -> float | None:
        """The next deadline; None while there is nothing to wait for."""
        return self._state.agenda.next()

    def handle_timeout(self, now: float) -> None:
        """Do what is due; follow with `flush`."""
        for timer, subject in self._state.agenda.due(now):
            self._fire(timer, subject, now)

    def stats(self, now: float) -> dict[str, object]:
        """Counters and gauges, see `stats.snapshot`; `now` is for the rates."""
        return snapshot(self._state, self._ingress.drops, now)

    def audio_levels(self, since: Mapping[ProducerId, int]) -> Levels:
        """How loud each audio producer was after the packet number in `since`."""
        return audio_levels(self._state.producers.values(), since)

    def producer_stats(self, now: float) -> dict[ProducerId, dict[str, object]]:
        """The producers' part of `stats` alone, which costs nothing per consumer."""
        return producers(self._state, now)

    def _fire(self, timer: Timer, subject: object, now: float) -> None:
        state, config = self._state, self._state.config
        match timer, subject:
            case Timer.CHASE, Consumer():
                self._delivery.chase(subject, now)
            case Timer.REPAIR, Consumer():
                self._retransmitter.send(subject, now)
            case Timer.LAYER, Layer():
                self._requests.layer_due(subject, now)
            case Timer.ARRIVALS, Transport():
                self._requests.arrivals_due(subject)
                when = now + config.transport_feedback_s
                state.agenda.again((timer, subject), when)
            case Timer.REPORTS, Transport():
                self._requests.reports_due(subject, now)
                state.agenda.again((timer, subject), now + config.report_s)
            case Timer.CONGESTION, Transport():
                self._retransmitter.pad(subject, now)
            case Timer.ALLOCATION, Transport():
                self._allotment.due(subject, now)
            case Timer.PULL, Producer():
                self._routing.pulling.due(subject, now)
            case Timer.SILENCE, Producer():
                self._listen(subject, now)
            case _:
                self._relaying.fire(timer, subject, now)

    def _listen(self, producer: Producer, now: float) -> None:
        """Tell when a producer fell silent, once per silence."""
        state, config = self._state, self._state.config
        silence_s = now - producer.heard_at(now)
        if silence_s >= config.silence_s and not producer.silent:
            producer.silent = True
            state.events.append(ProducerSilent(producer.id, silence_s))
        elif silence_s < config.silence_s:
            producer.silent = False
        wait_s = max(config.silence_s - silence_s, config.silence_s / 5)
        state.agenda.at((Timer.SILENCE, producer), now + wait_s)

    def _transport(self, transport: TransportId) -> Transport:
        found = self._state.transports.get(transport)
        if found is None:
            raise StateError(f"transport {transport} is unknown")
        return found
