"""Nodes by which a viewer may enter the mesh for one stream (RFC 0004 section 13).

What a viewer wants is the least sum of two ways: from the origin to a node, and from
that node to itself.  The first is what a node can tell: exactly for nodes whose delay
it was told (an offer, a route, the root path), roughly by network coordinates for the
others.  The second only the viewer can measure, so the list must leave it a choice:
some of the nodes that are cheapest for the origin, some that are near to this node,
where the viewer happened to ask, and a few at random.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from meshproto.distribution.candidates import distance_s
from meshproto.ids import NodeId, StreamId, short_id
from meshproto.node import Node
from meshproto.routing.distance import INFINITY, seconds
from meshproto.wire.control.peer import PeerRecord

CHEAPEST, NEAREST, ANY = 4, 2, 2
"""How many of each kind: a viewer probes them all within half a second."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """A node with a door for viewers; `cost_s` is one way from the origin to it."""

    peer: PeerRecord
    cost_s: float


def own_cost_s(brain: Node, stream: StreamId) -> float | None:
    """One way from the origin to this node; None where nothing is known."""
    origin = brain.directory.resolve(stream)
    if origin is None:
        return None
    if origin == brain.me:
        return 0.0
    delay_s = brain.view.trees.delay_s(stream)
    if delay_s is None:
        delay_s = brain.view.router.metric_s(origin)
    return delay_s if delay_s is not None else _guessed_s(brain, origin, brain.record())


def entrances(brain: Node, stream: StreamId) -> list[Entrance]:
    """The nodes to offer, the cheapest for the origin first."""
    origin = brain.directory.resolve(stream)
    if origin is None:
        return []
    told = _told(brain, stream, origin)
    found = []
    for peer in _doors(brain, origin):
        cost_s = told.get(peer.node)
        if cost_s is None:
            cost_s = _guessed_s(brain, origin, peer)
        if cost_s is not None:
            found.append(Entrance(peer, cost_s))
    return _mixed(brain, sorted(found, key=lambda each: each.cost_s))


def _doors(brain: Node, origin: NodeId) -> Iterable[PeerRecord]:
    """Remembered nodes with a door, neighbours and the origin first."""
    view = brain.view
    near = [view.overlay.peer(n) for n in (origin, *view.links.neighbours())]
    first = {p.node: p for p in near if p is not None}
    for peer in view.overlay.members():
        first.setdefault(peer.node, peer)
    return [p for p in first.values() if p.entry and p.media and p.node != brain.me]


def _told(brain: Node, stream: StreamId, origin: NodeId) -> dict[NodeId, float]:
    """Delays from the origin that were told, the most certain last."""
    view, trees = brain.view, brain.view.trees
    costs: dict[NodeId, float] = {}
    for row in view.router.routes(origin):
        if row.refmetric < INFINITY:
            costs[row.neighbour] = seconds(row.refmetric)
    for node, offer in view.router.offers(origin, stream):
        if offer.in_tree:
            costs[node] = offer.delay_s
    shorts = {short_id(n): n for n in (origin, *view.links.neighbours())}
    path = zip(trees.root_path(stream), trees.root_delays(stream), strict=False)
    for short, delay_s in path:
        peer = view.find(short)
        named = peer.node if peer is not None else shorts.get(short)
        if named is not None:
            costs[named] = delay_s
    return {**costs, origin: 0.0}


def _guessed_s(brain: Node, origin: NodeId, peer: PeerRecord) -> float | None:
    overlay = brain.view.overlay
    if origin == brain.me:  # what is measured counts more than coordinates
        rtt_s = overlay.predict_rtt_s(peer.node)
    else:
        rtt_s = distance_s(overlay.peer(origin), peer)
    return None if rtt_s is None else rtt_s / 2


def _mixed(brain: Node, ranked: list[Entrance]) -> list[Entrance]:
    """Some of the cheapest, some near this node, a few others."""
    chosen, rest = ranked[:CHEAPEST], ranked[CHEAPEST:]
    rest.sort(key=lambda each: _near_s(brain, each.peer.node))
    chosen += rest[:NEAREST]
    others = rest[NEAREST:]
    # why chance: which of many equal nodes is told must not be the same for all
    chosen += random.SystemRandom().sample(others, min(ANY, len(others)))
    return sorted(chosen, key=lambda each: each.cost_s)


def _near_s(brain: Node, node: NodeId) -> float:
    rtt_s = brain.view.overlay.predict_rtt_s(node)
    return float("inf") if rtt_s is None else rtt_s
