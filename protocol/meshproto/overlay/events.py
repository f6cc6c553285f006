"""What the overlay tells: events for logs and checkers, changes for `Node`.

Changes are what the owner must know in order to tell the other machines; it takes them
with `Overlay.take_changes` after each input.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.events import Event
from meshproto.ids import NodeId


@dataclass(frozen=True, slots=True)
class SearchEnded(Event):
    """A newcomer's search is over; the nearest member found is `nearest_s` away.

    `found` are the nearest that were measured, at most half of what a node links to.
    """

    probes: int
    took_s: float
    nearest_s: float | None
    found: tuple[NodeId, ...] = ()


@dataclass(frozen=True, slots=True)
class LinkTraded(Event):
    """A link was given up for a better one; round trips in seconds."""

    dropped: NodeId
    gained: NodeId
    dropped_s: float
    gained_s: float


@dataclass(frozen=True, slots=True)
class IsolationSuspected(Event):
    """Too few links are left; bootstrap and remembered peers are dialled again."""

    links: int


@dataclass(frozen=True, slots=True)
class LostPeerFound(Event):
    """A peer lost without a goodbye answers again: a partition may have healed."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class PeerLearned:
    """A new or newer record of `node` is known."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class NeighbourDropped:
    """The overlay hung up on `node`; `reason` is the label of the `HangUp`."""

    node: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class LinkAdopted:
    """A link of trees to `node` is part of the graph from now on."""

    node: NodeId
    outbound: bool


Change = PeerLearned | NeighbourDropped | LinkAdopted
