"""What the owner of a `Router` must know at once; taken by `take_changes`."""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.ids import NodeId


@dataclass(frozen=True, slots=True)
class RouteChanged:
    """There is a route to `origin` over another next hop, or to a new epoch of it."""

    origin: NodeId


@dataclass(frozen=True, slots=True)
class RouteLost:
    """There is no usable route to `origin` any more."""

    origin: NodeId


@dataclass(frozen=True, slots=True)
class OffersChanged:
    """`neighbour` offers something else for trees of `origin`."""

    origin: NodeId
    neighbour: NodeId


Change = RouteChanged | RouteLost | OffersChanged
