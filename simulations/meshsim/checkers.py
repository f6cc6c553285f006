"""What must hold at every instant, watched from outside (RFC 0012 section 6).

The checkers see what planes and brains did, never how they decided, so a wrong decision
and the check of it cannot share a mistake.  They are incremental: a change of one edge
costs a walk up one path.  The first violation ends a run; with the seed and the
scenario it is all that `meshsim replay` needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from meshproto.ids import StreamId

WINDOW = 4096
"""How many sequence numbers back a second delivery to a viewer is recognised."""


@dataclass(frozen=True, slots=True)
class Broken:
    """An invariant that did not hold: which one, where, when."""

    checker: str
    time_s: float
    message: str


class Checkers:
    """All invariants of one run; `broken` keeps the first `most` violations."""

    __slots__ = (
        "_burst",
        "_feasible",
        "_most",
        "_parents",
        "_seen",
        "broken",
        "checks",
    )

    def __init__(self, most: int = 16) -> None:
        self._most = most
        self._parents: dict[StreamId, dict[int, int]] = {}
        self._seen: dict[tuple[int, StreamId], dict[int, None]] = {}
        self._feasible: dict[tuple[int, bytes], tuple[tuple[int, int], float]] = {}
        self._burst: dict[tuple[int, StreamId], float] = {}
        self.broken: list[Broken] = []
        self.checks = 0

    def _report(self, checker: str, now: float, message: str) -> None:
        if len(self.broken) < self._most:
            self.broken.append(Broken(checker, now, message))

    def active(
        self, stream: StreamId, node: int, parent: int | None, now: float
    ) -> None:
        """`node` takes packets from `parent` from now on: no cycle may appear."""
        self.checks += 1
        parents = self._parents.setdefault(stream, {})
        if parent is None:
            parents.pop(node, None)
            return
        parents[node] = parent
        path = [node]
        step: int | None = parent
        while step is not None:
            path.append(step)
            if step == node:
                text = " <- ".join(str(hop) for hop in path)
                self._report("tree-loop", now, f"cycle of active edges: {text}")
                return
            step = parents.get(step)
            if len(path) > len(parents) + 1:
                return  # a cycle above, reported when it closed

    def delivered(self, stream: StreamId, node: int, sequence: int, now: float) -> None:
        """A viewer at `node` got packet `sequence`: never twice."""
        self.checks += 1
        seen = self._seen.setdefault((node, stream), {})
        if sequence in seen:
            message = f"node {node} gave packet {sequence} to a viewer twice"
            self._report("duplicate", now, message)
        seen[sequence] = None
        if len(seen) > WINDOW:
            del seen[next(iter(seen))]

    def circulated(
        self, stream: StreamId, node: int, sequence: int, now: float
    ) -> None:
        """A packet ran out of hops at `node`: it can only have gone in a circle."""
        message = f"packet {sequence} of {stream.hex()[:8]} ran out of hops at {node}"
        self._report("hop-limit", now, message)

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
            )
        self._feasible[node, origin] = (serial, distance_s)

    def restarted(self, node: int) -> None:
        """A process began anew: what it knew of distances is gone, as its links are."""
        for key in [key for key in self._feasible if key[0] == node]:
            del self._feasible[key]

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
                self._report("route-loop", now, f"to {origin.hex()[-8:]}: {path}")
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
    ) -> None:
        """`children` of one tree: never above the burst, above the cap 5 s at most."""
        self.checks += 1
        key = (node, stream)
        if children > burst_cap:
            message = f"node {node} feeds {children} children, burst cap {burst_cap}"
            self._report("burst", now, message)
        if children <= cap:
            self._burst.pop(key, None)
        elif now - self._burst.setdefault(key, now) > 6.0:
            message = f"node {node} feeds {children} children, cap {cap}, for over 6 s"
            self._report("cap", now, message)

    def bounded(
        self, node: int, limit: str, size: int, maximum: int, now: float
    ) -> None:
        """A table of `node` is within its named limit."""
        self.checks += 1
        if size > maximum:
            self._report("bounds", now, f"node {node}: {limit} {size} > {maximum}")

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
            self._report("served", now, message)
