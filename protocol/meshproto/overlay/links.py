"""The links of this node as the overlay sees them: purpose, kind, quotas.

`OVERLAY` links make the graph, `TREE` links belong to trees and standbys and have a
quota of their own (RFC 0007 section 6).  A *guest* is a link beyond our room that stays
for a question or two and counts for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from meshproto.config.overlay import OverlayConfig
from meshproto.ids import NodeId
from meshproto.outputs import Purpose
from meshproto.overlay.book import Entry
from meshproto.overlay.families import Families


class Kind(Enum):
    """Why a link exists."""

    NEAR = "near"
    RING = "ring"
    RANDOM = "random"
    INBOUND = "inbound"
    TREE = "tree"


class Link:
    """A live link.

    `entry` is None until the neighbour told its record; `trade` says that an older link
    is to go for this one, `declined` that the neighbour knows it is only for trees.
    A guest stays until `ends_at`; `alone_at` is when the neighbour had no other link.
    """

    __slots__ = (
        *("alone_at", "credit_at", "declined", "ends_at", "entry", "guest"),
        *("idle_since", "keys", "kind", "node", "outbound", "since", "trade"),
    )

    def __init__(self, node: NodeId, kind: Kind, outbound: bool, since: float) -> None:
        self.node = node
        self.kind = kind
        self.outbound = outbound
        self.since = since
        self.entry: Entry | None = None
        self.keys: tuple[bytes | str, ...] = ()
        self.guest = False
        self.ends_at = since
        self.alone_at: float | None = None
        self.declined = False
        self.trade = False
        self.idle_since: float | None = None
        self.credit_at = since

    @property
    def lasting(self) -> bool:
        """Whether this link is part of the overlay's graph."""
        return self.kind is not Kind.TREE and not self.guest

    def __repr__(self) -> str:
        way = "out" if self.outbound else "in"
        guest = " guest" if self.guest else ""
        return f"<Link {self.node.hex()[-8:]} {self.kind.value} {way}{guest}>"


class Links:
    """Every link by neighbour, and how many of each sort there are."""

    __slots__ = ("_config", "_families", "_links", "_tree_families", "guests", "trees")

    def __init__(self, config: OverlayConfig) -> None:
        self._config = config
        self._links: dict[NodeId, Link] = {}
        self._families = Families(config.links_per_prefix, config.links_per_operator)
        per_prefix = config.tree_links_per_prefix
        self._tree_families = Families(per_prefix, config.tree_links)
        self.guests = 0
        self.trees = 0

    def __len__(self) -> int:
        return len(self._links)

    def __contains__(self, node: NodeId) -> bool:
        return node in self._links

    def __iter__(self) -> Iterator[Link]:
        return iter(self._links.values())

    def get(self, node: NodeId) -> Link | None:
        """The link to `node`."""
        return self._links.get(node)

    @property
    def lasting(self) -> int:
        """How many links make up this node's part of the graph."""
        return len(self._links) - self.guests - self.trees

    def refusal(self, keys: tuple[bytes | str, ...], purpose: Purpose) -> str | None:
        """The label of the family quota that one more such link would break."""
        if purpose is Purpose.TREE:
            return self._tree_families.full(keys)
        return self._families.full(keys)

    def add(self, link: Link) -> None:
        """Count a new link."""
        self._links[link.node] = link
        self.trees += link.kind is Kind.TREE
        self.guests += link.guest
        self._of(link).add(link.keys)

    def remove(self, node: NodeId) -> Link | None:
        """Forget a link."""
        link = self._links.pop(node, None)
        if link is not None:
            self.trees -= link.kind is Kind.TREE
            self.guests -= link.guest
            self._of(link).remove(link.keys)
        return link

    def rekey(self, link: Link, keys: tuple[bytes | str, ...]) -> str | None:
        """Count a link under other families; the label if that breaks a quota."""
        families = self._of(link)
        families.remove(link.keys)
        full = families.full(keys)
        link.keys = keys
        families.add(keys)
        return full

    def change(self, link: Link, kind: Kind, guest: bool = False) -> None:
        """Make a link one of another kind."""
        self.remove(link.node)
        link.kind, link.guest, link.idle_since = kind, guest, None
        self.add(link)

    def _of(self, link: Link) -> Families:
        return self._tree_families if link.kind is Kind.TREE else self._families
