"""What the directory tells: events for logs, and changes for the owner at once.

A `Found`, `Moved` or `Gone` is both: the owner acts upon it (subscriptions that wait,
trees whose origin moved), and it stands in the log.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.events import Event
from meshproto.ids import NodeId, StreamId, StreamName


@dataclass(frozen=True, slots=True)
class StreamFound(Event):
    """A stream can be had that could not be had before."""

    stream: StreamId
    name: StreamName
    origin: NodeId


@dataclass(frozen=True, slots=True)
class StreamMoved(Event):
    """A stream is at another node now, under the same claim key."""

    stream: StreamId
    origin: NodeId
    before: NodeId


@dataclass(frozen=True, slots=True)
class StreamChanged(Event):
    """The tracks of a stream are others than before."""

    stream: StreamId


@dataclass(frozen=True, slots=True)
class StreamGone(Event):
    """A stream cannot be had any more; `reason` is ended or expired."""

    stream: StreamId
    reason: str


@dataclass(frozen=True, slots=True)
class ClaimLost(Event):
    """A stream that this node announced was claimed for `origin` since."""

    stream: StreamId
    origin: NodeId


Change = StreamFound | StreamMoved | StreamChanged | StreamGone
"""What `take_changes` answers."""
