"""One node of the draft protocol that ours descends from (RFC 0012 section 10).

Every second it sends each neighbour its best route per channel whose path avoids that
neighbour; nothing is withdrawn.  A subscriber asks its best next hop, which asks its
own, and so on; who has destinations asks again every second, and a destination that
does not ask for 5 s is dropped.  A changed next hop is asked, the old one is not told.
Data has no sequence check: what enters a cycle circulates.

Two things are ours, or a run would not end: a node forwards one packet at most
`FORWARDS_MAX` times, and 5 s of silence count as the end of a connection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, Protocol

from meshsim.workload import Stream

SYNC_S = 1.0
TIMEOUT_S = 5.0
EXPIRY_S = 3.0
FORWARDS_MAX = 4
SEEN_MAX = 512

_ROW_OCTETS = 24  # five numbers of protobuf; each hop adds five
_HOP_OCTETS = 5
_SUB_OCTETS = 8

Row = tuple[float, tuple[int, ...]]
"""Cost in seconds of round trip, and the nodes that it leads over, publisher first."""


class Variant(Enum):
    """What is done about rows that are not repeated."""

    LITERAL = "literal"
    EXPIRY = "expiry"
    REPLACE = "replace"


def _cost(route: _Route) -> float:
    return route.cost


def _cheapest(routes: dict[int, _Route]) -> tuple[int, _Route]:
    return min(routes.items(), key=lambda entry: entry[1].cost)


class Mesh(Protocol):
    """What a node asks of its surroundings."""

    neighbours: Sequence[Sequence[int]]
    members: list[Member]
    variant: Variant
    circulating: int
    changed: bool  # whether any route did, since somebody looked

    def cost_s(self, src: int, dst: int) -> float:
        """The measured round trip between neighbours."""
        ...

    def tell(
        self,
        src: int,
        dst: int,
        octets: int,
        deliver: Callable[..., None],
        content: Any,
    ) -> None:
        """Send control over the connection; `deliver(src, content, arrival)`."""
        ...

    def pass_on(self, src: int, dst: int, name: str, sequence: int) -> None:
        """Send a packet of data."""
        ...

    def delivered(self, node: int, name: str, *, again: bool, now: float) -> None:
        """A viewer at `node` got a packet of a stream."""
        ...


class _Route:
    """A row as heard from one neighbour."""

    __slots__ = ("cost", "heard", "path")

    def __init__(self, cost: float, path: tuple[int, ...], heard: float) -> None:
        self.cost = cost
        self.path = path
        self.heard = heard


class _Relay:
    """Where packets of a channel go; `upstream` was asked last."""

    __slots__ = ("destinations", "local", "upstream")

    def __init__(self) -> None:
        self.destinations: dict[int, float] = {}
        self.local = False
        self.upstream: int | None = None


class Member:
    """One node of the draft."""

    __slots__ = (
        "_mesh",
        "_next",
        "alarm",
        "awake",
        "heard",
        "index",
        "local",
        "relays",
        "routes",
        "seen",
        "watching",
    )

    def __init__(self, mesh: Mesh, index: int) -> None:
        self._mesh = mesh
        self.index = index
        self.alarm = math.inf
        self.awake = False
        self.watching: dict[str, None] = {}
        self.local: dict[str, Stream] = {}
        self.forget()
        self._next = math.inf

    def forget(self) -> None:
        """Lose all that was learned."""
        self.routes: dict[str, dict[int, _Route]] = {}
        self.relays: dict[str, _Relay] = {}
        self.heard: dict[int, float] = {}
        self.seen: dict[tuple[str, int], int] = {}

    def wake(self, now: float, phase_s: float) -> None:
        """Start; the first sync is after `phase_s`."""
        self.awake = True
        self._next = now + phase_s

    def next_timeout(self) -> float | None:
        """The next sync."""
        return self._next if self.awake else None

    def handle_timeout(self, now: float) -> None:
        """Once a second: time out, sync, ask again."""
        self._next = now + SYNC_S
        self._time_out(now)
        self._sync()
        for name in list(self.watching):
            self._relay(name).local = True
        for name in list(self.relays):
            self.ask(name)

    def best(self, name: str) -> int | None:
        """The next hop of the cheapest route, None without any."""
        routes = self.routes.get(name)
        return _cheapest(routes)[0] if routes else None

    def _sync(self) -> None:
        """Tell each neighbour the best routes whose paths avoid it."""
        ranked = {
            name: sorted(routes.values(), key=_cost)
            for name, routes in self.routes.items()
            if routes and name not in self.local
        }
        for peer in self._mesh.neighbours[self.index]:
            rows: dict[str, Row] = dict.fromkeys(self.local, (0.0, ()))
            hops = 0
            for name, routes in ranked.items():
                for route in routes:
                    if peer not in route.path:
                        rows[name] = (route.cost, route.path)
                        hops += len(route.path)
                        break
            octets = 8 + _ROW_OCTETS * len(rows) + _HOP_OCTETS * hops
            deliver = self._mesh.members[peer].synced
            self._mesh.tell(self.index, peer, octets, deliver, rows)

    def synced(self, peer: int, rows: dict[str, Row], now: float) -> None:
        """A neighbour's routes have arrived."""
        if not self.awake:
            return
        self.heard[peer] = now
        cost_s = self._mesh.cost_s(peer, self.index)
        for name, (cost, path) in rows.items():
            if name not in self.local:
                self._learn(name, peer, cost + cost_s, (*path, peer), now)
        if self._mesh.variant is Variant.REPLACE:
            for name, by_peer in self.routes.items():
                if name not in rows and peer in by_peer:
                    del by_peer[peer]
                    self._mesh.changed = True

    def _learn(
        self, name: str, peer: int, cost: float, path: tuple[int, ...], now: float
    ) -> None:
        routes = self.routes.setdefault(name, {})
        old = routes.get(peer)
        if old is not None and old.cost == cost and old.path == path:
            old.heard = now
            return
        routes[peer] = _Route(cost, path, now)
        self._mesh.changed = True

    def ask(self, name: str) -> None:
        """Send SUB to the best next hop, or end the relay that nobody wants."""
        relay = self.relays[name]
        if not relay.local and not relay.destinations:
            del self.relays[name]
            if relay.upstream is not None:
                self._tell(relay.upstream, name, leave=True)
            return
        relay.upstream = None if name in self.local else self.best(name)
        if relay.upstream is not None:
            self._tell(relay.upstream, name, leave=False)

    def _tell(self, peer: int, name: str, *, leave: bool) -> None:
        member = self._mesh.members[peer]
        deliver = member.unsubscribed if leave else member.subscribed
        self._mesh.tell(self.index, peer, _SUB_OCTETS, deliver, name)

    def subscribed(self, peer: int, name: str, now: float) -> None:
        """SUB has arrived."""
        if not self.awake:
            return
        known = name in self.relays
        self._relay(name).destinations[peer] = now
        if not known:
            self.ask(name)

    def unsubscribed(self, peer: int, name: str, now: float) -> None:  # noqa: ARG002
        """UNSUB has arrived."""
        if self.awake and name in self.relays:
            self.relays[name].destinations.pop(peer, None)

    def watch(self, name: str) -> None:
        """A viewer appears here."""
        self.watching[name] = None
        if self.awake:
            self._relay(name).local = True
            self.ask(name)

    def unwatch(self, name: str) -> None:
        """The viewer goes."""
        self.watching.pop(name, None)
        if name in self.relays:
            self.relays[name].local = False

    def packet(self, name: str, sequence: int, now: float) -> None:
        """Data has arrived, or is made here."""
        if not self.awake:
            return
        key = (name, sequence)
        times = self.seen[key] = self.seen.get(key, 0) + 1
        if name in self.watching:
            self._mesh.delivered(self.index, name, again=times > 1, now=now)
        if times == 1 and len(self.seen) > SEEN_MAX:
            del self.seen[next(iter(self.seen))]
        relay = self.relays.get(name)
        if relay is None:
            return
        if times > FORWARDS_MAX:
            self._mesh.circulating += 1
            return
        for peer in relay.destinations:
            self._mesh.pass_on(self.index, peer, name, sequence)

    def _relay(self, name: str) -> _Relay:
        relay = self.relays.get(name)
        if relay is None:
            relay = self.relays[name] = _Relay()
        return relay

    def _time_out(self, now: float) -> None:
        for peer, at in list(self.heard.items()):
            if now - at > TIMEOUT_S:
                del self.heard[peer]
                for by_peer in self.routes.values():
                    by_peer.pop(peer, None)
                self._mesh.changed = True
        if self._mesh.variant is Variant.EXPIRY:
            for by_peer in self.routes.values():
                for peer, route in list(by_peer.items()):
                    if now - route.heard > EXPIRY_S:
                        del by_peer[peer]
                        self._mesh.changed = True
        for relay in self.relays.values():
            for peer, at in list(relay.destinations.items()):
                if now - at > TIMEOUT_S:
                    del relay.destinations[peer]
