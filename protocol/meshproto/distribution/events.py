"""What happens in trees, for logs and for the simulator's checkers."""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.events import Event
from meshproto.ids import NodeId, StreamId
from meshproto.wire.control.distribution import Why


@dataclass(frozen=True, slots=True)
class Joined(Event):
    """The first parent; `took_s` since the wish, `asked_s` since the first of `asked`
    joins was sent.
    """

    stream: StreamId
    parent: NodeId
    delay_s: float
    took_s: float
    asked_s: float
    asked: int


@dataclass(frozen=True, slots=True)
class ParentChanged(Event):
    """`reason` is one of join, repair, standby, move, swap, released, aside, lost,
    dropped, silent, gone, left.
    """

    stream: StreamId
    old: NodeId | None
    new: NodeId | None
    reason: str


@dataclass(frozen=True, slots=True)
class ChildAdded(Event):
    """`use` is the lower-case name of `Use`."""

    stream: StreamId
    child: NodeId
    use: str


@dataclass(frozen=True, slots=True)
class ChildRemoved(Event):
    """`reason` is left, replaced, link, or the lower-case name of `Why`."""

    stream: StreamId
    child: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class JoinRefused(Event):
    """`child` was not let in."""

    stream: StreamId
    child: NodeId
    reason: Why


@dataclass(frozen=True, slots=True)
class Redirected(Event):
    """`child` was sent elsewhere."""

    stream: StreamId
    child: NodeId
    targets: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Orphaned(Event):
    """The parent is lost, or stalled for longer than the hold."""

    stream: StreamId
    parent: NodeId | None


@dataclass(frozen=True, slots=True)
class Repaired(Event):
    """Media may flow again, `gap_s` after the loss was noticed."""

    stream: StreamId
    parent: NodeId
    gap_s: float
    asked: int


@dataclass(frozen=True, slots=True)
class StandbyChosen(Event):
    """The second parent stands ready."""

    stream: StreamId
    standby: NodeId


@dataclass(frozen=True, slots=True)
class Moved(Event):
    """A better parent; `gain_s` as measured before."""

    stream: StreamId
    old: NodeId
    new: NodeId
    gain_s: float


@dataclass(frozen=True, slots=True)
class MoveFailed(Event):
    """`reason` is a short fixed label."""

    stream: StreamId
    target: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class Swapped(Event):
    """The place was given to another node, and its old one taken."""

    stream: StreamId
    old: NodeId
    new: NodeId


@dataclass(frozen=True, slots=True)
class LeaseExpired(Event):
    """Nobody watches below `child`; None: below this node."""

    stream: StreamId
    child: NodeId | None


@dataclass(frozen=True, slots=True)
class LayersShed(Event):
    """`child` gets only `layers` for now."""

    stream: StreamId
    child: NodeId
    layers: int


@dataclass(frozen=True, slots=True)
class LoopCut(Event):
    """A root path ran through itself; the edge to `other` was ended."""

    stream: StreamId
    other: NodeId


@dataclass(frozen=True, slots=True)
class PathNamed(Event):
    """The names of all nodes above are known now."""

    stream: StreamId


@dataclass(frozen=True, slots=True)
class StreamEnded(Event):
    """No publisher came back within the linger."""

    stream: StreamId
