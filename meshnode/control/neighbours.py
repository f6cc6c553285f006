"""The links of this node as the driver sees them: by life and by node.

An association on the media port outlives a link: when the brain gives a silent link up
the keys stay for minutes, and the first check that is answered begins a new life under
a new `LinkId` (RFC 0005 section 5.1).  So the brain's numbers are drawn here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from meshnode.control.seam import Link
from meshproto.ids import LinkId, NodeId
from meshproto.outputs import Purpose


@dataclass(slots=True, eq=False)
class Neighbour:
    """An association; `link` is its present life, None while it has none."""

    transport: Link
    outbound: bool
    purpose: Purpose
    since_s: float
    link: LinkId | None = None


class Neighbours:
    """All of them; of one node there is one at a time (RFC 0005 section 5.1)."""

    def __init__(self) -> None:
        self._lives: dict[LinkId, Neighbour] = {}
        self._nodes: dict[NodeId, Neighbour] = {}
        self._numbers = itertools.count(1)

    def __iter__(self) -> Iterator[Neighbour]:
        return iter(tuple(self._nodes.values()))

    def __len__(self) -> int:
        return len(self._nodes)

    def linked(self, node: NodeId) -> bool:
        """Whether there is a life of a link with `node`; a parked one has none."""
        found = self._nodes.get(node)
        return found is not None and found.link is not None

    def add(self, neighbour: Neighbour) -> Neighbour | None:
        """Enter an association; gives the one of the same node that it replaces."""
        older = self._nodes.get(neighbour.transport.node)
        if older is not None:
            self.remove(older)
        self._nodes[neighbour.transport.node] = neighbour
        return older

    def begin(self, neighbour: Neighbour) -> LinkId:
        """A new life: the number under which the brain shall know it."""
        self.end(neighbour)
        neighbour.link = LinkId(next(self._numbers))
        self._lives[neighbour.link] = neighbour
        return neighbour.link

    def end(self, neighbour: Neighbour) -> LinkId | None:
        """Its life is over; the number it had."""
        link, neighbour.link = neighbour.link, None
        if link is not None:
            self._lives.pop(link, None)
        return link

    def remove(self, neighbour: Neighbour) -> None:
        """Forget an association; unknown ones are fine."""
        self.end(neighbour)
        node = neighbour.transport.node
        if self._nodes.get(node) is neighbour:
            del self._nodes[node]

    def by_link(self, link: LinkId) -> Neighbour | None:
        """Whose life `link` is."""
        return self._lives.get(link)

    def by_node(self, node: NodeId) -> Neighbour | None:
        """The association with `node`."""
        return self._nodes.get(node)
