"""What follows from a changed row (RFC 0010 sections 5.3 to 5.5).

Every change of the table ends here and nowhere else: choose the route, tell the owner,
mark the neighbours that must hear of it, answer or send requests.  The common case is
an alternative that became no better than the selected route; it costs one comparison.
"""

from __future__ import annotations

from meshproto.routing.changes import RouteChanged, RouteLost
from meshproto.routing.distance import INFINITY, seconds
from meshproto.routing.events import RouteSelected
from meshproto.routing.requests import Requests
from meshproto.routing.selection import select
from meshproto.routing.table import Entry, Heard, Tables, Wait
from meshproto.routing.telling import Teller


class Decider:
    """Selects routes and causes what a new selection implies."""

    __slots__ = ("_requests", "_tables", "_teller")

    def __init__(self, tables: Tables, teller: Teller, requests: Requests) -> None:
        self._tables = tables
        self._teller = teller
        self._requests = requests

    def decide(self, entry: Entry, changed: Heard, now: float) -> None:
        """The row `changed` of `entry` is new, different or gone (then infinite)."""
        old = entry.selected
        if old is not None and changed is not old and changed.metric >= old.metric:
            return
        config = self._tables.config
        new = entry.selected = select(
            entry.heard.values(),
            old,
            entry.distance,
            config.switch_share,
            self._tables.switch_floor,
        )
        if new is None:
            if old is not None:
                self._lost(entry, now)
            if changed.metric < INFINITY or old is not None:
                self._requests.starved(entry, now)
            return
        self._selected(entry, old, new, now)
        self._requests.tempted(entry, now)

    def _lost(self, entry: Entry, now: float) -> None:
        tables = self._tables
        tables.changes.append(RouteLost(entry.origin))
        tables.outbox.put(RouteSelected(entry.origin, None, None))
        self._teller.urgent(entry, now)

    def _selected(
        self, entry: Entry, old: Heard | None, new: Heard, now: float
    ) -> None:
        switched = new is not old or new.version[0] != entry.epoch
        if switched:
            tables = self._tables
            entry.epoch = new.version[0]
            tables.changes.append(RouteChanged(entry.origin))
            metric_s = seconds(new.metric)
            tables.outbox.put(RouteSelected(entry.origin, new.neighbour, metric_s))
        if old is None:
            self._teller.urgent(entry, now)
        elif switched or self._teller.metric_moved(entry, new.metric):
            self._teller.soon(entry, now)
        if entry.asked_by or entry.asking is not None:
            self._requests.settled(entry, now)

    def retire(self, entry: Entry, now: float) -> None:
        """Let an entry go when its distance has outlived everything else."""
        if not entry.heard and entry.origin != self._tables.me:
            keep_s = self._tables.config.source_keep_s
            self._tables.timers.set((Wait.FORGET, entry.origin), now + keep_s)
