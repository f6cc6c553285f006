"""The commit of a move, up the new parent's path (RFC 0011 section 6.2).

Two moves that cross - each under the other's subtree - pass every check of root paths,
because each path is read before the other move.  So every node from the new parent to
the origin promises to keep its own parent for a moment.  Who has a move of its own in
commit refuses, or gives its own up: the lower NodeId goes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from meshproto.distribution import moves
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Tree
from meshproto.ids import NodeId, short_id
from meshproto.wire.control.distribution import PATH_MAX, MoveCommit, MoveVerdict

if TYPE_CHECKING:
    from meshproto.distribution.moves import Move


def locked(tree: Tree, now: float) -> bool:
    """Whether somebody's move counts on our place."""
    return locked_until(tree, now) is not None


def locked_until(tree: Tree, now: float) -> float | None:
    """When the last of these moves lets go of us, None if there is none."""
    for mover in [m for m, until in tree.locks.items() if until <= now]:
        del tree.locks[mover]
    return max(tree.locks.values(), default=None)


def begin(shared: Shared, tree: Tree, move: Move, now: float) -> None:
    """The new edge proved itself: ask its path to stand still."""
    assert move.edge is not None
    if locked(tree, now):
        moves.fail(shared, tree, now, "locked")
        return
    move.stage = moves.Stage.COMMITTING
    move.token = shared.next_serial()
    record = MoveCommit(tree.stream, move.token, shared.me, 0)
    shared.outbox.send(move.edge.node, record)
    shared.set(tree, Alarm.MOVE, now + shared.config.commit_s)


def asked(
    shared: Shared, tree: Tree, node: NodeId, record: MoveCommit, now: float
) -> None:
    """A move wants to pass: lock and hand on, or refuse."""
    child = tree.children.get(node)
    if child is None or not child.carries:
        shared.refuse(node, "tree-edge")
        return
    if not _passable(shared, tree, record, now):
        _answer(shared, tree, node, record, granted=False)
        return
    tree.locks[record.mover] = now + shared.config.commit_s
    if tree.publishing:
        _answer(shared, tree, node, record, granted=True)
        return
    assert tree.parent is not None
    _purge(shared, tree, now)
    until = now + shared.config.commit_s
    tree.commits[record.mover, record.token] = (node, until)
    onward = MoveCommit(tree.stream, record.token, record.mover, record.hops + 1)
    shared.outbox.send(tree.parent.node, onward)


def _passable(shared: Shared, tree: Tree, record: MoveCommit, now: float) -> bool:
    if not (tree.live and tree.attached) or record.hops >= PATH_MAX:
        return False
    if record.mover == shared.me or short_id(record.mover) in tree.root:
        return False
    locked(tree, now)
    if len(tree.locks) >= shared.config.locks_max:
        return False
    own = tree.move
    if own is not None and own.stage is moves.Stage.COMMITTING:
        if shared.me < record.mover:
            return False
        moves.fail(shared, tree, now, "yielded")
    return True


def _answer(
    shared: Shared,
    tree: Tree,
    node: NodeId,
    record: MoveCommit | MoveVerdict,
    *,
    granted: bool,
) -> None:
    path = tree.root if granted else ()
    verdict = MoveVerdict(tree.stream, record.token, record.mover, granted, path)
    shared.outbox.send(node, verdict)


def _purge(shared: Shared, tree: Tree, now: float) -> None:
    if len(tree.commits) >= shared.config.locks_max:
        old = [key for key, (_, until) in tree.commits.items() if until <= now]
        for key in old or [next(iter(tree.commits))]:
            del tree.commits[key]


def verdict(
    shared: Shared, tree: Tree, node: NodeId, record: MoveVerdict, now: float
) -> None:
    """The answer comes down: for us, or for somebody below."""
    if record.mover == shared.me:
        _own_verdict(shared, tree, node, record, now)
        return
    entry = tree.commits.pop((record.mover, record.token), None)
    if entry is None:
        shared.refuse(node, "tree-token")
        return
    below, until = entry
    # why again: a repair may have changed our parent in spite of the lock
    parent = tree.parent
    stable = parent is not None and parent.node == node and tree.live and now < until
    granted = record.granted and stable and short_id(record.mover) not in tree.root
    if not granted:
        tree.locks.pop(record.mover, None)
    if shared.around.linked(below):
        _answer(shared, tree, below, record, granted=granted)


def _own_verdict(
    shared: Shared, tree: Tree, node: NodeId, record: MoveVerdict, now: float
) -> None:
    move = tree.move
    mine = move is not None and (move.stage, move.token) == (
        moves.Stage.COMMITTING,
        record.token,
    )
    if move is None or move.edge is None or move.edge.node != node or not mine:
        shared.refuse(node, "tree-token")
    elif not record.granted:
        moves.fail(shared, tree, now, "refused")
    elif shared.short in record.path or locked(tree, now):
        moves.fail(shared, tree, now, "below")
    else:
        move.edge.path = record.path
        moves.done(shared, tree, now)
