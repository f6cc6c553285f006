"""What the gossip router tells its owner."""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.events import Event
from meshproto.ids import NodeId


@dataclass(frozen=True, slots=True)
class Grafted(Event):
    """`neighbour` is now in our mesh of `topic`."""

    neighbour: NodeId
    topic: str


@dataclass(frozen=True, slots=True)
class Pruned(Event):
    """`neighbour` is no longer in our mesh of `topic`."""

    neighbour: NodeId
    topic: str


@dataclass(frozen=True, slots=True)
class Dropped(Event):
    """A slow neighbour did not get `pieces` messages or gossip of ours."""

    neighbour: NodeId
    pieces: int
