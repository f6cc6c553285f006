"""Who is told what, and when (RFC 0010 section 5.5; for offers, section 6.2).

A change marks its origin; a moment later one round tells every neighbour whose last
update differs enough.  Losses, first routes and offers that ran out wait 5 ms, all else
100 ms, so that a retraction overtakes the detours that it makes pointless.  Nothing is
repeated: links deliver, and `digest` finds what they did not.

The next hop itself is told "no route" (poisoned reverse), as are all neighbours of a
node that does not relay; offers go to everybody.
"""

from __future__ import annotations

from meshproto.config.routing import RoutingConfig
from meshproto.routing.digest import digest_of_told
from meshproto.routing.distance import INFINITY, Version, lowered, margin
from meshproto.routing.steps import shortened
from meshproto.routing.table import NOBODY, Entry, Heard, Neighbour, Tables, Wait
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.routing import TableDigest, Update


def ran_out_or_in(old: tuple[Offer, ...], new: tuple[Offer, ...]) -> bool:
    """Whether an offer came, went, or changed between some slots and none."""
    if old is new:
        return False
    before = {o.stream: (o.in_tree, o.slots > 0) for o in old}
    return before != {o.stream: (o.in_tree, o.slots > 0) for o in new}


def offers_moved(
    old: tuple[Offer, ...], new: tuple[Offer, ...], config: RoutingConfig
) -> bool:
    """Whether a neighbour that was told `old` should hear `new`."""
    if old is new or old == new:
        return False
    if ran_out_or_in(old, new):
        return True
    before = {o.stream: o for o in old}
    return any(_offer_moved(before[o.stream], o, config) for o in new)


def _offer_moved(old: Offer, new: Offer, config: RoutingConfig) -> bool:
    least_s = margin(old.delay_s, config.update_share, config.update_floor_s)
    # why not slots and room: who looks for a parent asks for a slot and a short
    # delay; each node below that came or went was told to twelve
    return abs(new.delay_s - old.delay_s) > least_s


def _proven(
    neighbour: Neighbour, entry: Entry, version: Version, told: Update | None
) -> bool:
    """Whether `neighbour` has the signature of `version`: we sent it, or it told us of
    that version itself (not where it wants its whole table again: it lost something).
    """
    if told is not None and (told.epoch, told.seqno) == version:
        return True
    row = entry.heard.get(neighbour.node)
    return row is not None and row.version == version and not neighbour.recount


