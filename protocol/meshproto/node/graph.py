"""Which links are of the graph: routes and gossip go over them, over no others.

A link is one of the graph when it was set up as one, or when the overlay adopts a link
of trees.  Then the far end must do the same, for it alone tells what this end hears:
what only ends of such a link say (routes, gossip) is the sign.  It also mends a link
that two dials made at once, one for the graph and one for a tree.
"""

from __future__ import annotations

from meshproto.distribution.machine import Distribution
from meshproto.ids import NodeId
from meshproto.link.links import Links
from meshproto.node.finding import Finding
from meshproto.node.view import prefix
from meshproto.overlay.events import LinkAdopted
from meshproto.overlay.overlay import Overlay
from meshproto.routing.router import Router


class Graph:
    """The neighbours that router and gossip of this node know."""

    __slots__ = ("_finding", "_links", "_nodes", "_overlay", "_router", "_trees")

    def __init__(
        self,
        links: Links,
        overlay: Overlay,
        router: Router,
        finding: Finding,
        trees: Distribution,
    ) -> None:
        self._links = links
        self._overlay = overlay
        self._router = router
        self._finding = finding
        self._trees = trees
        self._nodes: dict[NodeId, None] = {}

    def __contains__(self, node: NodeId) -> bool:
        return node in self._nodes

    def up(self, node: NodeId, outbound: bool, now: float) -> None:
        """Routes and gossip go over the link from now on."""
        if node in self._nodes or not self._links.linked(node):
            return
        self._nodes[node] = None
        self._router.neighbour_up(node, now)
        peer = self._overlay.peer(node)
        near = b"" if peer is None or not peer.media else peer.media[0].ip
        self._finding.neighbour_up(node, outbound, prefix(near), now)

    def down(self, node: NodeId, now: float) -> None:
        """The link is gone, whatever it was."""
        if node in self._nodes:
            del self._nodes[node]
            self._router.neighbour_down(node, now)
            self._finding.neighbour_down(node, now)

    def tree_up(self, node: NodeId, now: float) -> None:
        """A link of trees is ready; its far end may have been faster to gossip."""
        if self._finding.waits(node):
            self.heard(node, now)

    def heard(self, node: NodeId, now: float) -> None:
        """The far end says what only ends of a link of the graph say."""
        if node not in self._nodes and self._overlay.adopt(node):
            self.settle(now)

    def settle(self, now: float) -> None:
        """Take in what the overlay adopted."""
        for change in self._overlay.take_changes():
            if isinstance(change, LinkAdopted):
                self.up(change.node, change.outbound, now)
                # why again: a tree may need what this neighbour will tell
                self._trees.neighbour_up(change.node, now)
