"""Leases and reports: what stands below, told upwards (RFC 0011 section 7.1).

A *lease* says that somebody watches.  Only a node with viewers issues one; relays pass
on the youngest they have, with its age: ages only grow, so a ring of relays without a
viewer runs out together, and nothing has to be remembered per leaf.  A relay passes a
lease on when one arrives, never by its own clock; otherwise ages would add up over the
depth of the tree.  The report rides along: layers, viewers, nodes, free slots.  A child
tells its standby the same (Rely): who stands by stays in the tree as long as a leaf
that would need it is there, and no longer.
"""

from __future__ import annotations

from meshproto.distribution import capacity
from meshproto.distribution.events import LeaseExpired
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import ACTIVE, Alarm, Tree
from meshproto.ids import NodeId
from meshproto.wire.control.distribution import Demand, Interest, Rely, Use

_NEVER = -1e9
_AGE_MAX_S = 60.0


def youngest(tree: Tree, now: float) -> float:
    """When the youngest lease at this node was issued, by the local clock."""
    if tree.subscribed:
        return now
    issued = _NEVER
    for child in tree.children.values():
        issued = max(issued, child.lease_at)
    for join, heard_at in tree.queue.values():
        issued = max(issued, heard_at - join.demand.lease_s)
    return issued


def demand(shared: Shared, tree: Tree, now: float) -> Demand:
    """What this node asks of a parent."""
    nodes, room, spare = capacity.below(shared, tree)
    layers, viewers = tree.layers, tree.viewers
    for child in tree.children.values():
        if child.carries:
            layers |= child.wanted if child.use is not Use.DUAL else 1
        if child.active:
            viewers += child.viewers
    for join, _ in tree.queue.values():
        layers |= join.demand.layers
        if join.use in ACTIVE:
            # why: who joins for viewers that wait here must be known to (section 6.4)
            viewers += join.demand.viewers
    if not layers:
        # why only then: a standby that serves others gets more when it is activated
        for child in tree.children.values():
            layers |= child.wanted
    age_s = min(now - youngest(tree, now), _AGE_MAX_S)
    return Demand(
        layers, min(viewers, 1 << 20), min(nodes, 1 << 20), room, spare, age_s
    )


def changed(shared: Shared, tree: Tree, now: float, *, hurry: bool = False) -> None:
    """Something below changed: report it soon if it matters (coalesced)."""
    if tree.parent is None:
        return
    if hurry and _lacks(shared, tree, now):
        # why at once: a viewer waits for it, and each hop above adds its own time
        report(shared, tree, now)
        return
    config = shared.config
    at = now + config.report_s
    if not hurry:
        at = max(at, tree.reported_at + config.report_gap_s)
    shared.hasten(tree, Alarm.REPORT, at)


def report_due(shared: Shared, tree: Tree, now: float) -> None:
    """The collecting time is over: report if the change is worth it."""
    old, new = tree.reported, demand(shared, tree, now)
    if old is None or _matters(shared, old, new):
        report(shared, tree, now, new)


def report(shared: Shared, tree: Tree, now: float, what: Demand | None = None) -> None:
    """Tell the parent now."""
    parent = tree.parent
    if parent is None:
        return
    what = demand(shared, tree, now) if what is None else what
    layers = None if tree.reported is None else tree.reported.layers
    tree.reported = what
    tree.reported_at = tree.lease_sent_at = now
    shared.cancel(tree, Alarm.REPORT)
    shared.outbox.send(parent.node, Interest(tree.stream, parent.serial, what))
    second = tree.second
    if second is None:
        return
    if second.use is Use.DUAL:
        # a dual edge carries packets, so it needs a lease like any other
        shared.outbox.send(second.node, Interest(tree.stream, second.serial, what))
    elif layers != what.layers or now - tree.relied_at >= shared.config.lease_pass_s:
        # why not each time: who stands by wants to know of leases and layers only
        tree.relied_at = now
        shared.outbox.send(second.node, Rely(tree.stream, second.serial, what))


def lease_arrived(shared: Shared, tree: Tree, now: float) -> None:
    """A child renewed: pass it on unless that was done a moment ago."""
    if now - tree.lease_sent_at >= shared.config.lease_pass_s:
        report(shared, tree, now)


def watch(shared: Shared, tree: Tree, now: float) -> None:
    """Plan the next look at leases: renewal for a leaf, expiry for a relay."""
    config = shared.config
    if tree.subscribed and tree.parent is not None:
        at = tree.lease_sent_at + config.lease_s
    elif tree.children or tree.queue:
        at = now + config.lease_life_s
    else:
        return
    oldest = min((c.lease_at for c in tree.children.values()), default=now)
    for join, heard_at in tree.queue.values():
        oldest = min(oldest, heard_at - join.demand.lease_s)
    at = min(at, oldest + config.lease_life_s)
    shared.set(tree, Alarm.LEASE, max(at, now + config.report_s))


def expired(shared: Shared, tree: Tree, now: float) -> list[NodeId]:
    """Children without a lease; the caller ends their edges."""
    limit = now - shared.config.lease_life_s
    gone = [child.node for child in tree.children.values() if child.lease_at <= limit]
    for node in gone:
        shared.outbox.put(LeaseExpired(tree.stream, node))
    for node, (join, heard_at) in list(tree.queue.items()):
        if heard_at - join.demand.lease_s <= limit:
            del tree.queue[node]
    return gone


def _lacks(shared: Shared, tree: Tree, now: float) -> bool:
    """Whether a layer is wanted that the parent has not heard of."""
    old = tree.reported
    return old is not None and bool(demand(shared, tree, now).layers & ~old.layers)


def _matters(shared: Shared, old: Demand, new: Demand) -> bool:
    if old.layers != new.layers:
        return True
    if (not old.room) != (not new.room) or (not old.spare) != (not new.spare):
        return True
    share = shared.config.report_share
    pairs = (
        (old.subtree, new.subtree),
        (old.room, new.room),
        (old.viewers, new.viewers),
    )
    return any(abs(b - a) > share * max(a, 1) for a, b in pairs)
