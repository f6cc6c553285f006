"""What `relaying` needs of the mesh, so that it can be read and tested without one."""

from __future__ import annotations

from typing import Protocol

from meshnode.control.changes import StreamSeen
from meshnode.control.saying import Saying
from meshnode.node import departure
from meshproto.ids import NodeId, StreamId, StreamName
from meshproto.node import Wish


class Mesh(departure.Mesh, Protocol):
    """What is needed of `meshnode.control.mesh.Control`."""

    @property
    def node(self) -> NodeId:
        """The own id."""

    def unpublish(self, stream: StreamId) -> None:
        """End it."""

    def stream(self, name: StreamName, secret: bytes | None = None) -> StreamId:
        """The id that `name` has for the holder of `secret`."""

    def find(self, called: str) -> StreamSeen | None:
        """The stream that is called so here."""

    def known(self, stream: StreamId) -> StreamSeen | None:
        """What is known of a stream."""

    def watch(self, stream: StreamId, wish: Wish) -> None:
        """Want it."""

    def say(self, stream: StreamId, label: str, data: bytes | str) -> bool:
        """Hand a message of a client here to the tree."""

    def unwatch(self, stream: StreamId) -> None:
        """Want it no more."""

    def tell_node(self, node: NodeId, saying: Saying) -> bool:
        """Have a node hear it."""
