"""What routing tells the log and the checkers."""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.events import Event
from meshproto.ids import NodeId


@dataclass(frozen=True, slots=True)
class RouteSelected(Event):
    """Packets of `origin` are expected from `next_hop`; None: there is no route."""

    origin: NodeId
    next_hop: NodeId | None
    metric_s: float | None


@dataclass(frozen=True, slots=True)
class Starved(Event):
    """Routes to `origin` are known but none is feasible; a newer number is asked."""

    origin: NodeId


@dataclass(frozen=True, slots=True)
class SeqnoRaised(Event):
    """The node is an origin and raised its number because somebody asked."""

    seqno: int


@dataclass(frozen=True, slots=True)
class TableMismatch(Event):
    """A digest showed that `neighbour` told something that is not in the table."""

    neighbour: NodeId