class Teller:
    """Marks, batches and sends updates."""

    __slots__ = ("_last", "_tables", "_urgent", "_usual")

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._last: Update | None = None  # shared by neighbours told the same
        self._usual: dict[Entry, None] = {}
        self._urgent: dict[Entry, None] = {}

    def soon(self, entry: Entry, now: float) -> None:
        """Tell about `entry` within the usual batch."""
        if entry in self._urgent or entry in self._usual:
            return
        if not self._usual:
            timers, config = self._tables.timers, self._tables.config
            timers.set((Wait.BATCH, NOBODY), now + config.batch_s)
        self._usual[entry] = None

    def urgent(self, entry: Entry, now: float) -> None:
        """Tell about `entry` almost at once."""
        self._usual.pop(entry, None)
        if not self._urgent:
            timers, config = self._tables.timers, self._tables.config
            timers.set((Wait.URGENT, NOBODY), now + config.urgent_s)
        self._urgent[entry] = None

    def metric_moved(self, entry: Entry, metric: int) -> bool:
        """Whether `metric` differs enough from what the last round said."""
        return self._moved(entry.shown_metric, metric)

    def _moved(self, old: int, new: int) -> bool:
        if old == new:
            return False
        if old >= INFINITY or new >= INFINITY:
            return True
        tables = self._tables
        return abs(new - old) > margin(
            old, tables.config.update_share, tables.update_floor
        )

    def flush(self, wait: Wait, now: float) -> None:
        """One round over what was marked `wait`."""
        if wait is Wait.URGENT:
            marked, self._urgent = self._urgent, {}
        else:
            marked, self._usual = self._usual, {}
        neighbours = self._tables.neighbours
        for entry in marked:
            selected = entry.selected
            entry.shown_metric = INFINITY if selected is None else selected.metric
            entry.shown_offers = entry.offers
            for neighbour in neighbours.values():
                self.tell(neighbour, entry, now)

    def tell(
        self, neighbour: Neighbour, entry: Entry, now: float, force: bool = False
    ) -> None:
        """Bring `neighbour` up to date about `entry`, if that differs enough.

        `force`: small differences and a newer number alone count too.
        """
        if entry.origin == neighbour.node:
            return  # nobody needs a route to itself
        told = entry.told.get(neighbour.node)
        route = self._shown(neighbour, entry)
        if route is None:
            if not self._withdrawal_news(told, entry, force):
                return
            update = self._withdrawal(neighbour, entry, told)
        else:
            if told is not None and not force and not self._news(told, route, entry):
                return
            update = self._update(neighbour, entry, route, told)
            # why before: RFC 8966 section 3.7.3, the distance bounds what was told
            entry.distance = lowered(entry.distance, route.version, route.metric)
        # why whole: who is told out of turn may miss the row that a step builds on
        self._send(neighbour, entry, update, None if force else told, now)

    def _shown(self, neighbour: Neighbour, entry: Entry) -> Heard | None:
        """The route that `neighbour` may use through this node."""
        tables, route = self._tables, entry.selected
        if route is None or route.neighbour == neighbour.node:
            return None
        if not tables.relaying and route.neighbour != tables.me:
            return None
        return route

    def _withdrawal_news(self, told: Update | None, entry: Entry, force: bool) -> bool:
        if told is None:
            # why only with a proof: offers for an invented origin would be refused
            return bool(entry.offers and entry.proof[1])
        return (
            told.refmetric < INFINITY
            or offers_moved(told.offers, entry.offers, self._tables.config)
            or (force and told.offers != entry.offers)
        )

    def _news(self, told: Update, route: Heard, entry: Entry) -> bool:
        return (
            told.epoch != route.version[0]
            or self._moved(told.refmetric, route.metric)
            or offers_moved(told.offers, entry.offers, self._tables.config)
        )

    def _withdrawal(
        self, neighbour: Neighbour, entry: Entry, told: Update | None
    ) -> Update:
        if not entry.offers:
            return Update(entry.origin, 0, 0, INFINITY, 0, ())
        version, signature = entry.proof
        if _proven(neighbour, entry, version, told):
            signature = b""
        return self._made(entry, version, INFINITY, 0, signature)

    def _update(
        self, neighbour: Neighbour, entry: Entry, route: Heard, told: Update | None
    ) -> Update:
        signature = route.signature
        if _proven(neighbour, entry, route.version, told):
            signature = b""
        return self._made(entry, route.version, route.metric, route.hops, signature)

    def _made(
        self,
        entry: Entry,
        version: Version,
        metric: int,
        hops: int,
        signature: bytes,
    ) -> Update:
        last = self._last
        if (
            last is not None
            and last.origin is entry.origin
            and last.refmetric == metric
            and last.signature is signature
            and last.offers is entry.offers
            and (last.epoch, last.seqno, last.hops) == (*version, hops)
        ):
            return last
        update = Update(entry.origin, *version, metric, hops, entry.offers, signature)
        self._last = update
        return update

    def _send(
        self,
        neighbour: Neighbour,
        entry: Entry,
        update: Update,
        told: Update | None,
        now: float,
    ) -> None:
        tables = self._tables
        if update.refmetric >= INFINITY and not update.offers:
            entry.told.pop(neighbour.node, None)
        else:
            entry.told[neighbour.node] = update
        neighbour.changed = True
        digest = (Wait.DIGEST, NOBODY)
        if digest not in tables.timers:
            # why by chance: nodes that learned something together would all digest
            # it together
            share = 0.5 + tables.chance.random()
            tables.timers.set(digest, now + share * tables.config.digest_interval_s)
        tables.outbox.send(neighbour.node, shortened(told, update))

    # -- whole tables -----------------------------------------------------------------

    def owe_table(self, neighbour: Neighbour, recount: bool, now: float) -> None:
        """Tell `neighbour` everything, in portions; then a digest if `recount`."""
        if recount:
            for entry in self._tables.entries.values():
                entry.told.pop(neighbour.node, None)
            neighbour.recount = True
        neighbour.owed = dict.fromkeys(self._tables.entries)
        self.pay(neighbour, now)

    def pay(self, neighbour: Neighbour, now: float) -> None:
        """Send the next portion of what is owed."""
        tables, owed = self._tables, neighbour.owed
        for _ in range(min(len(owed), tables.config.table_updates)):
            origin = next(iter(owed))
            del owed[origin]
            entry = tables.entries.get(origin)
            if entry is not None:
                self.tell(neighbour, entry, now)
        if owed:
            key = (Wait.TABLE, neighbour.node)
            tables.timers.set(key, now + tables.config.batch_s)
        elif neighbour.recount:
            neighbour.recount = False
            self.tell_digest(neighbour)

    def tell_digest(self, neighbour: Neighbour) -> None:
        """Let `neighbour` compare what it heard with what it was told."""
        neighbour.changed = False
        digest = digest_of_told(self._tables.entries, neighbour.node)
        self._tables.outbox.send(neighbour.node, TableDigest(digest))

    def digests_due(self) -> None:
        """A digest on each link that carried an update since the last one."""
        for neighbour in self._tables.neighbours.values():
            if neighbour.changed and not neighbour.owed:
                self.tell_digest(neighbour)
