"""The edge upwards: taken, changed, given up (RFC 0011 sections 4.4 and 7).

At most one parent is active at any time: `attach` names the new one to the plane and
takes leave of the old one in the same step.  An orphan keeps its root path, for its
subtree still hangs on it, but accepts nobody until it has a parent again.
"""

from __future__ import annotations

from meshproto.distribution import downstream, interest, place, upstream
from meshproto.distribution.events import Joined, LoopCut, ParentChanged, Repaired
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import ACTIVE, Alarm, Tree, Upper
from meshproto.forwarding.relay_table import SetActive, SetSecond
from meshproto.ids import NodeId
from meshproto.wire.control.distribution import Accept, Leave, Use

_FOUND = frozenset({"repair", "standby", "released"})
"""Parents that were taken because the old one was lost, not because they are good."""

_PLACED = _FOUND | {"join"}

REASONS = {Use.NEW: "join", Use.STARVED: "join", Use.REPAIR: "repair"}


def upper(node: NodeId, use: Use, accept: Accept) -> Upper:
    """The edge that an Accept describes."""
    edge = Upper(node, accept.serial, use)
    edge.alias, edge.base = accept.alias, accept.base
    edge.delay_s, edge.path = accept.delay_s, accept.path
    edge.delays = accept.delays
    return edge


def attach(
    shared: Shared,
    tree: Tree,
    edge: Upper,
    reason: str,
    now: float,
    asked: int = 0,
    heir: NodeId | None = None,
) -> None:
    """`edge` is the parent from now on; `heir` may have the slot at the old one."""
    old, second = tree.parent, tree.second
    if second is not None and second.node == edge.node:
        tree.second = None
        if second is not edge:
            shared.disuse(second.node)
    if second is not edge:
        shared.use(edge.node)
    tree.parent = edge
    if reason in _PLACED:
        tree.placed_at = now
    tree.outside_at, tree.outside_pause_s = now, 0.0
    shared.outbox.put(SetActive(tree.stream, edge.node, edge.alias, edge.base))
    if old is not None:
        farewell(shared, tree, old, heir)
    _announce(shared, tree, old, edge, reason, asked, now)
    alive(shared, tree, now, serve=False)
    place.settle(shared, tree)
    shared.cancel(tree, Alarm.WORSE)
    if reason in _FOUND and place.worse(shared, tree):
        spread = 1 + shared.chance.random() / 2
        shared.set(tree, Alarm.WORSE, now + shared.config.worse_repaired_s * spread)
    else:
        place.accustom(shared, tree)
    downstream.cut_loops(shared, tree, now)
    if edge.use in ACTIVE:
        # the Join said already what stands below
        tree.reported = interest.demand(shared, tree, now)
        tree.reported_at = tree.lease_sent_at = now
    else:
        interest.report(shared, tree, now)
    downstream.serve_queue(shared, tree, now)
    place.tell_offers(shared, tree)
    interest.watch(shared, tree, now)
    shared.hasten(tree, Alarm.SECOND, now + shared.config.standby_after_s)
    plan_turn(shared, tree, now)
    if tree.move is not None:
        # the moves see that their old parent is not the parent any more
        shared.set(tree, Alarm.MOVE, now)


def _announce(
    shared: Shared,
    tree: Tree,
    old: Upper | None,
    edge: Upper,
    reason: str,
    asked: int,
    now: float,
) -> None:
    stream, node = tree.stream, edge.node
    former = None if old is None else old.node
    shared.outbox.put(ParentChanged(stream, former, node, reason))
    if tree.lost_at is not None:
        gap_s = now - tree.lost_at
        shared.outbox.put(Repaired(stream, node, gap_s, asked))
    elif reason == "join" and tree.began_at is not None:
        delay_s = edge.delay_s + shared.hop_s(node)
        took_s = now - tree.began_at
        asked_s = took_s if tree.asked_at is None else now - tree.asked_at
        shared.outbox.put(Joined(stream, node, delay_s, took_s, asked_s, asked))
    tree.began_at = tree.asked_at = None


def alive(shared: Shared, tree: Tree, now: float, *, serve: bool = True) -> None:
    """Media is here: nothing is waited for, who waits is served."""
    tree.live = True
    tree.quiet = False
    tree.lost_at = None
    shared.cancel(tree, Alarm.HOLD)
    shared.cancel(tree, Alarm.PACKET)
    shared.cancel(tree, Alarm.LINGER)
    if tree.search is not None:
        upstream.stop(shared, tree, tree.search)
    if serve:
        downstream.serve_queue(shared, tree, now)
        place.tell_offers(shared, tree)


def plan_turn(shared: Shared, tree: Tree, now: float) -> None:
    """The next maintenance, once a minute with jitter (RFC 0011 section 6)."""
    if not shared.waits(tree, Alarm.TURN):
        config = shared.config
        spread = config.turn_spread * (2 * shared.chance.random() - 1)
        shared.set(tree, Alarm.TURN, now + config.turn_s * (1 + spread))


def farewell(
    shared: Shared, tree: Tree, edge: Upper, heir: NodeId | None = None
) -> None:
    """End an edge that was ours, and say so if it can be heard."""
    shared.disuse(edge.node)
    if shared.around.linked(edge.node):
        shared.outbox.send(edge.node, Leave(tree.stream, edge.serial, heir))


def detach(shared: Shared, tree: Tree, reason: str, now: float) -> None:
    """No parent any more."""
    old = tree.parent
    if old is None:
        return
    tree.parent = None
    tree.asked_at = None
    tree.live = False
    if tree.lost_at is None and tree.wanted:
        tree.lost_at = now
    shared.outbox.put(SetActive(tree.stream, None))
    shared.outbox.put(ParentChanged(tree.stream, old.node, None, reason))
    farewell(shared, tree, old)
    for alarm in (Alarm.HOLD, Alarm.PACKET, Alarm.REPORT, Alarm.WORSE):
        shared.cancel(tree, alarm)
    if tree.move is not None:
        shared.set(tree, Alarm.MOVE, now)
    place.tell_offers(shared, tree)


def release_second(shared: Shared, tree: Tree) -> None:
    """No second parent any more."""
    edge = tree.second
    if edge is None:
        return
    tree.second = None
    farewell(shared, tree, edge)
    if tree.move is None or tree.move.edge is None:
        shared.outbox.put(SetSecond(tree.stream, None))


def looped(shared: Shared, tree: Tree, node: NodeId) -> None:
    """A path from `node` runs through this node."""
    shared.outbox.put(LoopCut(tree.stream, node))
