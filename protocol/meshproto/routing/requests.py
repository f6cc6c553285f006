"""How a node without a feasible route gets one (RFC 0010 section 5.4).

A neighbour that offers a route which is not feasible may be perfectly fine, or may
lead back here; only the origin can tell, by raising its number.  So the node asks up to
three of the neighbours that still offer something, and each passes the request on until
somebody holds a route that is new enough, at last the origin.  The answer is an update,
and it goes only where it was asked for.
"""

from __future__ import annotations

from enum import Enum

from meshproto.routing.distance import (
    INFINITY,
    Distance,
    Version,
    feasible,
    newer_version,
)
from meshproto.routing.events import Starved
from meshproto.routing.selection import better
from meshproto.routing.table import Asking, Entry, Heard, Neighbour, Tables, Wait
from meshproto.routing.telling import Teller
from meshproto.seqno import following
from meshproto.wire.control.routing import SeqnoRequest


class Verdict(Enum):
    """What a node that is not the origin does with a request."""

    ANSWER = "answer"
    FORWARD = "forward"
    DROP = "drop"


def judge(held: Version | None, wanted: Version, hops: int) -> Verdict:
    """RFC 8966 section 3.8.1.2 for the route that is selected (None: there is none)."""
    if held is not None and not newer_version(wanted, held):
        return Verdict.ANSWER
    return Verdict.FORWARD if hops > 1 else Verdict.DROP


def needed(distance: Distance, row: Heard) -> Version:
    """The oldest version with which `row` would be feasible, if nothing else changed.

    A neighbour that is closer but told an older number often knows the newer one, as
    numbers alone are not told: then the origin need not raise it.
    """
    epoch, seqno = distance.version
    if newer_version(distance.version, row.version) and row.refmetric < distance.metric:
        return distance.version
    return epoch, following(seqno)


