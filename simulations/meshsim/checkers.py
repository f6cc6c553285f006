"""What must hold at every instant, watched from outside (RFC 0012 section 6).

The checkers see what planes and brains did, never how they decided, so a wrong decision
and the check of it cannot share a mistake.  They are incremental: a change of one edge
costs a walk up one path.  A violation names the nodes concerned; with the seed and the
scenario it is all that `meshsim replay` needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from meshproto.ids import StreamId

WINDOW = 4096
"""How many sequence numbers back a second delivery to a viewer is recognised."""

CYCLE_S = 3.0
"""Life without a new packet (2 s) and a round trip (RFC 0011 section 7)."""

KNOWN_S = 10.0
"""After this everybody below a new edge knows its root path, whatever was lost."""

OVER_CAP_S = 20.0
"""A burst of 5 s, two attempts to shed it and one move (RFC 0011 section 5.2)."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that did not hold: which one, when, at which nodes."""

    checker: str
    time_s: float
    message: str
    nodes: tuple[int, ...] = ()


class Checkers:
    """All invariants of one run; `broken` keeps the first `most` violations."""

    __slots__ = (
        "_burst",
        "_feasible",
        "_most",
        "_parents",
        "_seen",
        "_since",
        "_told",
        "broken",
        "checks",
    )

    def __init__(
        self, most: int = 16, told: Callable[[Broken], object] | None = None
    ) -> None:
        """`told` hears of each violation that is kept, at once."""
        self._most = most
        self._told = told
        self._parents: dict[StreamId, dict[int, int]] = {}
        self._since: dict[tuple[StreamId, int], float] = {}
        self._seen: dict[tuple[int, StreamId], dict[int, None]] = {}
        self._feasible: dict[tuple[int, bytes], tuple[tuple[int, int], float]] = {}
        self._burst: dict[tuple[int, StreamId], float] = {}
        self.broken: list[Broken] = []
        self.checks = 0

    def _report(self, checker: str, now: float, message: str, *nodes: int) -> None:
        if len(self.broken) < self._most:
            broken = Broken(checker, now, message, nodes)
            self.broken.append(broken)
            if self._told is not None:
                self._told(broken)

    def active(
        self, stream: StreamId, node: int, parent: int | None, now: float
    ) -> bool:
        """`node` takes packets from `parent` from now on; whether that closed a cycle.

        Two orphans of one tree can find each other before either knows it, so a cycle
        by repair is no violation by itself: no packet goes round in it, and it must be
        gone before `CYCLE_S` are over (`survives`).  But where all the other edges are
        old everybody knows its root path, and must have refused.  A move is committed
        so that it closes no cycle at all (`committed`).
        """
        self.checks += 1
        parents = self._parents.setdefault(stream, {})
        if parent is None:
            parents.pop(node, None)
            return False
        if node not in parents or parents[node] != parent:
            self._since[stream, node] = now
        parents[node] = parent
        path = self._cycle(stream, node)
        youngest = max((self._since[stream, hop] for hop in path[1:-1]), default=now)
        if now - youngest > KNOWN_S:
            self._looped("an orphan was let in below itself", stream, node, now)
        return bool(path)

    def _cycle(self, stream: StreamId, node: int) -> list[int]:
        """The way from `node` upwards back to it, empty if it does not come back."""
        parents = self._parents.get(stream, {})
        path, step = [node], parents.get(node)
        while step is not None and len(path) <= len(parents):
            path.append(step)
            if step == node:
                return path
            step = parents.get(step)
        return []

    def committed(self, stream: StreamId, node: int, now: float) -> None:
        """The last change of `node` was a committed move: it must not close a cycle."""
        self._looped("a committed move closed a cycle", stream, node, now)

    def survives(self, stream: StreamId, node: int, now: float) -> None:
        """A cycle was closed at `node` `CYCLE_S` ago: it must be gone."""
        self._looped(f"a cycle stood for {CYCLE_S} s", stream, node, now)

    def _looped(self, what: str, stream: StreamId, node: int, now: float) -> None:
        self.checks += 1
        path = self._cycle(stream, node)
        if path:
            text = " <- ".join(str(hop) for hop in path)
            self._report("tree-loop", now, f"{what}: {text}", *path[1:])

    def delivered(self, stream: StreamId, node: int, sequence: int, now: float) -> None:
        """A viewer at `node` got packet `sequence`: never twice."""
        self.checks += 1
        seen = self._seen.setdefault((node, stream), {})
        if sequence in seen:
            message = f"node {node} gave packet {sequence} to a viewer twice"
            self._report("duplicate", now, message, node)
        seen[sequence] = None
        if len(seen) > WINDOW:
            del seen[next(iter(seen))]

    def circulated(
        self, stream: StreamId, node: int, sequence: int, now: float
    ) -> None:
        """A packet ran out of hops at `node`: it can only have gone in a circle."""
        message = f"packet {sequence} of {stream.hex()[:8]} ran out of hops at {node}"
        self._report("hop-limit", now, message, node)

    def feasible(
        self,
        node: int,
        origin: bytes,
        serial: tuple[int, int],
        distance_s: float,
        now: float,
    ) -> None:
        """The feasibility distance of `node` for `origin` at (epoch, seqno) `serial`:
        within one serial it never rises.
        """
        self.checks += 1
        before = self._feasible.get((node, origin))
        if before is not None and before[0] == serial and distance_s > before[1] + 1e-9:
            self._report(
                "feasibility",
                now,
                f"node {node}: distance to {origin.hex()[-8:]} rose from"
                f" {before[1]:.6f} to {distance_s:.6f} within seqno {serial}",
                node,
            )
        self._feasible[node, origin] = (serial, distance_s)

    def next_hops(
        self,
        origin: bytes,
        node: int,
        next_hop: Callable[[int], int | None],
        now: float,
    ) -> None:
        """Follow next hops from `node`: they must not come back to it."""
        self.checks += 1
        step, seen = next_hop(node), {node: None}
        while step is not None:
            if step in seen:
                path = " -> ".join(str(hop) for hop in (*seen, step))
                message = f"to {origin.hex()[-8:]}: {path}"
                self._report("route-loop", now, message, *seen)
                return
            seen[step] = None
            step = next_hop(step)

    def degree(
        self,
        stream: StreamId,
        node: int,
        children: int,
        cap: int,
        burst_cap: int,
        now: float,
        *,
        admitted: bool,
    ) -> None:
        """`children` of one tree: nobody is admitted above the burst, and nobody is for
        long above the cap (`lasting` looks).  Standbys that activate themselves may
        exceed both for a moment: two are promised per slot (RFC 0011 section 6.4).
        """
        self.checks += 1
        key = (node, stream)
        if admitted and children > burst_cap:
            message = f"node {node} feeds {children} children, burst cap {burst_cap}"
            self._report("burst", now, message, node)
        if children <= cap:
            self._burst.pop(key, None)
        else:
            self._burst.setdefault(key, now)

    def lasting(self, now: float) -> None:
        """By the clock: no burst lasts longer than shedding can take."""
        self.checks += 1
        for (node, stream), since in list(self._burst.items()):
            if now - since > OVER_CAP_S:
                del self._burst[node, stream]
                message = f"node {node} feeds more than its cap for {now - since:.1f} s"
                self._report("cap", now, message, node)

    def stopped(self, node: int) -> None:
        """The process of `node` ended: it has no edges and feeds nobody."""
        for parents in self._parents.values():
            parents.pop(node, None)
        # why all of it: a new process has new viewers and, without what RFC 8966 keeps
        # on disk, new distances; its epoch is a new one
        tables: tuple[dict[Any, Any], ...] = (self._burst, self._feasible, self._seen)
        for table in tables:
            for key in [key for key in table if key[0] == node]:
                del table[key]

    def bounded(
        self, node: int, limit: str, size: int, maximum: int, now: float
    ) -> None:
        """A table of `node` is within its named limit."""
        self.checks += 1
        if size > maximum:
            message = f"node {node}: {limit} {size} > {maximum}"
            self._report("bounds", now, message, node)

    def unserved(
        self, stream: StreamId, nodes: list[int], since_s: float, now: float
    ) -> None:
        """These connected subscribers got nothing new for too long."""
        self.checks += 1
        if nodes:
            shown = ", ".join(str(node) for node in nodes[:10])
            message = (
                f"{len(nodes)} connected subscribers of {stream.hex()[:8]} without"
                f" packets for over {since_s:.1f} s: {shown}"
            )
            self._report("served", now, message, *nodes)
