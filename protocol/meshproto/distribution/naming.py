"""The nodes of the root path by their whole names (RFC 0011 section 4.5).

A root path has short ids, for every change of it goes to a whole subtree.  People who
look at a stream's way want the names by which the nodes are known elsewhere.  Nobody is
told them unasked: the question climbs to the first who knows, or to the origin, and the
answer is remembered on its way down for as long as the path is the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshproto.distribution.events import PathNamed
from meshproto.ids import NodeId, short_id
from meshproto.wire.control.distribution import Names, WhoAbove

if TYPE_CHECKING:
    from meshproto.distribution.shared import Shared
    from meshproto.distribution.tree import Tree


class Naming:
    """The names above this node, and the children that asked for them."""

    __slots__ = ("asked_at", "names", "waiting")

    def __init__(self) -> None:
        self.names: tuple[NodeId, ...] = ()
        self.asked_at: float | None = None
        self.waiting: dict[NodeId, None] = {}


def known(tree: Tree) -> tuple[NodeId, ...]:
    """The nodes from the origin to the parent, empty while their names are unknown."""
    parent = tree.parent
    if parent is None or tree.publishing:
        return ()
    if len(parent.path) == 1:
        return (parent.node,)
    return tree.naming.names if _fits(tree, tree.naming.names) else ()


def ask(shared: Shared, tree: Tree, now: float) -> None:
    """Ask the parent who is above, unless that is known or was asked just now."""
    naming, parent = tree.naming, tree.parent
    if tree.publishing or parent is None or known(tree):
        return
    asked_at = naming.asked_at
    if asked_at is None or now - asked_at >= shared.config.names_pause_s:
        naming.asked_at = now
        shared.outbox.send(parent.node, WhoAbove(tree.stream))


def asked(shared: Shared, tree: Tree, node: NodeId, now: float) -> None:
    """A child wants to know; who cannot tell yet asks above."""
    if node not in tree.children:
        shared.refuse(node, "tree-edge")
    elif tree.publishing or known(tree):
        _tell(shared, tree, node)
    else:
        tree.naming.waiting[node] = None
        _forget_strangers(tree)
        ask(shared, tree, now)


def told(shared: Shared, tree: Tree, node: NodeId, record: Names) -> None:
    """The parent tells; a path that changed meanwhile has other names."""
    naming, parent = tree.naming, tree.parent
    if parent is None or parent.node != node or naming.asked_at is None:
        shared.refuse(node, "tree-names")
        return
    naming.asked_at = None
    if not _fits(tree, record.nodes):
        shared.refuse(node, "tree-names")
        return
    naming.names = record.nodes
    shared.outbox.put(PathNamed(tree.stream))
    _forget_strangers(tree)
    for child in naming.waiting:
        _tell(shared, tree, child)
    naming.waiting.clear()


def _fits(tree: Tree, names: tuple[NodeId, ...]) -> bool:
    """Whether these are the nodes of the parent's path, the parent at the end."""
    parent = tree.parent
    return (
        parent is not None
        and bool(names)
        and names[-1] == parent.node
        and tuple(map(short_id, names)) == parent.path
    )


def _tell(shared: Shared, tree: Tree, child: NodeId) -> None:
    shared.outbox.send(child, Names(tree.stream, (*known(tree), shared.me)))


def _forget_strangers(tree: Tree) -> None:
    """Children that went are not answered any more."""
    for node in [n for n in tree.naming.waiting if n not in tree.children]:
        del tree.naming.waiting[node]
