"""Trees come and go: made by the first wish, collected after the last."""

from __future__ import annotations

from meshproto.distribution import above, downstream, place, upstream
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Tree
from meshproto.events import LimitReached
from meshproto.forwarding.relay_table import CloseStream, OpenStream
from meshproto.ids import NodeId, StreamId
from meshproto.wire.control.distribution import Why


def make(shared: Shared, stream: StreamId, origin: NodeId) -> Tree | None:
    """A new tree; None and an event when there are too many."""
    limit = shared.config.trees_max
    if len(shared.trees) >= limit:
        shared.outbox.put(LimitReached("trees_max", limit))
        return None
    tree = Tree(stream, origin)
    shared.trees[stream] = tree
    shared.index(tree)
    shared.outbox.put(OpenStream(stream, origin == shared.me))
    return tree


def collect(shared: Shared, tree: Tree, now: float) -> None:
    """Discard the tree if nobody here or below wants it."""
    if not tree.wanted and not tree.attached and not tree.children:
        discard(shared, tree, now, Why.LEAVING)
    elif not tree.wanted or tree.left_over:
        # why in spite of standby children: a copy for nobody is dearer than a look
        # for another second parent (RFC 0011 section 6.5)
        stop_caring(shared, tree, now)


def stop_caring(shared: Shared, tree: Tree, now: float) -> None:
    """Nobody wants it: leave the parent, end what is left below, forget."""
    discard(shared, tree, now, Why.LEAVING)


def discard(shared: Shared, tree: Tree, now: float, why: Why) -> None:
    """Forget the tree with all its edges."""
    for search in (tree.search, tree.second_search):
        if search is not None:
            upstream.stop(shared, tree, search)
    if tree.move is not None:
        abandon_move(shared, tree)
    above.release_second(shared, tree)
    tree.subscribed = False
    above.detach(shared, tree, "left", now)
    downstream.drop_all(shared, tree, why, now)
    was_offered = tree.offered is not None and tree.offered[0]
    shared.outbox.put(CloseStream(tree.stream))
    del shared.trees[tree.stream]
    for alarm in Alarm:
        shared.cancel(tree, alarm)
    shared.unindex(tree)
    if was_offered:
        place.push_offers(shared, tree.origin)


def abandon_move(shared: Shared, tree: Tree) -> None:
    """Take leave of a parent that was to be moved to."""
    move = tree.move
    if move is None:
        return
    if move.search is not None:
        upstream.stop(shared, tree, move.search)
    tree.move = None
    if move.edge is not None:
        above.farewell(shared, tree, move.edge)
