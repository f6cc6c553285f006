"""From layers to consumers: the loop that everything else is arranged for.

What arrived at a layer since the last flush is one batch.  It is rendered once per
profile and stamped per consumer, consumers outside and packets inside, so that each
consumer's packets leave as one burst (RFC 0003 section 7).

Whoever is not LIVE has a cursor into the layer's history instead of a queue of its own:
a slow or new consumer costs no memory, and what it skips was never copied.  Slow ones
are bounded in time; one that falls further behind waits for the next key frame, alone
(RFC 0003 section 8).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from meshproto.forwarding import replay
from meshproto.forwarding.congestion.pacer import Priority
from meshproto.forwarding.consumer import Consumer, Phase
from meshproto.forwarding.layer import Layer
from meshproto.forwarding.packet import Batch, Packet, equalise
from meshproto.forwarding.profile import Rendered
from meshproto.forwarding.state import State, Timer
from meshproto.wire.parameters import MediaKind

_CHUNK = 4
_BEHIND_S = 0.1
"""A replay that lags less goes on in order when a key frame comes, instead of jumping
to it."""

_EPSILON_S = 0.0005


class Delivery:
    """Turns batches into bursts, in the order in which they are to leave.

    `started` is told of every consumer that begins with another layer than before.
    """

    def __init__(
        self, state: State, started: Callable[[Consumer, Layer | None, float], None]
    ) -> None:
        self._state = state
        self._config = state.config
        self._started = started

    def flush(self, layer: Layer, now: float) -> None:
        """Send what arrived at the layer, and begin with who waits for it."""
        audience = layer.audience
        if audience.epoch != layer.epoch:
            self._begin_anew(layer, now)
        packets = layer.take()
        first: int | None = None
        if packets:
            layer.history.padded(equalise(packets, self._config.equalise_bytes))
            if layer.slot is not None:
                stream = layer.slot.stream
                stream.outgoing += [packet for packet in packets if packet.order >= 0]
                self._state.fed[stream] = None
            batch = Batch(packets)
            first = batch.first
            chasing = list(audience.chasing.values())  # who falls behind has it already
            if audience.live:
                self._live(layer, batch, now)
                if batch.first <= layer.delivered:
                    self._secure(layer, batch, now)
            layer.delivered = max(layer.delivered, batch.newest.number)
            for consumer in chasing:
                self._late(consumer, batch, now)
                self.chase(consumer, now)
        for consumer in list(audience.waiting.values()):
            self.try_begin(consumer, layer, now, first)

    def await_key(self, consumer: Consumer, layer: Layer, cached: bool) -> None:
        """Let the consumer begin with `layer` at its next key frame, or with the
        `cached` one.
        """
        if consumer.target is not None and consumer.target is not layer:
            # why: who leaves is only looked for where it is and where it wants to be
            consumer.target.audience.waiting.pop(consumer.id, None)
        consumer.target = layer
        consumer.wanted_key = 0 if cached else layer.keys.count + 1
        layer.audience.waiting[consumer.id] = consumer

    def try_begin(
        self, consumer: Consumer, layer: Layer, now: float, first: int | None = None
    ) -> bool:
        """Begin with the layer if it has what the consumer waits for.

        `first` is the number from which on nobody was sent anything yet; where key
        frames do not matter the consumer begins with it, or with the newest packet.
        """
        self._settle(layer, now)
        start = layer.history.pin
        if layer.live_from_anywhere and layer.newest is not None:
            start = layer.newest.number
            if first is not None:
                start = layer.history.oldest(first)
        elif layer.keys.count < consumer.wanted_key:
            start = None
        if start is None or not consumer.transport.sending:
            return False
        self.detach(consumer)
        before, consumer.profile = consumer.layer, consumer.upcoming
        replay.begin(consumer, layer, start, self._config, now)
        consumer.phase = Phase.CHASING
        age_s = self._age_s(layer, start, now)
        consumer.replaying = age_s > _BEHIND_S
        consumer.lag_max_s = age_s + self._config.slow_consumer_s
        consumer.pace = None
        if consumer.replaying:
            consumer.pace = replay.pace_of(layer, start, self._config, now)
        layer.audience.chasing[consumer.id] = consumer
        self._started(consumer, before, now)
        self.chase(consumer, now)
        return True

    def detach(self, consumer: Consumer) -> None:
        """Take the consumer out of every audience; it sends nothing any more."""
        for layer in {consumer.layer, consumer.target} - {None}:
            assert layer is not None
            layer.audience.waiting.pop(consumer.id, None)
            layer.audience.leave(consumer, consumer.profile)
        consumer.phase = Phase.SILENT

    def chase(self, consumer: Consumer, now: float) -> None:
        """Send from the history as much as may leave now."""
        layer = consumer.layer
        if layer is not None:
            self._settle(layer, now)
        if consumer.phase is not Phase.CHASING or layer is None:
            return
        if not self._keep_up(consumer, layer, now):
            return
        history = layer.history
        while consumer.cursor <= history.head:
            ready_at = self._ready_at(consumer, now)
            if ready_at > now + _EPSILON_S:
                wake_at = max(ready_at, now + self._config.replay_step_s)
                self._state.agenda.at((Timer.CHASE, consumer), wake_at)
                return
            self._send_chunk(consumer, layer, now)
        consumer.replaying = False
        segment = consumer.numbering.segment
        if segment is not None and segment.ahead is not None:
            return  # what was written is later than the newest: the next one meets it
        consumer.phase = Phase.LIVE
        layer.audience.join_live(consumer, consumer.profile)

    def _settle(self, layer: Layer, now: float) -> None:
        """Packets that still wait for the flush are in the history already: who reads
        on there meanwhile would get them twice, under the same indices.
        """
        if layer.pending:
            self.flush(layer, now)

    def _send_chunk(self, consumer: Consumer, layer: Layer, now: float) -> None:
        """The next few packets of one frame."""
        history = layer.history
        chunk: list[Packet] = []
        for packet in history.span(consumer.cursor, history.head):
            if chunk and packet.timestamp != chunk[0].timestamp:
                break
            chunk.append(packet)
            if len(chunk) == _CHUNK:
                break
        if not chunk:
            consumer.cursor = history.head + 1
            return
        consumer.cursor = chunk[-1].number + 1
        replay.place(consumer, chunk[0], self._config, now)
        batch = Batch(chunk)
        if consumer.pace is not None:
            consumer.pace.spent(batch.size, now)
        self._send(consumer, batch, None, now)

    def _ready_at(self, consumer: Consumer, now: float) -> float:
        pace = consumer.pace
        kind = Priority.REPLAY if consumer.replaying else Priority.LIVE
        ready_at = consumer.transport.ready_at(now, kind)
        return ready_at if pace is None else max(ready_at, pace.ready_at)

    def _keep_up(self, consumer: Consumer, layer: Layer, now: float) -> bool:
        """Go on, jump to a newer key frame, or give up when too far behind (False).

        A replay is cut short where it can be.  Who was live misses nothing that it can
        still get in time: a burst after a silence is no reason to skip pictures.
        """
        history, cursor = layer.history, consumer.cursor
        lag_s = self._age_s(layer, cursor, now)
        late = cursor < history.floor or lag_s > consumer.lag_max_s
        hurries = late or (consumer.replaying and lag_s > _BEHIND_S)
        pin = self._newer_key(layer, cursor, now) if hurries else None
        if pin is not None:
            replay.jump(consumer, pin)
            consumer.pace = None
            consumer.replaying = False
            consumer.lag_max_s = self._config.slow_consumer_s
            return True
        if not late:
            return True
        consumer.overflows += 1
        layer.audience.leave(consumer, consumer.profile)
        consumer.phase = Phase.WAITING
        # why not always this one: who is on its way to another layer would wait here
        # for good, though this one may be of a publisher that went
        target = consumer.target or layer
        self.await_key(consumer, target, cached=target is not layer)
        target.keys.want()
        self._state.watch(target, now)
        return False

    def _newer_key(self, layer: Layer, cursor: int, now: float) -> int | None:
        """The key frame behind `cursor`, if it is young enough to go on with."""
        pin = layer.history.pin
        if pin is None or pin <= cursor:
            return None
        young = self._age_s(layer, pin, now) <= self._config.slow_consumer_s
        return pin if young else None

    def _age_s(self, layer: Layer, number: int, now: float) -> float:
        """How long ago the first packet from `number` on arrived."""
        history = layer.history
        first = next(history.span(number, history.head), None)
        return 0.0 if first is None else now - first.arrival

    def _live(self, layer: Layer, batch: Batch, now: float) -> None:
        gated = layer.kind is MediaKind.VIDEO
        behind: list[Consumer] = []
        for profile, members in layer.audience.live.items():
            rendered = None
            if batch.whole and profile.knows_all(batch.types):
                rendered = profile.render(batch.packets, now)
            for consumer in members.values():
                if gated and not consumer.transport.admit(now):
                    behind.append(consumer)
                else:
                    self._send(consumer, batch, rendered, now)
        for consumer in behind:
            self._fall_behind(consumer, layer, batch, now)

    def _fall_behind(
        self, consumer: Consumer, layer: Layer, batch: Batch, now: float
    ) -> None:
        layer.audience.leave(consumer, consumer.profile)
        layer.audience.chasing[consumer.id] = consumer
        consumer.phase = Phase.CHASING
        consumer.cursor = consumer.numbering.reached_in + 1
        consumer.pace = None
        consumer.lag_max_s = self._config.slow_consumer_s
        self._late(consumer, batch, now)
        self.chase(consumer, now)

    def _late(self, consumer: Consumer, batch: Batch, now: float) -> None:
        """Packets behind a chasing consumer's cursor would else never be sent."""
        if batch.first >= consumer.cursor:
            return
        late = [packet for packet in batch.packets if packet.number < consumer.cursor]
        self._one_by_one(consumer, late, now)

    def _secure(self, layer: Layer, batch: Batch, now: float) -> None:
        """A packet that was late for us must not be lost once more on a lossy path."""
        late = [packet for packet in batch.packets if packet.number <= layer.delivered]
        for members in layer.audience.live.values():
            for consumer in members.values():
                if not consumer.lossy:
                    continue
                for packet in late:
                    segment = consumer.numbering.find(packet.number)
                    if segment is not None and packet.payload:
                        index = packet.number + segment.sequence
                        self._state.repeat_soon(consumer, index, now)

    def _send(
        self,
        consumer: Consumer,
        batch: Batch,
        rendered: Sequence[Rendered] | None,
        now: float,
    ) -> None:
        segment = consumer.numbering.segment
        profile = consumer.profile
        assert segment is not None
        if (
            consumer.filter is not None
            or segment.ahead is not None
            or batch.first < segment.start
            or not batch.whole
            or not profile.knows_all(batch.types)
        ):
            self._one_by_one(consumer, batch.packets, now)
            return
        rendered = rendered or profile.render(batch.packets, now)
        out = consumer.emit_run(rendered, batch.newest, batch.size, segment)
        self._state.depart(consumer, out, batch.size, now)

    def _one_by_one(
        self, consumer: Consumer, packets: Sequence[Packet], now: float
    ) -> None:
        out = consumer.emit_each(packets, now)
        size = sum([len(payload) for _, payload, _, _ in out])
        self._state.depart(consumer, out, size, now)

    def _begin_anew(self, layer: Layer, now: float) -> None:
        """The layer's source changed: everybody begins again, at a key frame."""
        audience = layer.audience
        audience.epoch = layer.epoch
        for consumer in audience.followers():
            audience.leave(consumer, consumer.profile)
            consumer.phase = Phase.WAITING
            if consumer.target is layer:
                self.await_key(consumer, layer, cached=True)
        if audience.waiting:
            layer.keys.want()
            self._state.watch(layer, now)
