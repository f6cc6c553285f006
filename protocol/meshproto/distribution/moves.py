"""The move to a better parent: make before break (RFC 0011 section 6.1).

The new edge counts only when it brought a packet that was not here before, for an echo
of our own subtree can bring everything else; then the commit (module `commit`) makes
sure that no other move crosses it.  Only then the old parent is left.
"""

from __future__ import annotations

from enum import Enum

from meshproto.distribution import (
    above,
    capacity,
    commit,
    standby,
    trees,
    upstream,
)
from meshproto.distribution.candidates import Candidate
from meshproto.distribution.events import Moved, MoveFailed, Swapped
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Tree, Upper
from meshproto.distribution.upstream import Search
from meshproto.forwarding.relay_table import FirstNew, NothingNew, Second, SetSecond
from meshproto.ids import NodeId
from meshproto.wire.control.distribution import Leave, Pause, Place, Resume, Use

ASIDE = "aside"
"""A move past a parent that is in the tree for us alone (RFC 0011 section 6.5)."""


class Stage(Enum):
    """How far a move is."""

    SEEKING = "seeking"
    PROVING = "proving"
    PAUSED = "paused"
    COMMITTING = "committing"


class Move:
    """One move: from `old` to `edge`; `forced` when the old parent asked for it."""

    __slots__ = (
        "edge",
        "forced",
        "gain_s",
        "heir",
        "mark",
        "old",
        "search",
        "stage",
        "token",
    )

    def __init__(self, old: Upper, search: Search, gain_s: float, forced: str) -> None:
        self.old = old
        self.search: Search | None = search
        self.gain_s = gain_s
        self.forced = forced
        self.edge: Upper | None = None
        self.stage = Stage.SEEKING
        self.token = 0
        self.heir: NodeId | None = None
        self.mark = (0.0, 0)


def may_move(shared: Shared, tree: Tree, now: float, *, urgent: bool = False) -> bool:
    """Whether this node may change its parent by choice now; `urgent` is a path that
    got much worse, for which nobody rests or waits for whom it agreed to swap with.
    """
    rested = urgent or now - tree.moved_at >= shared.config.move_pause_s
    free = tree.move is None and tree.search is None
    free = free and (urgent or tree.deal is None)
    placed = tree.parent is not None and tree.live and not tree.publishing
    return rested and free and placed and not commit.locked(tree, now)


def enough(shared: Shared, tree: Tree, gain_s: float) -> bool:
    """Whether a gain is worth a move: 5 % and 3 ms."""
    config = shared.config
    return gain_s > max(config.gain_share * tree.delay_s, config.gain_s)


def tempting(
    shared: Shared, tree: Tree, gain_s: float, now: float, urgent: bool
) -> bool:
    """Whether a gain is worth a move to who has its place for so long: a free slot goes
    from hand to hand until nobody wins enough by it, and what is left for who looked
    around in ten turns is seldom worth that.
    """
    config = shared.config
    times = min(1 + (now - tree.placed_at) / config.cool_s, config.cool_max)
    if urgent or times <= 1:
        return enough(shared, tree, gain_s)
    # why the nodes below: all of them win
    nodes = capacity.below(shared, tree)[0]
    return enough(shared, tree, gain_s * min(1.0, nodes / times))


def _welcome(shared: Shared, tree: Tree, move: Move, gain_s: float) -> bool:
    """Whether the place is worth it: a copy less may cost what calls no turn."""
    config = shared.config
    if move.forced == ASIDE:
        return -gain_s <= max(config.worse_s, config.worse_share * tree.delay_s)
    return bool(move.forced) or enough(shared, tree, gain_s)


def begin(
    shared: Shared,
    tree: Tree,
    found: list[Candidate],
    gain_s: float,
    forced: str,
    now: float,
) -> None:
    """Move to the first of `found` that takes us."""
    parent = tree.parent
    if parent is None or tree.move is not None:
        return
    search = Search(Use.MOVE, found)
    if forced in {"", ASIDE}:
        search.place = Place(
            parent.node,
            parent.delay_s,
            gain_s,
            tree.root,
            shared.around.peer(parent.node),
        )
    tree.move = Move(parent, search, gain_s, forced)
    shared.set(tree, Alarm.MOVE, now + shared.config.move_s)
    upstream.advance(shared, tree, search, now)


def follows(tree: Tree, search: Search) -> bool:
    """Whether a search goes where it is redirected: not for a small gain."""
    if search.use is not Use.MOVE:
        return True
    return tree.move is not None and tree.move.forced not in {"", ASIDE}


def accepted(
    shared: Shared,
    tree: Tree,
    search: Search,
    edge: Upper,
    heir: NodeId | None,
    now: float,
) -> None:
    """A better parent takes us: let packets come over both."""
    move = tree.move
    assert move is not None
    gain_s = tree.delay_s - edge.delay_s - shared.hop_s(edge.node)
    if tree.parent is not move.old or not _welcome(shared, tree, move, gain_s):
        shared.outbox.send(edge.node, Leave(tree.stream, edge.serial))
        upstream.refused(shared, tree, search, edge.node, now)
        return
    upstream.found(shared, tree, search, edge.node)
    shared.use(edge.node)
    move.edge, move.gain_s, move.heir = edge, gain_s, heir
    move.stage = Stage.PROVING
    held = shared.around.history(tree.stream)
    move.mark = (now, 0 if held is None else held[1])
    second = tree.second
    if second is not None and second.node == edge.node:
        # its standby edge was replaced by this one
        tree.second = None
        shared.disuse(edge.node)
    shared.outbox.put(
        SetSecond(tree.stream, edge.node, Second.JOINING, edge.alias, edge.base)
    )
    shared.set(tree, Alarm.MOVE, now + shared.config.move_prove_s)


