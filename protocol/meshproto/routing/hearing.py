"""Updates that come in: are they true, is there room, what do they replace.

RFC 0010 sections 4.2 and 5.2.  An update needs the origin's signature over its (epoch,
seqno), which is verified once per number whoever sends it; a bare retraction needs
none, because anybody may stop forwarding.  What is refused has no effect but an event.
"""

from __future__ import annotations

from collections.abc import Callable

from meshproto.events import LimitReached, Refused
from meshproto.ids import NodeId, short_id
from meshproto.routing import steps
from meshproto.routing.changes import OffersChanged
from meshproto.routing.deciding import Decider
from meshproto.routing.distance import INFINITY, added
from meshproto.routing.table import Entry, Heard, Neighbour, Tables, Wait
from meshproto.routing.wants import Wants
from meshproto.wire.control.routing import Step, Update, signed_part

Verify = Callable[[NodeId, bytes, bytes], bool]


class Hearing:
    """Keeps the rows that neighbours told."""

    __slots__ = ("_decider", "_tables", "_verify", "_wall", "_wants")

    def __init__(
        self, tables: Tables, decider: Decider, wants: Wants, verify: Verify
    ) -> None:
        self._tables = tables
        self._decider = decider
        self._wants = wants
        self._verify = verify
        self._wall: tuple[int, float] | None = None

    def wall(self, ms: int, now: float) -> None:
        """The wall clock, to judge epochs."""
        self._wall = (ms, now)

    def update(self, neighbour: Neighbour, update: Update, now: float) -> None:
        """Take one update in."""
        tables, origin = self._tables, update.origin
        if origin == tables.me:
            return
        if neighbour.stale is not None:
            neighbour.stale.pop(origin, None)
        heard = neighbour.heard.get(origin)
        if update.refmetric >= INFINITY and not update.offers:
            if heard is not None:
                self.drop(neighbour, heard, now)
            return
        signature = self._proof(heard, update, now)
        if not signature:
            # why not always: who lost a row for want of room gets no signature again
            if update.signature or not neighbour.partial:
                tables.outbox.put(Refused(neighbour.node, "route-signature"))
            neighbour.partial = True
            # why: what steps would build on is not the row that is here
            neighbour.shorts.pop(short_id(origin), None)
            return
        if heard is None:
            heard = self._add(neighbour, origin, now)
        if heard is not None:
            self._replace(neighbour, heard, update, signature, now)

    def step(self, neighbour: Neighbour, step: Step, now: float) -> None:
        """Take in what moved since the neighbour's last word about an origin."""
        update = steps.whole(neighbour, step)
        if update is not None:
            self.update(neighbour, update, now)
        elif not neighbour.partial:
            # why not where a row was refused: its steps come all the same
            self._tables.outbox.put(Refused(neighbour.node, "route-step"))

    def _replace(
        self,
        neighbour: Neighbour,
        heard: Heard,
        update: Update,
        signature: bytes,
        now: float,
    ) -> None:
        neighbour.shorts[short_id(heard.origin)] = heard.origin
        heard.version = (update.epoch, update.seqno)
        heard.refmetric = update.refmetric
        heard.hops = update.hops + 1
        heard.signature = signature
        entry = self._tables.entries[heard.origin]
        entry.prove(heard.version, signature)
        if heard.offers != update.offers:
            heard.offers = update.offers
            change = OffersChanged(heard.origin, neighbour.node)
            self._tables.changes.append(change)
        self.recost(neighbour, heard, now)

    def recost(self, neighbour: Neighbour, heard: Heard, now: float) -> None:
        """The metric over `neighbour` changed, through its update or our link."""
        over = heard.hops > self._tables.config.hop_limit
        heard.metric = INFINITY if over else added(neighbour.cost, heard.refmetric)
        self._decider.decide(self._tables.entries[heard.origin], heard, now)

    def drop(self, neighbour: Neighbour, heard: Heard, now: float) -> None:
        """The neighbour tells nothing about this origin any more, or is gone."""
        tables = self._tables
        entry = tables.entries[heard.origin]
        del entry.heard[neighbour.node], neighbour.heard[heard.origin]
        neighbour.shorts.pop(short_id(heard.origin), None)
        heard.metric = heard.refmetric = INFINITY
        if heard.offers:
            change = OffersChanged(heard.origin, neighbour.node)
            tables.changes.append(change)
        if not entry.heard:
            tables.live -= 1
        self._decider.decide(entry, heard, now)
        self._decider.retire(entry, now)

    # -- signatures -------------------------------------------------------------------

    def _proof(self, heard: Heard | None, update: Update, now: float) -> bytes:
        """The signature for the version of `update`, empty without a valid one."""
        version, given = (update.epoch, update.seqno), update.signature
        if heard is not None and heard.version == version:
            return heard.signature
        entry = self._tables.entries.get(update.origin)
        if entry is not None:
            known = entry.proofs.get(version)
            if known:
                return known
            for row in entry.heard.values():
                if row.version == version:
                    return row.signature
        if not given or self._too_new(update.epoch, now):
            return b""
        data = signed_part(update.origin, *version)
        return given if self._verify(update.origin, data, given) else b""

    def _too_new(self, epoch: int, now: float) -> bool:
        if self._wall is None:
            return False
        ms, at = self._wall
        return epoch > ms + (now - at) * 1000 + self._tables.config.epoch_ahead_ms

    # -- room -------------------------------------------------------------------------

    def entry(self, origin: NodeId, local: bool = False) -> Entry | None:
        """The entry of `origin`, made if there is room; None if there is not.

        `local`: this node itself needs it, and may take a place kept for that.
        """
        tables, config = self._tables, self._tables.config
        maximum = config.sources_max + (config.local_max if local else 0)
        entry = tables.entries.get(origin)
        if entry is None and len(tables.entries) < maximum:
            entry = tables.entries[origin] = Entry(origin)
        return entry

    def _add(self, neighbour: Neighbour, origin: NodeId, now: float) -> Heard | None:
        tables = self._tables
        entry = tables.entries.get(origin)
        if entry is None or not entry.heard:
            if self._wants.full() and not self._evict_for(entry, now):
                self._full(neighbour, "origins_max", tables.config.origins_max)
                return None
            entry = self.entry(origin)
            if entry is None:
                self._full(neighbour, "sources_max", tables.config.sources_max)
                return None
            tables.live += 1
            tables.timers.cancel((Wait.FORGET, origin))
        heard = Heard(origin, neighbour.node)
        entry.heard[neighbour.node] = neighbour.heard[origin] = heard
        return heard

    def _full(self, neighbour: Neighbour, limit: str, maximum: int) -> None:
        # why once: a full table would otherwise say so with every update
        if not neighbour.partial:
            neighbour.partial = True
            self._tables.outbox.put(LimitReached(limit, maximum))

    def _evict_for(self, entry: Entry | None, now: float) -> bool:
        """Make room for a wanted `entry` at the cost of an unwanted one."""
        if entry is None or not self._wants.wanted(entry, now):
            return False
        victim = self._wants.victim(now)
        if victim is None:
            return False
        for heard in list(victim.heard.values()):
            neighbour = self._tables.neighbours[heard.neighbour]
            neighbour.partial = True
            self.drop(neighbour, heard, now)
        return True
