"""One `Distribution` on a bench: its surroundings are dictionaries that tests write.

`hear` feeds a record, `pass_time` lets deadlines come due one by one; what came out is
sorted into `sent`, `deltas`, `events`, `probes` and `changes`, and taken by `take`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TypeVar

from meshproto.config.distribution import DistributionConfig
from meshproto.distribution import Change, Distribution
from meshproto.distribution.tree import Tree
from meshproto.events import Event
from meshproto.forwarding.relay_table import RelayDelta
from meshproto.ids import NodeId, ShortId, StreamId, short_id
from meshproto.outputs import Deliver, Outbox, Probe, Send
from meshproto.wire.control import distribution as w
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.peer import MediaAddress, PeerRecord, Reach
from meshproto.wire.control.schema import Record

STREAM = StreamId(b"a stream, sixtee")
RATE_BPS = 1_000_000
T = TypeVar("T")


def node(number: int) -> NodeId:
    return NodeId(b"node" + number.to_bytes(8, "big"))


ME, ORIGIN = node(100), node(1)


def peer_record(who: NodeId, x_s: float = 0.0) -> PeerRecord:
    address = MediaAddress(b"\x0a\x00\x00" + who[-1:], 5000)
    coordinate = (x_s, 0.0, 0.0, 0.0)
    return PeerRecord(who, 1, 1, (address,), (), Reach.DIRECT, 8, 8, "", "", coordinate)


def demand(
    layers: int = 1,
    subtree: int = 1,
    room: int = 0,
    spare: int | None = None,
    lease_s: float = 0.0,
    viewers: int = 1,
) -> w.Demand:
    return w.Demand(
        layers, viewers, subtree, room, room if spare is None else spare, lease_s
    )


def join(
    serial: int = 1,
    use: w.Use = w.Use.NEW,
    origin: NodeId = ORIGIN,
    after: int | None = None,
    place: w.Place | None = None,
    **below: float,
) -> w.Join:
    wanted = demand(**below)  # type: ignore[arg-type]
    return w.Join(STREAM, serial, origin, use, wanted, after, place)


def accept(
    serial: int,
    by: NodeId,
    delay_s: float = 0.0,
    above: Sequence[NodeId] = (ORIGIN,),
    heir: NodeId | None = None,
) -> w.Accept:
    line = [short_id(n) for n in above if n != by] + [short_id(by)]
    delays = tuple(delay_s for _ in line)
    return w.Accept(
        STREAM, serial, 7000, 50, delay_s, tuple(line), delays, (RATE_BPS,), heir
    )


def path(by: NodeId, delay_s: float = 0.0, above: Sequence[NodeId] = ()) -> w.Path:
    line = (*[short_id(n) for n in above], short_id(by))
    return w.Path(STREAM, delay_s, line, tuple(delay_s for _ in line))


class Bench:
    """The machine and its world."""

    def __init__(
        self,
        slots: float = 8,
        config: DistributionConfig | None = None,
        me: NodeId = ME,
        seed: int = 1,
    ) -> None:
        self.config = config or DistributionConfig()
        self.links: dict[NodeId, float] = {}
        self.rtts: dict[NodeId, float] = {}
        self.hops: dict[NodeId, NodeId] = {}
        self.offered: dict[NodeId, Offer] = {}
        self.knowing: list[NodeId] = []
        self.peers: dict[NodeId, PeerRecord] = {}
        self.dialled: list[tuple[NodeId, NodeId | None]] = []
        self.members: list[PeerRecord] = []
        self.lost_sight: set[NodeId] = set()
        self.held_back: dict[NodeId, int] = {}
        self.held: tuple[int, int] | None = None
        self.up_bps = slots * RATE_BPS / self.config.uplink_share + 1
        self.outbox = Outbox()
        self.now = 1000.0
        self.brain = Distribution(
            me, 1234, self.config, self.outbox, random.Random(seed), self
        )
        self.sent: list[tuple[NodeId, Record]] = []
        self.deltas: list[RelayDelta] = []
        self.events: list[Event] = []
        self.probes: list[Probe] = []
        self.delivered: list[Deliver] = []
        self.changes: list[Change] = []

    # --- Surroundings

    def linked(self, who: NodeId) -> bool:
        return who in self.links

    def neighbours(self) -> Iterable[NodeId]:
        return self.links

    def rtt_s(self, who: NodeId) -> float | None:
        return self.links.get(who, self.rtts.get(who))

    def next_hop(self, origin: NodeId) -> NodeId | None:
        return self.hops.get(origin)

    def offers(
        self, origin: NodeId, stream: StreamId
    ) -> Sequence[tuple[NodeId, Offer]]:
        return [(n, o) for n, o in self.offered.items() if o.stream == stream]

    def ways(self, origin: NodeId) -> Sequence[NodeId]:
        return [who for who in self.knowing if who in self.links]

    def peer(self, who: NodeId) -> PeerRecord | None:
        return self.peers.get(who)

    def find(self, short: ShortId) -> PeerRecord | None:
        for who, record in self.peers.items():
            if short_id(who) == short:
                return record
        return None

    def sample(self, count: int) -> Sequence[PeerRecord]:
        return self.members[:count]

    def dial(self, who: NodeId | PeerRecord, through: NodeId | None) -> bool:
        target = who.node if isinstance(who, PeerRecord) else who
        if target in self.lost_sight:
            return False
        self.dialled.append((target, through))
        return True

    def uplink_bps(self) -> float:
        return self.up_bps

    def waiting(self, node: NodeId) -> int:
        return self.held_back.get(node, 0)

    def history(self, stream: StreamId) -> tuple[int, int] | None:
        return self.held

    # --- driving

    @property
    def tree(self) -> Tree:
        return self.brain._shared.trees[STREAM]

    def link(self, who: NodeId, rtt_s: float = 0.02) -> NodeId:
        self.links[who] = rtt_s
        self.brain.neighbour_up(who, self.now)
        self.drain()
        return who

    def unlink(self, who: NodeId) -> None:
        del self.links[who]
        self.brain.neighbour_down(who, self.now)
        self.drain()

    def offer(
        self, who: NodeId, delay_s: float = 0.01, slots: int = 4, room: int = 9
    ) -> None:
        self.offered[who] = Offer(STREAM, True, delay_s, slots, room)
        self.brain.offers_changed(ORIGIN, self.now)
        self.drain()

    def hear(self, who: NodeId, record: Record) -> None:
        self.brain.receive(who, record, self.now)
        self.drain()

    def do(self, verb: str, *args: object, **options: object) -> None:
        getattr(self.brain, verb)(*args, self.now, **options)
        self.drain()

    def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while (at := self.brain.next_timeout()) is not None and at <= end:
            self.now = max(at, self.now)
            self.brain.handle_timeout(self.now)
            self.drain()
        self.now = end

    def drain(self) -> None:
        while (output := self.outbox.poll()) is not None:
            if isinstance(output, Send):
                assert output.neighbour in self.links, output
                self.sent.append((output.neighbour, output.record))
            elif isinstance(output, Probe):
                self.probes.append(output)
            elif isinstance(output, Deliver):
                self.delivered.append(output)
            elif isinstance(output, Event):
                self.events.append(output)
            else:
                self.deltas.append(output)  # type: ignore[arg-type]
        self.changes += self.brain.take_changes()

    # --- looking

    def take(self, kind: type[T]) -> list[tuple[NodeId, T]]:
        """Take sent records of a kind, with whom they went to."""
        found = [(n, r) for n, r in self.sent if isinstance(r, kind)]
        self.sent = [(n, r) for n, r in self.sent if not isinstance(r, kind)]
        return found

    def one(self, kind: type[T]) -> tuple[NodeId, T]:
        found = self.take(kind)
        assert len(found) == 1, found
        return found[0]

    def happened(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    def told(self, kind: type[T]) -> list[T]:
        return [delta for delta in self.deltas if isinstance(delta, kind)]

    # --- usual beginnings

    def publish(self, rates_bps: tuple[int, ...] = (RATE_BPS,)) -> None:
        self.do("publish", STREAM, rates_bps)

    def child(self, number: int, use: w.Use = w.Use.NEW, **below: float) -> NodeId:
        """A linked node that became a child."""
        who = node(number)
        if who not in self.links:
            self.link(who)
        origin = self.tree.origin
        self.hear(who, join(number, use, origin, None, None, **below))
        return who

    def subscribe(self, layers: int = 1, viewers: int = 1) -> None:
        self.brain.subscribe(STREAM, ORIGIN, layers, viewers, self.now)
        self.drain()

    def attach(
        self,
        parent: NodeId = ORIGIN,
        delay_s: float = 0.0,
        above: Sequence[NodeId] = (ORIGIN,),
        rtt_s: float = 0.02,
    ) -> NodeId:
        """Subscribe, and be accepted by `parent`."""
        self.link(parent, rtt_s)
        self.hops[ORIGIN] = parent
        self.subscribe()
        asked, wish = self.one(w.Join)
        assert asked == parent
        self.hear(parent, accept(wish.serial, parent, delay_s, above))
        return parent
