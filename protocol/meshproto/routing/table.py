"""The rows that a router keeps: neighbours, origins, and what was heard and told.

One `Heard` is a route of RFC 8966: it stands in the row of its origin and in that of
its neighbour, so that either is walked without a search.  What was told stands with the
origin, as the record itself; neighbours that were told the same share it.
"""

from __future__ import annotations

from enum import IntEnum

from meshproto.chance import Chance
from meshproto.config.routing import RoutingConfig
from meshproto.ids import NodeId, ShortId
from meshproto.outputs import Outbox
from meshproto.routing.changes import Change
from meshproto.routing.distance import (
    INFINITY,
    Distance,
    Version,
    newer_version,
    ticks,
)
from meshproto.timers import Timers
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.routing import Update

NOBODY = NodeId(b"")

PROOFS_KEPT = 4
"""Signatures of one origin that a node remembers: what a neighbour tells back was told
by us a moment ago, and an origin raises its number once a second at most."""


class Wait(IntEnum):
    """What a router waits for; together with a node, or with nobody."""

    BATCH = 0
    URGENT = 1
    TABLE = 2
    REQUEST = 3
    BUMP = 4
    DIGEST = 5
    FORGET = 6
    WANT = 7


class Heard:
    """What one neighbour told about one origin, with our metric over that neighbour.

    `hops` counts the links between the origin and this node; `metric` is infinite for
    rows that only carry offers, and for rows that are no longer in the table.
    """

    __slots__ = (
        "hops",
        "metric",
        "neighbour",
        "offers",
        "origin",
        "refmetric",
        "signature",
        "version",
    )

    def __init__(self, origin: NodeId, neighbour: NodeId) -> None:
        self.origin = origin
        self.neighbour = neighbour
        self.version: Version = (0, 0)
        self.refmetric = INFINITY
        self.metric = INFINITY
        self.hops = 0
        self.offers: tuple[Offer, ...] = ()
        self.signature = b""


class Asking:
    """A request for a newer number that this node repeats."""

    __slots__ = ("starving", "tries")

    def __init__(self, starving: bool) -> None:
        self.starving = starving
        self.tries = 0


class Entry:
    """Everything about one origin."""

    __slots__ = (
        "asked_by",
        "asking",
        "distance",
        "epoch",
        "heard",
        "offers",
        "origin",
        "passed_on",
        "proof",
        "proofs",
        "selected",
        "shown_metric",
        "shown_offers",
        "told",
        "wanted",
        "wanted_by",
    )

    def __init__(self, origin: NodeId) -> None:
        self.origin = origin
        self.distance: Distance | None = None
        self.heard: dict[NodeId, Heard] = {}
        self.selected: Heard | None = None
        self.epoch = 0  # of the route selected last
        self.offers: tuple[Offer, ...] = ()  # our own
        self.told: dict[NodeId, Update] = {}
        self.shown_metric = INFINITY  # what the last round of updates said
        self.shown_offers: tuple[Offer, ...] = ()
        self.proof: tuple[Version, bytes] = ((0, 0), b"")  # the newest number seen
        self.proofs: dict[Version, bytes] = {}  # the latest of them, newest last
        self.asking: Asking | None = None
        self.asked_by: dict[NodeId, tuple[Version, float]] = {}
        self.passed_on: tuple[Version, float] | None = None
        self.wanted = False
        self.wanted_by = 0.0  # until when a neighbour wants it

    def prove(self, version: Version, signature: bytes) -> None:
        """Keep the origin's signature of a version: who told a number knows it."""
        if version not in self.proofs:
            self.proofs[version] = signature
            if len(self.proofs) > PROOFS_KEPT:
                del self.proofs[next(iter(self.proofs))]
        if not self.proof[1] or newer_version(version, self.proof[0]):
            self.proof = (version, signature)

    def idle(self) -> bool:
        """Whether nothing but the distance is left."""
        return not (self.heard or self.offers or self.told or self.wanted)


class Neighbour:
    """One link: its cost, what came over it, and what is still to be told."""

    __slots__ = (
        "changed",
        "cost",
        "heard",
        "node",
        "owed",
        "partial",
        "recount",
        "shorts",
        "stale",
        "table_after",
        "table_told_until",
        "table_wait_s",
    )

    def __init__(self, node: NodeId, cost: int) -> None:
        self.node = node
        self.cost = cost
        self.heard: dict[NodeId, Heard] = {}
        self.shorts: dict[ShortId, NodeId] = {}  # rows as they were told last
        self.owed: dict[NodeId, None] = {}  # a whole table, in portions
        self.changed = False  # something was told since the last digest
        self.recount = False  # a digest follows when nothing is owed any more
        self.partial = False  # something was refused, so digests cannot agree
        self.stale: dict[NodeId, None] | None = None  # unconfirmed rows
        self.table_after = 0.0  # no second request before
        self.table_told_until = 0.0  # no second answer before
        self.table_wait_s = 0.0


class Tables:
    """The state that the parts of a router share."""

    __slots__ = (
        "chance",
        "changes",
        "config",
        "entries",
        "live",
        "me",
        "neighbours",
        "outbox",
        "relaying",
        "switch_floor",
        "timers",
        "update_floor",
    )

    def __init__(
        self, me: NodeId, config: RoutingConfig, outbox: Outbox, chance: Chance
    ) -> None:
        self.me = me
        self.chance = chance
        self.config = config
        self.outbox = outbox
        self.entries: dict[NodeId, Entry] = {}
        self.neighbours: dict[NodeId, Neighbour] = {}
        self.timers: Timers[tuple[Wait, NodeId]] = Timers()
        self.changes: list[Change] = []
        self.relaying = True
        self.live = 0  # origins with at least one row heard
        self.update_floor = ticks(config.update_floor_s)
        self.switch_floor = ticks(config.switch_floor_s)
