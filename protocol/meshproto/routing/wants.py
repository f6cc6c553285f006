"""Origins beyond the limit of the table (RFC 0010 section 8).

Up to the limit every active origin is carried, wanted or not.  A node whose table is
full keeps what somebody wants: its own trees, and what neighbours ask for.  It asks its
own neighbours in turn, so that a wanted route is carried all the way from the origin;
nodes with room in their tables never ask, because they already carry everything.
"""

from __future__ import annotations

from meshproto.ids import NodeId
from meshproto.routing.table import Entry, Neighbour, Tables, Wait
from meshproto.wire.control.routing import Want

_PASS_ON_AGAIN = 3
"""A want is passed on once per this part of the interval at which it is repeated."""


class Wants:
    """What must have a place in a full table, and telling neighbours so."""

    __slots__ = ("_passed_on", "_tables")

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._passed_on: dict[NodeId, float] = {}

    def full(self) -> bool:
        """Whether the table has no place for an origin that nobody wants."""
        return self._tables.live >= self._tables.config.origins_max

    def wanted(self, entry: Entry, now: float) -> bool:
        """Whether `entry` may take the place of another one."""
        return entry.wanted or entry.wanted_by > now or bool(entry.offers)

    def victim(self, now: float) -> Entry | None:
        """The youngest origin with routes that nobody wants."""
        tables = self._tables
        for entry in reversed(tables.entries.values()):
            if entry.heard and not self.wanted(entry, now):
                return entry
        return None

    def local(self, entry: Entry, now: float) -> None:
        """We want `entry` (again): ask the neighbours if the table is full."""
        tables = self._tables
        if self.full():
            self._spread(entry, None, tables.config.request_hops, now)
        key = (Wait.WANT, entry.origin)
        tables.timers.set(key, now + tables.config.want_interval_s)

    def receive(
        self, entry: Entry, neighbour: Neighbour, record: Want, now: float
    ) -> None:
        """A neighbour wants `entry`."""
        entry.wanted_by = now + self._tables.config.want_keep_s
        if entry.selected is None and record.hops > 1 and self.full():
            self._spread(entry, neighbour, record.hops - 1, now)

    def _spread(
        self, entry: Entry, asker: Neighbour | None, hops: int, now: float
    ) -> None:
        tables = self._tables
        pause_s = tables.config.want_interval_s / _PASS_ON_AGAIN
        if now < self._passed_on.get(entry.origin, float("-inf")) + pause_s:
            return
        self._passed_on[entry.origin] = now
        record = Want(entry.origin, hops)
        for neighbour in tables.neighbours.values():
            if neighbour is not asker:
                tables.outbox.send(neighbour.node, record)

    def forget(self, origin: NodeId) -> None:
        """The origin's row is gone."""
        self._passed_on.pop(origin, None)
