"""What the machines may ask of one another, answered by the node that joins them.

The five machines never import each other (RFC 0001 section 2).  Each names what it
needs in a `Surroundings` protocol of its own; the two classes here satisfy all of them,
so the whole traffic between the questions can be read in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from meshproto.ids import NodeId, ShortId, StreamId
from meshproto.outputs import Dial, Outbox, Purpose
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.peer import PeerRecord, Reach, build_peer

if TYPE_CHECKING:
    from meshproto.distribution.machine import Distribution
    from meshproto.link.links import Links
    from meshproto.overlay.overlay import Overlay
    from meshproto.routing.router import Router

RTT_UNKNOWN_S = 0.25
"""A link that no check has measured yet."""

RELAYED_PENALTY_S = 0.02
"""Dearer than any direct detour that is not absurd (RFC 0010 section 5)."""


def prefix(address: bytes) -> bytes:
    """What many identities of one host or site share: /24 of IPv4, /48 of IPv6."""
    return address[:3] if len(address) == 4 else address[:6]


class Neighbours:
    """What overlay, gossip and routing ask about nodes that have a link."""

    __slots__ = ("_view",)

    def __init__(self, view: View) -> None:
        self._view = view

    def rtt_s(self, node: NodeId, /) -> float:
        """Smoothed round trip to a neighbour."""
        rtt_s = self._view.links.rtt_s(node)
        return RTT_UNKNOWN_S if rtt_s is None else rtt_s

    def loss(self, node: NodeId, /) -> float:
        """Share of checks of the link that went unanswered, in steps."""
        return self._view.links.told_loss(node)

    def suspect(self, node: NodeId, /) -> bool:
        """Whether checks of the link are being missed."""
        return self._view.links.suspect(node)

    def penalty_s(self, node: NodeId, /) -> float:
        """What a relayed path costs on top: the relay may be taken away."""
        peer = self._view.overlay.peer(node)
        relayed = peer is not None and peer.reach is Reach.RELAYED
        return RELAYED_PENALTY_S if relayed else 0.0

    def carries_tree(self, node: NodeId, /) -> bool:
        """Whether a tree edge or a standby runs over the link."""
        return node in self._view.in_use

    def peer_record(self, node: NodeId, /) -> bytes | None:
        """The signed record of a node, for peer exchange."""
        peer = self._view.overlay.peer(node)
        return None if peer is None else build_peer(peer)


class View:
    """What distribution asks of the others; filled by `Node`."""

    __slots__ = (
        "history",
        "in_use",
        "links",
        "outbox",
        "overlay",
        "router",
        "trees",
        "uplink",
    )

    links: Links
    overlay: Overlay
    router: Router
    trees: Distribution

    def __init__(
        self,
        outbox: Outbox,
        history: Callable[[StreamId], tuple[int, int] | None],
    ) -> None:
        self.outbox = outbox
        self.history = history
        self.in_use: dict[NodeId, None] = {}
        self.uplink = 0.0

    def linked(self, node: NodeId) -> bool:
        """Whether there is a live link to `node`."""
        return self.links.linked(node)

    def neighbours(self) -> Iterable[NodeId]:
        """The nodes with a live link."""
        return self.links.neighbours()

    def rtt_s(self, node: NodeId) -> float | None:
        """Smoothed if linked, else measured by a probe, else predicted."""
        if self.links.linked(node):
            return self.links.rtt_s(node)
        return self.overlay.predict_rtt_s(node)

    def next_hop(self, origin: NodeId) -> NodeId | None:
        """The selected next hop towards `origin`."""
        return self.router.next_hop(origin)

    def offers(
        self, origin: NodeId, stream: StreamId
    ) -> Sequence[tuple[NodeId, Offer]]:
        """What neighbours offer for `stream`."""
        return self.router.offers(origin, stream)

    def ways(self, origin: NodeId) -> Sequence[NodeId]:
        """Neighbours with a route to `origin`; one through here reads as none."""
        return self.router.ways(origin)

    def peer(self, node: NodeId) -> PeerRecord | None:
        """What `node` says about itself."""
        return self.overlay.peer(node)

    def find(self, short: ShortId) -> PeerRecord | None:
        """The node with that short name, if it is remembered."""
        return self.overlay.peer_of_short(short)

    def sample(self, count: int) -> Sequence[PeerRecord]:
        """Up to `count` random capable members."""
        return self.overlay.sample(count)

    def dial(self, peer: NodeId | PeerRecord, through: NodeId | None) -> bool:
        """Ask for a tree link; ends in `neighbour_up` or `dial_failed`.  False for a
        node without a record.
        """
        record = peer if isinstance(peer, PeerRecord) else self.overlay.peer(peer)
        if record is None:
            return False
        self.outbox.put(Dial(record, Purpose.TREE, through))
        return True

    def waiting(self, node: NodeId) -> int:
        """Segments that the window of the link holds back."""
        return self.links.waiting(node)

    def uplink_bps(self) -> float:
        """The uplink that trees may use, measured or granted."""
        return self.uplink
