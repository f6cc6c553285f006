"""The routing machine of a node: verbs in, records and changes out (RFC 0010).

Strategy: every row of the table is kept up to date in place; an update touches one row,
and the selection looks at other rows only when the changed one was selected or has
become better.  This module holds the verbs and the timers; `hearing` takes updates in,
`deciding` selects, `telling` sends.

The owner drains the outbox and calls `take_changes` after every verb.
"""

from __future__ import annotations

from typing import Any, assert_never

from meshproto.chance import Chance
from meshproto.config.routing import RoutingConfig
from meshproto.errors import LimitError, StateError
from meshproto.events import LimitReached, Refused
from meshproto.ids import NodeId, StreamId
from meshproto.outputs import Outbox
from meshproto.routing import views
from meshproto.routing.changes import Change
from meshproto.routing.comparing import Comparer
from meshproto.routing.cost import Surroundings, link_cost_s
from meshproto.routing.deciding import Decider
from meshproto.routing.distance import INFINITY, Distance, Version, seconds, ticks
from meshproto.routing.events import SeqnoRaised
from meshproto.routing.hearing import Hearing, Verify
from meshproto.routing.own import Own, Sign
from meshproto.routing.requests import Requests
from meshproto.routing.table import NOBODY, Entry, Neighbour, Tables, Wait
from meshproto.routing.telling import Teller, ran_out_or_in
from meshproto.routing.views import Route
from meshproto.routing.wants import Wants
from meshproto.wire.control.offer import OFFERS_MAX, Offer
from meshproto.wire.control.routing import (
    RoutingRecord,
    SeqnoRequest,
    Step,
    TableDigest,
    TableRequest,
    Update,
    Want,
)