def first_new(shared: Shared, tree: Tree, notice: FirstNew, now: float) -> None:
    """The new edge brought something that the old one had not: it is no echo."""
    move = tree.move
    if move is None or move.edge is None or move.edge.node != notice.parent:
        return
    if move.stage in {Stage.PROVING, Stage.PAUSED}:
        commit.begin(shared, tree, move, now)


def nothing_new(shared: Shared, tree: Tree, notice: NothingNew, now: float) -> None:
    """The old edge is faster: let it stop, so that the new one can prove itself."""
    move = tree.move
    if move is None or move.edge is None or move.edge.node != notice.parent:
        return
    if move.stage is not Stage.PROVING:
        return
    move.stage = Stage.PAUSED
    config, old = shared.config, move.old
    after = notice.newest + max(notice.lead, config.pause_lead)
    shared.outbox.send(old.node, Pause(tree.stream, old.serial, after))
    wait_s = config.pause_s + shared.rtt_s(old.node) + shared.rtt_s(move.edge.node)
    # the packets up to `after` must come and go first, over the edge that lags
    since, first = move.mark
    every_s = (now - since) / max(notice.newest - first, 1)
    left = after - notice.newest + notice.lead + 1
    wait_s += min(left * every_s, config.pause_max_s)
    shared.set(tree, Alarm.MOVE, now + wait_s)


def move_due(shared: Shared, tree: Tree, now: float) -> None:
    """The move took too long, or its ground is gone."""
    move = tree.move
    if move is None:
        return
    if tree.parent is None and move.edge is not None:
        # the old parent fell during the move: the new one is at hand
        edge = move.edge
        tree.move = None
        shared.disuse(edge.node)
        above.attach(shared, tree, edge, "repair", now)
        return
    labels = {
        Stage.SEEKING: "nobody",
        Stage.PROVING: "nothing-new",
        Stage.PAUSED: "nothing-new",
        Stage.COMMITTING: "no-verdict",
    }
    gone = tree.parent is not move.old
    fail(shared, tree, now, "parent-changed" if gone else labels[move.stage])


def fail(shared: Shared, tree: Tree, now: float, reason: str) -> None:
    """Stay with the old parent."""
    move = tree.move
    if move is None:
        return
    target = tree.origin if move.edge is None else move.edge.node
    if tree.parent is move.old and paused(tree):
        held = shared.around.history(tree.stream)
        after = 0 if held is None else held[1]
        resume = Resume(tree.stream, move.old.serial, after)
        if shared.around.linked(move.old.node):
            shared.outbox.send(move.old.node, resume)
    trees.abandon_move(shared, tree)
    shared.cancel(tree, Alarm.MOVE)
    if move.edge is not None:
        standby.show(shared, tree)
    shared.outbox.put(MoveFailed(tree.stream, target, reason))
    above.plan_turn(shared, tree, now)


def done(shared: Shared, tree: Tree, now: float) -> None:
    """The commit was granted: flip."""
    move = tree.move
    assert move is not None
    assert move.edge is not None
    edge, old = move.edge, move.old
    tree.move = None
    tree.moved_at = now
    shared.cancel(tree, Alarm.MOVE)
    above.attach(shared, tree, edge, move.forced or "move", now, 0, move.heir)
    # why: attach counted the edge once more
    shared.disuse(edge.node)
    if tree.second is not None:
        standby.show(shared, tree)
        standby.recheck(shared, tree, now)
    if move.forced == ASIDE:
        # why: it is gone in a moment, or would step aside again
        until = now + shared.config.declined_s
        tree.decline(old.node, until, shared.config.known_max)
    if move.forced == "swap":
        shared.outbox.put(Swapped(tree.stream, old.node, edge.node))
    else:
        shared.outbox.put(Moved(tree.stream, old.node, edge.node, move.gain_s))


def paused(tree: Tree) -> bool:
    """Whether the old parent is silent because we asked it to be."""
    move = tree.move
    return move is not None and move.stage in {Stage.PAUSED, Stage.COMMITTING}


def edge(tree: Tree) -> Upper | None:
    """The edge that a move is about."""
    return None if tree.move is None else tree.move.edge


def repathed(shared: Shared, tree: Tree, node: NodeId, now: float) -> None:
    """The path of the node we move to changed: not below ourselves."""
    target = edge(tree)
    if target is not None and target.node == node and shared.short in target.path:
        fail(shared, tree, now, "below")


def unlinked(shared: Shared, tree: Tree, node: NodeId, now: float) -> None:
    """The link to the new parent is gone."""
    target = edge(tree)
    if target is not None and target.node == node:
        fail(shared, tree, now, "link")
