"""Which layers of a simulcast track are asked of the mesh (RFC 0003 section 13.7).

A node that only watches need not have every layer of a stream: what its viewers get or
are about to get is enough.  So each producer that legs feed keeps a list of rids that
are *pulled*, and control is told when it changes (`LayersWanted`).  Additions are told
soon, removals after they were of no use for a while, because a layer that comes and
goes costs a key frame each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from meshproto.forwarding.events import LayersWanted
from meshproto.forwarding.state import BREATH_S, State, Timer

if TYPE_CHECKING:
    from meshproto.forwarding.consumer import Consumer
    from meshproto.forwarding.layer import Layer
    from meshproto.forwarding.producer import Producer
    from meshproto.forwarding.pull import Pull

GAP_S = 0.1
"""Between two words to control: a stream of selections must not be one of records."""

HOLD_S = 2.0
"""A layer stays pulled so long after its last use: estimates swing within seconds."""

BARREN_S = 2.0
"""A pulled layer that brought nothing so long, while the stream flows, is not sent by
anybody: a way up the tree takes less than half of it.
"""

RETRY_S = 30.0
"""Until a barren layer is considered anew: encoders resume layers within minutes."""

FLOWING_S = 0.5
"""A stream flows while its newest packet is younger."""


class Pulling:
    """Keeps `Producer.pull` and tells control; `due` is called by the agenda."""

    def __init__(self, state: State) -> None:
        self._state = state

    def changed(self, producer: Producer | None) -> None:
        """Something about a producer's consumers changed."""
        pull = None if producer is None else producer.pull
        if pull is not None:
            due = pull.told_at + GAP_S
            self._state.agenda.no_later((Timer.PULL, producer), due)

    def wish(self, consumer: Consumer, rids: tuple[str, ...]) -> None:
        """Automatic choice: the consumer could do with these."""
        if consumer.wishes != rids:
            consumer.wishes = rids
            self.changed(consumer.producer)

    def due(self, producer: Producer, now: float) -> None:
        """Look what is of use, and tell if that changed."""
        pull = producer.pull
        assert pull is not None
        self._judge(producer, pull, now)
        wanted = self._wanted(producer, pull, now)
        pull.used.update(dict.fromkeys([*pull.wanted, *wanted], now))
        pull.wanted = wanted
        never = float("-inf")
        held = [
            rid
            for rid in pull.told
            if rid not in wanted and now - pull.used.get(rid, never) < HOLD_S
        ]
        told = [rid for rid in pull.rids if rid in wanted or rid in held]
        told = told or [pull.rids[0]]
        if told != list(pull.told):
            pull.told = {rid: pull.told.get(rid, now) for rid in told}
            pull.told_at = now
            self._state.events.append(LayersWanted(producer.id, tuple(told)))
        soonest = [pull.used[rid] + HOLD_S for rid in held]
        soonest += [
            now + BARREN_S / 2
            for rid, since in pull.told.items()
            if rid in wanted and producer.layers[rid].last_arrival < since
        ]
        if soonest:
            # why not at once: what is held until now may be held by a rounding yet
            when = max(min(soonest), now + BREATH_S)
            self._state.agenda.no_later((Timer.PULL, producer), when)

    def _judge(self, producer: Producer, pull: Pull, now: float) -> None:
        """Find layers that nobody sends."""
        for rid, since in pull.told.items():
            layer = producer.layers[rid]
            if layer.last_arrival >= since or layer.slot is None:
                continue
            stream = layer.slot.stream
            asked = max(since, stream.began)
            if now - asked >= BARREN_S and now - stream.fresh < FLOWING_S:
                pull.barren[rid] = now + RETRY_S

    def _wanted(self, producer: Producer, pull: Pull, now: float) -> dict[str, None]:
        found: dict[str, None] = {}
        for consumer in self._state.consumers.values():
            if consumer.producer is producer and not consumer.selection.paused:
                found.update(dict.fromkeys(_of(consumer, producer, pull, now)))
        return found


def _of(
    consumer: Consumer, producer: Producer, pull: Pull, now: float
) -> Iterable[str]:
    """What one consumer gets, and what it would take."""
    followed: Layer | None = consumer.layer
    if consumer.follows and followed and followed.producer == producer.id:
        yield followed.rid
    rid, layers = consumer.selection.rid, pull.rids
    if rid is not None and rid in layers:
        yield rid
        return
    sent = [name for name in layers if not pull.is_barren(name, now)]
    yield from [w for w in consumer.wishes if w in sent] or sent[:1] or layers[:1]
