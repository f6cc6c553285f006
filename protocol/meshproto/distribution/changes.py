"""What the owner must know at once, taken by `take_changes()`."""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.ids import NodeId
from meshproto.wire.control.offer import Offer


@dataclass(frozen=True, slots=True)
class OffersToTell:
    """All offers of this node for trees of `origin`, for the router's updates."""

    origin: NodeId
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class TreeUse:
    """The link to `neighbour` carries a tree or a standby, or none any more."""

    neighbour: NodeId
    in_use: bool


@dataclass(frozen=True, slots=True)
class Active:
    """A tree of `origin` lives here: routes to it are wanted (or no more)."""

    origin: NodeId
    on: bool


Change = OffersToTell | TreeUse | Active
"""A change that another machine of the node acts on."""
