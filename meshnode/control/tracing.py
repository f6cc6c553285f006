"""Reading the way of a stream out of the brain's tables (values: `observe.trace`).

Two tables answer.  The tree knows the root path and the delays along it; routing knows
what every neighbour offers for this tree, and by what way it would get to the origin.
The nodes of the path have names where somebody asked for them (RFC 0011 section 4.5).
A neighbour is judged by its offer where it made one, else by its route, and the reason
that is named is the first that excludes it in the order in which the protocol asks
(RFC 0011 section 4.1, RFC 0010 section 5).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from meshnode.observe.trace import Alternative, Hop, Trace, Why
from meshproto.ids import NodeId, ShortId, StreamId, short_id
from meshproto.node import Node
from meshproto.routing.distance import INFINITY, seconds
from meshproto.routing.views import Route
from meshproto.wire import peer_id
from meshproto.wire.control.offer import Offer

ALTERNATIVES_MAX = 32
"""Above the neighbours a node keeps; a fuse."""
WORTH_S, WORTH_SHARE = 0.003, 0.05
"""What a move must gain (RFC 0011 section 6)."""
TOLD = (
    "partial view: hops beyond the parent are told down the tree, their round trips"
    " are not known here"
)
UNPLACED = "partial view: not in the tree, so only the next hop of the route is known"
NO_ROUTE = "partial view: no neighbour knows a way to the origin"


def trace(brain: Node, stream: StreamId, name: str) -> Trace | None:
    """The way of `stream` to this node, None where nobody publishes it."""
    origin = brain.directory.resolve(stream)
    if origin is None:
        return None
    return _Tracing(brain, stream, origin).trace(name)


class _Tracing:
    """One look at one stream."""

    def __init__(self, brain: Node, stream: StreamId, origin: NodeId) -> None:
        self._brain = brain
        self._view = brain.view
        self._stream = stream
        self._origin = origin
        self._trees = brain.view.trees
        self._root = self._trees.root_path(stream)
        self._parent = self._trees.parent(stream)
        above = self._trees.names(stream)
        self._names = {short_id(node): node for node in above}

    def trace(self, name: str) -> Trace:
        """The whole of it."""
        here = self._origin == self._brain.me
        hops = () if here else tuple(self._hops())
        alternatives = [] if here else sorted(self._alternatives(), key=_order)
        return Trace(
            node=peer_id.to_text(self._brain.me),
            stream=self._stream.hex(),
            name=name,
            origin=peer_id.to_text(self._origin),
            state=self._state(here),
            delay_s=self._trees.delay_s(self._stream),
            hops=hops,
            alternatives=tuple(alternatives[:ALTERNATIVES_MAX]),
            missing=tuple(self._missing(here, hops)),
        )

    def _state(self, here: bool) -> str:
        if here:
            return "origin"
        if self._stream not in self._trees.streams():
            return "known"
        if self._parent is None:
            return "searching"
        return "live" if self._trees.live(self._stream) else "stalled"

    def _missing(self, here: bool, hops: tuple[Hop, ...]) -> Iterator[str]:
        if len(self._root) > 2:
            yield TOLD
        elif not here and not self._root:
            yield UNPLACED if hops else NO_ROUTE

    # -- hops --------------------------------------------------------------------------

    def _hops(self) -> Iterator[Hop]:
        if not self._root:
            yield from self._routed()
            return
        delays = self._trees.root_delays(self._stream)
        told = list(zip(self._root, delays, strict=False))
        for place, ((above, before_s), (_, after_s)) in enumerate(
            reversed(list(pairwise(told)))
        ):
            cost_s = max(after_s - before_s, 0.0)
            yield self._hop(above, before_s, cost_s, own=place == 0)

    def _hop(self, short: ShortId, delay_s: float, cost_s: float, *, own: bool) -> Hop:
        node = self._known(short)
        if not own or node is None:
            text = None if node is None else peer_id.to_text(node)
            return Hop(text, short.hex(), delay_s, cost_s)
        links = self._view.links
        rtt_s, loss = links.rtt_s(node), links.loss(node)
        return Hop(peer_id.to_text(node), short.hex(), delay_s, cost_s, rtt_s, loss)

    def _routed(self) -> Iterator[Hop]:
        """Outside the tree there is a next hop, and no more."""
        router, links = self._view.router, self._view.links
        hop, metric_s = router.next_hop(self._origin), router.metric_s(self._origin)
        if hop is None or metric_s is None:
            return
        (row,) = (r for r in router.routes(self._origin) if r.selected)
        before_s = seconds(row.refmetric)
        yield Hop(
            peer_id.to_text(hop),
            short_id(hop).hex(),
            before_s,
            max(metric_s - before_s, 0.0),
            links.rtt_s(hop),
            links.loss(hop),
        )

    def _known(self, short: ShortId) -> NodeId | None:
        near = (self._brain.me, self._origin, *self._view.links.neighbours())
        for node in near:
            if short_id(node) == short:
                return node
        if short in self._names:
            return self._names[short]
        peer = self._view.find(short)
        return None if peer is None else peer.node

    # -- alternatives ------------------------------------------------------------------

    def _alternatives(self) -> Iterator[Alternative]:
        router = self._view.router
        offers = dict(router.offers(self._origin, self._stream))
        routes = {row.neighbour: row for row in router.routes(self._origin)}
        for node in self._view.links.neighbours():
            if node != self._parent:
                yield self._judged(node, offers.get(node), routes.get(node))

    def _judged(
        self, node: NodeId, offer: Offer | None, route: Route | None
    ) -> Alternative:
        cost_s = self._cost_s(node, offer, route)
        own_s = self._trees.delay_s(self._stream)
        if own_s is None:
            own_s = self._view.router.metric_s(self._origin)
        dearer_s = None if cost_s is None or own_s is None else cost_s - own_s
        return Alternative(
            peer_id.to_text(node),
            self._why(node, offer, route, dearer_s),
            cost_s,
            dearer_s,
            None if offer is None else offer.slots,
            above=short_id(node) in self._root[:-2],
        )

    def _cost_s(
        self, node: NodeId, offer: Offer | None, route: Route | None
    ) -> float | None:
        if offer is not None and offer.in_tree:
            return offer.delay_s + self._trees.hop_s(node)
        if route is not None and route.metric < INFINITY:
            return seconds(route.metric)
        return None

    def _why(
        self,
        node: NodeId,
        offer: Offer | None,
        route: Route | None,
        dearer_s: float | None,
    ) -> Why:
        if self._parent is None and route is not None and route.selected:
            return Why.CHOSEN
        if node == self._trees.standby(self._stream):
            return Why.STANDBY
        if node in self._trees.children(self._stream):
            return Why.BELOW
        if offer is not None and offer.in_tree:
            return Why.FULL if not offer.slots else self._by_price(dearer_s)
        if route is None:
            return Why.SILENT
        if route.metric >= INFINITY:
            return Why.RETRACTED
        if not route.feasible:
            return Why.UNFEASIBLE
        return Why.OUTSIDE if self._root else self._by_price(dearer_s)

    def _by_price(self, dearer_s: float | None) -> Why:
        if dearer_s is None:
            return Why.OPEN
        if dearer_s >= 0:
            return Why.DEARER
        own_s = self._trees.delay_s(self._stream) or 0.0
        small = -dearer_s < max(WORTH_S, WORTH_SHARE * own_s)
        return Why.MARGIN if small else Why.OPEN


def _order(each: Alternative) -> tuple[bool, float]:
    """The cheapest first, those without a price behind."""
    return each.cost_s is None, each.cost_s or 0.0
