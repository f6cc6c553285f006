"""One router on a bench: neighbours are names, time moves when the test says so."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from meshproto.config.routing import CostConfig, RoutingConfig
from meshproto.events import Event, Refused
from meshproto.ids import NodeId, ShortId, StreamId, short_id
from meshproto.outputs import Outbox, Send
from meshproto.routing.changes import Change
from meshproto.routing.router import Router
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.routing import (
    METRIC_INFINITE,
    RoutingRecord,
    SeqnoRequest,
    Step,
    TableDigest,
    Update,
    signed_part,
)

EPOCH = 1_750_000_000_000
STREAM = StreamId(b"stream of sixtee")
OTHER_STREAM = StreamId(b"another stream 2")
COST_10_MS = 100
"""What a link of the bench costs: 18 ms of round trip and 1 ms of our own."""


def node(name: str) -> NodeId:
    """A node by its name."""
    return NodeId(b"node:" + name.encode().ljust(3, b"."))


def seal(origin: NodeId, epoch: int, seqno: int) -> bytes:
    """The stand-in for a signature."""
    return b"*" + signed_part(origin, epoch, seqno)[-40:]


def offer(slots: int = 4, delay_s: float = 0.05, **fields: Any) -> Offer:
    """An offer of a node that is in the tree."""
    base = Offer(STREAM, True, delay_s, slots, slots)
    return replace(base, **fields)


class Bench:
    """A `Router` called "me", with what it sent and said."""

    def __init__(self, **config: Any) -> None:
        self.config = RoutingConfig(cost=CostConfig(hop_s=0.001), **config)
        self.outbox = Outbox()
        self.now = 1000.0
        self.rtts: dict[NodeId, float] = {}
        self.losses: dict[NodeId, float] = {}
        self.suspects: dict[NodeId, bool] = {}
        self.penalties: dict[NodeId, float] = {}
        self.verified: list[tuple[NodeId, bytes]] = []
        self.records: list[tuple[str, RoutingRecord]] = []
        self.raw: list[tuple[str, RoutingRecord]] = []
        self.held: dict[tuple[str, ShortId], Update] = {}
        self.events: list[Event] = []
        self.changes: list[Change] = []
        self.names: dict[NodeId, str] = {}
        self.me = node("me")
        self.router = Router(
            self.me,
            EPOCH,
            self.config,
            self.outbox,
            random.Random(1),
            lambda data: b"*" + data[-40:],
            self._verify,
            self,
        )

    # -- surroundings -----------------------------------------------------------------

    def rtt_s(self, neighbour: NodeId) -> float:
        return self.rtts.get(neighbour, 0.018)

    def loss(self, neighbour: NodeId) -> float:
        return self.losses.get(neighbour, 0.0)

    def suspect(self, neighbour: NodeId) -> bool:
        return self.suspects.get(neighbour, False)

    def penalty_s(self, neighbour: NodeId) -> float:
        return self.penalties.get(neighbour, 0.0)

    def _verify(self, origin: NodeId, data: bytes, signature: bytes) -> bool:
        self.verified.append((origin, signature))
        return signature == b"*" + data[-40:]

    # -- inputs -----------------------------------------------------------------------

    def up(self, *names: str, rtt_s: float = 0.018) -> None:
        for name in names:
            self.names[node(name)] = name
            self.rtts[node(name)] = rtt_s
            self.router.neighbour_up(node(name), self.now)
            self._drain()

    def down(self, name: str) -> None:
        self.router.neighbour_down(node(name), self.now)
        self._drain()

    def hear(
        self,
        name: str,
        refmetric: int,
        origin: str = "o",
        seqno: int = 1,
        epoch: int = EPOCH,
        hops: int = 1,
        offers: tuple[Offer, ...] = (),
        signature: bytes | None = None,
    ) -> None:
        """An update from a neighbour, signed unless `signature` says otherwise."""
        who = node(origin)
        if signature is None:
            signature = seal(who, epoch, seqno)
        update = Update(who, epoch, seqno, refmetric, hops, offers, signature)
        self.feed(name, update)

    def retract(self, name: str, origin: str = "o") -> None:
        self.feed(name, Update(node(origin), 0, 0, METRIC_INFINITE, 0, ()))

    def feed(self, name: str, record: RoutingRecord) -> None:
        self.router.receive(node(name), record, self.now)
        self._drain()

    def rtt(self, name: str, rtt_s: float) -> None:
        self.rtts[node(name)] = rtt_s
        self.router.cost_moved(node(name), self.now)
        self._drain()

    def call(self, verb: str, *arguments: Any) -> None:
        getattr(self.router, verb)(*arguments, self.now)
        self._drain()

    def advance(self, seconds: float) -> None:
        """Let time pass, waking the router when it wants to be woken."""
        end = self.now + seconds
        while (at := self.router.next_timeout()) is not None and at <= end:
            self.now = max(self.now, at)
            self.router.handle_timeout(self.now)
            self._drain()
        self.now = end

    def _drain(self) -> None:
        while (output := self.outbox.poll()) is not None:
            if isinstance(output, Send):
                name = self.names.get(output.neighbour, "?")
                record: RoutingRecord = output.record  # type: ignore[assignment]
                self.raw.append((name, record))
                self.records.append((name, self._whole(name, record)))
            elif isinstance(output, Event):
                self.events.append(output)
        self.changes += self.router.take_changes()

    def _whole(self, name: str, record: RoutingRecord) -> RoutingRecord:
        """What the neighbour understands: a step is the update that it stands for."""
        if isinstance(record, Step):
            told = self.held[name, record.origin]
            record = stepped(told, record)
        if isinstance(record, Update):
            self.held[name, short_id(record.origin)] = record
        return record

    # -- what came of it --------------------------------------------------------------

    def sent(self, kind: type[Any] | None = None, to: str | None = None) -> list[Any]:
        """Take the records that were sent since the last call."""
        taken, self.records = self.records, []
        return [
            record
            for name, record in taken
            if (kind is None or isinstance(record, kind)) and (to in {None, name})
        ]

    def sent_to(self) -> list[str]:
        """Take the names of those that were sent something."""
        taken, self.records = self.records, []
        return [name for name, _ in taken]

    def told(self, to: str) -> list[int]:
        """Take the metrics that one neighbour was told."""
        return [update.refmetric for update in self.sent(Update, to)]

    def refusals(self) -> list[str]:
        return [e.reason for e in self.events if isinstance(e, Refused)]

    def take_changes(self) -> list[Change]:
        taken, self.changes = self.changes, []
        return taken

    def next_hop(self, origin: str = "o") -> str | None:
        hop = self.router.next_hop(node(origin))
        return None if hop is None else self.names[hop]


def stepped(told: Update, step: Step) -> Update:
    """What a `Step` means to who was told `told` before."""
    if step.refmetric == METRIC_INFINITE and not step.offers:
        return Update(told.origin, 0, 0, METRIC_INFINITE, 0, ())
    pairs = zip(told.offers, step.offers, strict=True)
    offers = tuple(
        Offer(old.stream, new.in_tree, new.delay_s, new.slots, new.room)
        for old, new in pairs
    )
    version = (told.epoch, told.seqno if step.seqno is None else step.seqno)
    move = (step.refmetric, step.hops, offers)
    return Update(told.origin, *version, *move, step.signature)


def asks(records: list[Any]) -> list[tuple[int, int]]:
    """(seqno, hops) of the requests among records."""
    return [(r.seqno, r.hops) for r in records if isinstance(r, SeqnoRequest)]


def digests(records: list[Any]) -> list[bytes]:
    """The digests among records."""
    return [r.digest for r in records if isinstance(r, TableDigest)]
