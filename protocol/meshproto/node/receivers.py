"""Which machine a record is for: its kind says so (RFC 0006 section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from meshproto.ids import NodeId
from meshproto.wire.control.directory import DirectoryRecord
from meshproto.wire.control.distribution import TreeRecord
from meshproto.wire.control.routing import RoutingRecord
from meshproto.wire.control.schema import Record

if TYPE_CHECKING:
    from meshproto.distribution.machine import Distribution
    from meshproto.gossip.directory import Directory
    from meshproto.overlay.overlay import Overlay
    from meshproto.routing.router import Router

OVERLAY, DIRECTORY, ROUTING, TREES = 16, 32, 48, 64
"""The first kind of each; those below are the link's own."""


def is_of_graph(record: Record) -> bool:
    """Whether only ends of a link of the graph say this (RFC 0007 section 6.1)."""
    return DIRECTORY <= record.KIND < TREES


class Receivers:
    """The machines that take records of neighbours."""

    __slots__ = ("_directory", "_overlay", "_router", "_trees")

    def __init__(
        self,
        overlay: Overlay,
        directory: Directory,
        router: Router,
        trees: Distribution,
    ) -> None:
        self._overlay = overlay
        self._directory = directory
        self._router = router
        self._trees = trees

    def take(self, neighbour: NodeId, record: Record, now: float) -> None:
        """Hand a record to its machine; never raises for what is in it."""
        kind = record.KIND
        if kind >= TREES:
            self._trees.receive(neighbour, cast(TreeRecord, record), now)
        elif kind >= ROUTING:
            self._router.receive(neighbour, cast(RoutingRecord, record), now)
        elif kind >= DIRECTORY:
            self._directory.receive(neighbour, cast(DirectoryRecord, record), now)
        elif kind >= OVERLAY:
            self._overlay.receive(neighbour, record, now)
