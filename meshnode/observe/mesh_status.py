"""What a node says about its place in the mesh: part of its status.

Values first, JSON second, as in `status`.  Nodes appear under their peer ids, which are
public, and never with their addresses: who runs a relay at home need not stand on
everybody's status page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """A neighbour; `purpose` is overlay or tree, `reach` how it says it is reached.

    `rtt_s` is smoothed, None while nothing is measured; `ready` once both ends greeted.
    """

    node: str
    ready: bool
    outbound: bool
    purpose: str
    reach: str
    rtt_s: float | None
    loss: float
    suspect: bool
    age_s: float


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """The way to an origin; `metric_s` is the estimated delay from there."""

    origin: str
    metric_s: float | None
    next_hop: str | None
    alternatives: int = 0


@dataclass(frozen=True, slots=True)
class TreeStatus:
    """A stream that this node carries; `root` are short ids from the origin to here.

    `state` is origin, live, stalled or searching.
    """

    stream: str
    name: str
    origin: str
    state: str
    parent: str | None = None
    second: str | None = None
    children: tuple[str, ...] = ()
    root: tuple[str, ...] = ()
    delay_s: float | None = None


@dataclass(frozen=True, slots=True)
class KnownStream:
    """A stream of the directory; `here` when its origin is this node.

    `name` is what it is called here, which differs from what its publisher called it
    where two publishers chose the same.
    """

    stream: str
    name: str
    origin: str
    here: bool
    codecs: tuple[str, ...] = ()
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class MeshStatus:
    """The mesh as one node sees it.

    `reach` is direct, mapped, punched, relayed or unknown; `bootstrap` is what the next
    node can be started with; `counters` only grow, by the part that counts.
    """

    node: str
    epoch: int
    role: str
    reach: str
    bootstrap: tuple[str, ...]
    peers: tuple[PeerStatus, ...] = ()
    routes: tuple[RouteStatus, ...] = ()
    trees: tuple[TreeStatus, ...] = ()
    streams: tuple[KnownStream, ...] = ()
    counters: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
