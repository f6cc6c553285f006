"""What a tree needs of the rest of the node, and nothing more.

`Node` implements it; tests do with a dictionary or two.  Every question is cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from meshproto.ids import NodeId, ShortId, StreamId
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.peer import PeerRecord


class Surroundings(Protocol):
    """Answers of overlay, routing, links and plane."""

    def linked(self, node: NodeId) -> bool:
        """Whether a link to `node` is up."""
        ...

    def neighbours(self) -> Iterable[NodeId]:
        """Nodes with a link, in a fixed order."""
        ...

    def rtt_s(self, node: NodeId) -> float | None:
        """Smoothed if linked, else measured by a probe, else predicted."""
        ...

    def next_hop(self, origin: NodeId) -> NodeId | None:
        """The neighbour towards `origin` (the origin itself when it is one)."""
        ...

    def offers(
        self, origin: NodeId, stream: StreamId
    ) -> Sequence[tuple[NodeId, Offer]]:
        """What neighbours offer for this tree; full ones with no slots."""
        ...

    def ways(self, origin: NodeId) -> Sequence[NodeId]:
        """Neighbours that know a way to `origin` which does not lead through here."""
        ...

    def peer(self, node: NodeId) -> PeerRecord | None:
        """The newest record of `node`."""
        ...

    def find(self, short: ShortId) -> PeerRecord | None:
        """The record of the node with this short id."""
        ...

    def sample(self, count: int) -> Sequence[PeerRecord]:
        """Random capable members."""
        ...

    def dial(self, node: NodeId | PeerRecord, through: NodeId | None) -> bool:
        """Set a link up, once; ends in `neighbour_up` or `dial_failed`.  False when
        nobody knows where `node` is.
        """
        ...

    def uplink_bps(self) -> float:
        """What this node may send, measured and granted."""
        ...

    def waiting(self, node: NodeId) -> int:
        """Segments that the link to `node` holds back, for its window is full."""
        ...

    def history(self, stream: StreamId) -> tuple[int, int] | None:
        """Extended sequences that the plane holds: the one where a newcomer begins
        (key frame) and the newest; None before the first packet.
        """
        ...