class Requests:
    """Asks, passes on, and remembers who asked."""

    __slots__ = ("_tables", "_teller")

    def __init__(self, tables: Tables, teller: Teller) -> None:
        self._tables = tables
        self._teller = teller

    # -- asking -----------------------------------------------------------------------

    def starved(self, entry: Entry, now: float) -> None:
        """There is no feasible route: ask, if anybody offers an unfeasible one."""
        if not any(row.metric < INFINITY for row in entry.heard.values()):
            return
        if entry.asking is None or not entry.asking.starving:
            self._tables.outbox.put(Starved(entry.origin))
            self._begin(entry, True, now)
            return
        # why sooner: somebody new may have begun to offer while the pauses grew
        timers, key = self._tables.timers, (Wait.REQUEST, entry.origin)
        soon, at = now + self._tables.config.request_wait_s, timers.at(key)
        if at is None or at > soon:
            timers.set(key, soon)

    def tempted(self, entry: Entry, now: float) -> None:
        """Ask, if some row would be clearly better than the selected one, were it
        feasible.
        """
        if entry.asking is None and self._tempted_by_any(entry):
            self._begin(entry, False, now)

    def settled(self, entry: Entry, now: float) -> None:
        """A route is selected: answer those who wait for it, stop asking."""
        selected = entry.selected
        if selected is None:
            return
        if entry.asked_by:
            self._answer(entry, selected, now)
        asking = entry.asking
        if asking is not None and not self._tempted_by_any(entry):
            self._stop(entry)

    def repeat(self, entry: Entry, now: float) -> None:
        """The time for an answer is over."""
        asking, config = entry.asking, self._tables.config
        if asking is None:
            return
        if entry.selected is not None and (
            asking.tries >= config.request_tries or not self._tempted_by_any(entry)
        ):
            entry.asking = None
            return
        if not self._ask(entry, asking, now):
            entry.asking = None

    def _begin(self, entry: Entry, starving: bool, now: float) -> None:
        entry.asking = Asking(starving)
        if not self._ask(entry, entry.asking, now):
            entry.asking = None

    def _ask(self, entry: Entry, asking: Asking, now: float) -> bool:
        tables, config = self._tables, self._tables.config
        rows, distance = self._whom(entry), entry.distance
        if not rows or distance is None:  # without a distance everything is feasible
            return False
        for row in rows:
            wanted = needed(distance, row)
            record = SeqnoRequest(entry.origin, *wanted, config.request_hops)
            tables.outbox.send(row.neighbour, record)
        wait_s = config.request_wait_s * 2**asking.tries
        asking.tries = min(asking.tries + 1, 16)
        at = now + min(wait_s, config.request_wait_max_s)
        tables.timers.set((Wait.REQUEST, entry.origin), at)
        return True

    def _whom(self, entry: Entry) -> list[Heard]:
        """The best of those whose route would help, were it feasible."""
        rows = [row for row in entry.heard.values() if row.metric < INFINITY]
        if entry.selected is not None:
            rows = [row for row in rows if self._tempting(entry, row)]
        rows.sort(key=lambda row: row.metric)
        return rows[: self._tables.config.request_fanout]

    def _tempting(self, entry: Entry, row: Heard) -> bool:
        selected, tables = entry.selected, self._tables
        return (
            selected is not None
            and better(row, selected, tables.config.switch_share, tables.switch_floor)
            and not feasible(entry.distance, row.version, row.refmetric)
        )

    def _tempted_by_any(self, entry: Entry) -> bool:
        return any(self._tempting(entry, row) for row in entry.heard.values())

    def _stop(self, entry: Entry) -> None:
        entry.asking = None
        self._tables.timers.cancel((Wait.REQUEST, entry.origin))

    # -- being asked ------------------------------------------------------------------

    def receive(self, neighbour: Neighbour, record: SeqnoRequest, now: float) -> None:
        """A request about somebody else's number."""
        entry = self._tables.entries.get(record.origin)
        if entry is None or not self._tables.relaying:
            return
        wanted: Version = (record.epoch, record.seqno)
        route = entry.selected
        if route is not None and route.neighbour == neighbour.node:
            route = None  # it would be told "no route"
        held = None if route is None else route.version
        match judge(held, wanted, record.hops):
            case Verdict.ANSWER:
                self._teller.tell(neighbour, entry, now, force=True)
            case Verdict.FORWARD:
                self.remember(entry, neighbour, wanted, now)
                self._forward(entry, neighbour, record, now)
            case Verdict.DROP:
                pass

    def remember(
        self, entry: Entry, neighbour: Neighbour, wanted: Version, now: float
    ) -> None:
        """Answer `neighbour` when the selected route has reached `wanted`."""
        until = now + self._tables.config.request_memory_s
        entry.asked_by[neighbour.node] = (wanted, until)

    def _forward(
        self, entry: Entry, asker: Neighbour, record: SeqnoRequest, now: float
    ) -> None:
        wanted, config = (record.epoch, record.seqno), self._tables.config
        if entry.passed_on is not None:
            version, at = entry.passed_on
            if version == wanted and now < at + config.request_again_s:
                return
        target = self._successor(entry, asker)
        if target is not None:
            entry.passed_on = (wanted, now)
            onward = SeqnoRequest(record.origin, *wanted, record.hops - 1)
            self._tables.outbox.send(target.neighbour, onward)

    def _successor(self, entry: Entry, asker: Neighbour) -> Heard | None:
        """The next hop, else any neighbour that offers something, the best first."""
        selected = entry.selected
        if selected is not None and selected.neighbour != asker.node:
            return selected
        rows = [
            row
            for row in entry.heard.values()
            if row.metric < INFINITY and row.neighbour != asker.node
        ]
        return min(rows, key=lambda row: row.metric, default=None)

    def _answer(self, entry: Entry, selected: Heard, now: float) -> None:
        neighbours = self._tables.neighbours
        for node, (wanted, until) in list(entry.asked_by.items()):
            if newer_version(wanted, selected.version) and now < until:
                continue
            del entry.asked_by[node]
            neighbour = neighbours.get(node)
            if neighbour is not None and now < until:
                self._teller.tell(neighbour, entry, now, force=True)
