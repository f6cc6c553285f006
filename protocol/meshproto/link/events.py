"""What happened to links: taken by the owner, who tells the other machines at once.

All but `CostMoved` are rare enough to be logged as they are.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.events import Event
from meshproto.ids import NodeId


@dataclass(frozen=True, slots=True)
class LinkReady(Event):
    """Both ends greeted; records may be sent.  `version` is the one agreed on and
    `capabilities` the neighbour's.
    """

    neighbour: NodeId
    version: int
    capabilities: int


@dataclass(frozen=True, slots=True)
class LinkFailed(Event):
    """A link ended before it was ready; `theirs` is the label of a goodbye."""

    neighbour: NodeId
    reason: str
    theirs: str = ""


@dataclass(frozen=True, slots=True)
class LinkLost(Event):
    """A link that was ready is no more, and what was under way is lost.

    After the reason "restarted" the same link greets again and may become ready.
    """

    neighbour: NodeId
    reason: str
    theirs: str = ""


@dataclass(frozen=True, slots=True)
class LinkSuspected(Event):
    """Two checks in a row were not answered: better not to begin anything over it."""

    neighbour: NodeId


@dataclass(frozen=True, slots=True)
class LinkRecovered(Event):
    """A suspected link answered again."""

    neighbour: NodeId


@dataclass(frozen=True, slots=True)
class CostMoved(Event):
    """Round trip or loss moved enough for a router to look (`LinkConfig.moved_s`)."""

    neighbour: NodeId


@dataclass(frozen=True, slots=True)
class DescriptorArrived(Event):
    """`source` wants a link; its sealed descriptor came through a neighbour."""

    source: NodeId
    through: NodeId
    descriptor: bytes


@dataclass(frozen=True, slots=True)
class IntroductionFailed(Event):
    """`through` could not pass our descriptor on to `target`."""

    target: NodeId
    through: NodeId


Change = (
    LinkReady
    | LinkFailed
    | LinkLost
    | LinkSuspected
    | LinkRecovered
    | CostMoved
    | DescriptorArrived
    | IntroductionFailed
)
"""Everything that `take_changes` returns."""
