"""What the machines may ask of one another, answered by the node that joins them.

The five machines never import each other (RFC 0001 section 2).  Each names what it needs
in a `Surroundings` protocol of its own; this one class satisfies all of them, so the
whole traffic between the questions can be read in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from meshproto.ids import NodeId, ShortId, StreamId
from meshproto.outputs import Dial, Outbox, Purpose
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.peer import PeerRecord

if TYPE_CHECKING:
    from meshproto.distribution import Distribution
    from meshproto.link import Links
    from meshproto.overlay import Overlay
    from meshproto.routing import Router

COPY_BPS = 2_500_000
"""What a peer record's `copies` are counted in."""


class View:
    """The machines of one node as they see each other; filled by `Node`."""

    __slots__ = (
        "distribution",
        "history",
        "in_use",
        "links",
        "outbox",
        "overlay",
        "router",
        "uplink",
    )

    links: Links
    overlay: Overlay
    router: Router
    distribution: Distribution

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

    def loss(self, node: NodeId) -> float:
        """Share of checks of the link that went unanswered, smoothed."""
        return self.links.loss(node)

    def suspect(self, node: NodeId) -> bool:
        """Whether checks of the link are being missed."""
        return self.links.suspect(node)

    def carries_tree(self, node: NodeId) -> bool:
        """Whether a tree edge or a standby runs over the link."""
        return node in self.in_use

    def next_hop(self, origin: NodeId) -> NodeId | None:
        """The selected next hop towards `origin`."""
        return self.router.next_hop(origin)

    def offers(
        self, origin: NodeId, stream: StreamId
    ) -> Sequence[tuple[NodeId, Offer]]:
        """What neighbours offer for `stream`."""
        return self.router.offers(origin, stream)

    def peer(self, node: NodeId) -> PeerRecord | None:
        """What `node` says about itself."""
        return self.overlay.peer(node)

    def find(self, short: ShortId) -> PeerRecord | None:
        """The node with that short name, if it is remembered."""
        return self.overlay.peer_of_short(short)

    def sample(self, count: int) -> Sequence[PeerRecord]:
        """Up to `count` random capable members."""
        return self.overlay.sample(count)

    def dial(self, peer: NodeId | PeerRecord, through: NodeId | None) -> None:
        """Ask for a tree link; ends in `neighbour_up` or `dial_failed`."""
        record = peer if isinstance(peer, PeerRecord) else self.overlay.peer(peer)
        if record is not None:
            self.outbox.put(Dial(record, Purpose.TREE, through))

    def uplink_bps(self) -> float:
        """The uplink that trees may use, measured or granted."""
        return self.uplink