class Router:
    """Routes to active origins.

    `me` is this node and `epoch` its start in ms since 1970; `sign(data)` signs for
    `me`, `verify(node, data, signature)` judges the signature of another node.
    """

    __slots__ = (
        "_comparer",
        "_decider",
        "_hearing",
        "_hop_s",
        "_load",
        "_near",
        "_own",
        "_requests",
        "_tables",
        "_teller",
        "_wants",
    )

    def __init__(
        self,
        me: NodeId,
        epoch: int,
        config: RoutingConfig,
        outbox: Outbox,
        chance: Chance,
        sign: Sign,
        verify: Verify,
        surroundings: Surroundings,
    ) -> None:
        tables = self._tables = Tables(me, config, outbox, chance)
        self._teller = Teller(tables)
        self._requests = Requests(tables, self._teller)
        self._decider = Decider(tables, self._teller, self._requests)
        self._wants = Wants(tables)
        self._hearing = Hearing(tables, self._decider, self._wants, verify)
        self._comparer = Comparer(tables, self._hearing, self._teller, self._wants)
        self._own = Own(me, epoch, sign, config.bump_interval_s)
        self._near = surroundings
        self._hop_s = config.cost.hop_s
        self._load = 0.0

    # -- links ------------------------------------------------------------------------

    def neighbour_up(self, node: NodeId, now: float) -> None:
        """A link to `node` is usable; it is told the whole table.

        Raises `StateError` if it is up already.
        """
        tables, maximum = self._tables, self._tables.config.neighbours_max
        if node in tables.neighbours:
            raise StateError("neighbour is up already")
        if len(tables.neighbours) >= maximum:
            tables.outbox.put(LimitReached("neighbours_max", maximum))
            return
        neighbour = tables.neighbours[node] = Neighbour(node, self._cost(node))
        self._teller.owe_table(neighbour, False, now)

    def neighbour_down(self, node: NodeId, now: float) -> None:
        """The link is gone, and every route over it; unknown nodes are fine."""
        tables = self._tables
        neighbour = tables.neighbours.pop(node, None)
        if neighbour is None:
            return
        tables.timers.cancel((Wait.TABLE, node))
        for entry in tables.entries.values():
            entry.told.pop(node, None)
            entry.asked_by.pop(node, None)
        for heard in list(neighbour.heard.values()):
            self._hearing.drop(neighbour, heard, now)

    def cost_moved(self, node: NodeId, now: float) -> None:
        """Round trip, loss, suspicion or penalty of a link changed."""
        neighbour = self._tables.neighbours.get(node)
        if neighbour is None:
            return
        cost = self._cost(node)
        if cost != neighbour.cost:
            neighbour.cost = cost
            for heard in list(neighbour.heard.values()):
                self._hearing.recost(neighbour, heard, now)

    def burdened(self, hop_s: float, load: float, now: float) -> None:
        """Our own forwarding takes `hop_s`, and our load is in [0, 1]."""
        self._hop_s, self._load = hop_s, load
        for node in list(self._tables.neighbours):
            self.cost_moved(node, now)

    def _cost(self, node: NodeId) -> int:
        config = self._tables.config.cost
        return ticks(link_cost_s(self._near, node, config, self._hop_s, self._load))

    # -- this node --------------------------------------------------------------------

    def originate(self, now: float) -> None:
        """Be an active origin from now on; again is fine."""
        if not self._own.active:
            self._own.begin(now)
            entry = self._entry(self._tables.me)
            entry.selected = self._own.route
            entry.prove(self._own.route.version, self._own.route.signature)
            self._teller.urgent(entry, now)

    def withdraw(self, now: float) -> None:
        """Be no origin any more."""
        if self._own.active:
            self._own.active = False
            self._tables.timers.cancel((Wait.BUMP, NOBODY))
            entry = self._tables.entries[self._tables.me]
            entry.selected = None
            self._teller.urgent(entry, now)

    def offer(self, origin: NodeId, offers: tuple[Offer, ...], now: float) -> None:
        """What this node offers for trees of `origin`; empty: nothing any more.

        Raises `StateError` for more than `OFFERS_MAX`, `LimitError` if the table is
        full.
        """
        if len(offers) > OFFERS_MAX:
            raise StateError(f"at most {OFFERS_MAX} offers for one origin")
        if not offers and origin not in self._tables.entries:
            return
        entry = self._entry(origin)
        if offers != entry.offers:
            urgent = ran_out_or_in(entry.offers, offers)
            entry.offers = offers
            (self._teller.urgent if urgent else self._teller.soon)(entry, now)
            self._decider.retire(entry, now)

    def want(self, origin: NodeId, on: bool, now: float) -> None:
        """Whether this node needs a route to `origin` even if the table is full.

        Raises `LimitError` if there is no room even to remember that.
        """
        if not on and origin not in self._tables.entries:
            return
        entry = self._entry(origin)
        if entry.wanted == on:
            return
        entry.wanted = on
        if on:
            self._wants.local(entry, now)
        else:
            self._tables.timers.cancel((Wait.WANT, origin))
            self._decider.retire(entry, now)

    def relaying(self, on: bool, now: float) -> None:
        """Whether routes of others are told on (nodes with fewer than 3 slots: no)."""
        tables = self._tables
        if tables.relaying == on:
            return
        tables.relaying = on
        mark = self._teller.soon if on else self._teller.urgent
        for entry in tables.entries.values():
            if entry.selected is not None and entry.origin != tables.me:
                mark(entry, now)

    def wall(self, ms: int, now: float) -> None:
        """It is `ms` milliseconds since 1970: to judge the epochs of others."""
        self._hearing.wall(ms, now)

    def _entry(self, origin: NodeId) -> Entry:
        entry = self._hearing.entry(origin, local=True)
        if entry is None:
            raise LimitError("local_max", self._tables.config.local_max)
        return entry

    # -- records ----------------------------------------------------------------------

    def receive(self, node: NodeId, record: RoutingRecord, now: float) -> None:
        """A record of routing arrived from `node`."""
        neighbour = self._tables.neighbours.get(node)
        if neighbour is None:
            self._tables.outbox.put(Refused(node, "route-no-link"))
            return
        match record:
            case Update():
                self._hearing.update(neighbour, record, now)
            case Step():
                self._hearing.step(neighbour, record, now)
            case SeqnoRequest():
                self._asked(neighbour, record, now)
            case TableDigest():
                self._comparer.digest(neighbour, record, now)
            case TableRequest():
                self._comparer.asked(neighbour, now)
            case Want():
                self._want_asked(neighbour, record, now)
            case _:
                assert_never(record)

    def _asked(self, neighbour: Neighbour, record: SeqnoRequest, now: float) -> None:
        if record.origin != self._tables.me:
            self._requests.receive(neighbour, record, now)
        elif self._own.active:
            self._asked_for_mine(neighbour, (record.epoch, record.seqno), now)

    def _asked_for_mine(
        self, neighbour: Neighbour, wanted: Version, now: float
    ) -> None:
        entry = self._tables.entries[self._tables.me]
        if not self._own.behind(wanted):
            self._teller.tell(neighbour, entry, now, force=True)
            return
        # why one step, whatever was wanted: a request cannot make numbers run
        self._requests.remember(entry, neighbour, self._own.next_version(), now)
        at = self._own.may_raise_at(now)
        if at <= now:
            self._raise_number(now)
        else:
            self._tables.timers.set((Wait.BUMP, NOBODY), at)

    def _raise_number(self, now: float) -> None:
        self._own.raise_number(now)
        route, entry = self._own.route, self._tables.entries[self._tables.me]
        entry.prove(route.version, route.signature)
        self._tables.outbox.put(SeqnoRaised(route.version[1]))
        self._requests.settled(entry, now)

    def _want_asked(self, neighbour: Neighbour, record: Want, now: float) -> None:
        if record.origin == self._tables.me:
            return
        entry = self._tables.entries.get(record.origin)
        if entry is None and self._wants.full():
            entry = self._hearing.entry(record.origin)
        if entry is not None:
            self._wants.receive(entry, neighbour, record, now)
            self._teller.tell(neighbour, entry, now)
            self._decider.retire(entry, now)

    # -- time -------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due, None if nothing is waited for."""
        return self._tables.timers.next()

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        for wait, node in self._tables.timers.due(now):
            self._due(wait, node, now)

    def _due(self, wait: Wait, node: NodeId, now: float) -> None:
        tables = self._tables
        match wait:
            case Wait.BATCH | Wait.URGENT:
                self._teller.flush(wait, now)
            case Wait.TABLE:
                self._teller.pay(tables.neighbours[node], now)
            case Wait.REQUEST:
                self._requests.repeat(tables.entries[node], now)
            case Wait.BUMP:
                self._raise_number(now)
            case Wait.DIGEST:
                self._teller.digests_due()
            case Wait.FORGET:
                self._forget(tables.entries[node], now)
            case Wait.WANT:
                self._wants.local(tables.entries[node], now)
            case _:
                assert_never(wait)

    def _forget(self, entry: Entry, now: float) -> None:
        if entry.idle() and entry.wanted_by <= now:
            del self._tables.entries[entry.origin]
            self._wants.forget(entry.origin)
            self._tables.timers.cancel((Wait.REQUEST, entry.origin))
        else:
            self._decider.retire(entry, now)

    # -- questions --------------------------------------------------------------------

    def take_changes(self) -> list[Change]:
        """What happened since the last call, in order."""
        changes, self._tables.changes = self._tables.changes, []
        return changes

    def next_hop(self, origin: NodeId) -> NodeId | None:
        """The neighbour to receive from, None without a route and for ourselves."""
        entry = self._tables.entries.get(origin)
        if entry is None or entry.selected is None or origin == self._tables.me:
            return None
        return entry.selected.neighbour

    def metric_s(self, origin: NodeId) -> float | None:
        """Estimated one-way delay from `origin` in seconds, None without a route."""
        entry = self._tables.entries.get(origin)
        if entry is None or entry.selected is None:
            return None
        return seconds(entry.selected.metric)

    def routes(self, origin: NodeId) -> tuple[Route, ...]:
        """Every row about `origin`, offers without a route included."""
        entry = self._tables.entries.get(origin)
        return () if entry is None else views.routes(entry)

    def offers(self, origin: NodeId, stream: StreamId) -> list[tuple[NodeId, Offer]]:
        """What neighbours offer for one tree of `origin`."""
        entry = self._tables.entries.get(origin)
        return [] if entry is None else views.offers(entry, stream)

    def ways(self, origin: NodeId) -> list[NodeId]:
        """Neighbours that tell of a route to `origin`, whatever it costs."""
        entry = self._tables.entries.get(origin)
        rows = () if entry is None else entry.heard.values()
        return [row.neighbour for row in rows if row.metric < INFINITY]

    def origins(self) -> list[NodeId]:
        """The origins with a route, this node included while it is one."""
        entries = self._tables.entries.values()
        return [entry.origin for entry in entries if entry.selected is not None]

    def distance(self, origin: NodeId) -> Distance | None:
        """The feasibility distance, for checkers: ((epoch, seqno), metric)."""
        entry = self._tables.entries.get(origin)
        return None if entry is None else entry.distance

    def sizes(self) -> tuple[int, int, int]:
        """Origins remembered, origins with rows, neighbours: for checkers of bounds."""
        tables = self._tables
        return len(tables.entries), tables.live, len(tables.neighbours)

    def dump(self) -> dict[str, Any]:
        """The tables as plain data, for `meshnode routes`."""
        return views.dump(self._tables)
