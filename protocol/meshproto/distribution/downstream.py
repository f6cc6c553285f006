"""Children: who is let in, who is sent where, who goes (RFC 0011 sections 4.3 and 5).

Only a node with live media accepts, and never a node in its root path.  Without a free
slot the joiner is sent to children with room; without media it is queued and served as
soon as media returns, for the subtree above may be joining or healing at this moment.
"""

from __future__ import annotations

from dataclasses import replace

from meshproto.distribution import candidates, capacity, interest, messages, place
from meshproto.distribution.events import (
    ChildAdded,
    ChildRemoved,
    JoinRefused,
    LoopCut,
    Redirected,
)
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Child, Tree
from meshproto.forwarding.relay_table import CloseLeg, OpenLeg, SetLeg
from meshproto.ids import NodeId, short_id
from meshproto.wire.control.distribution import (
    KIN_MAX,
    PATH_MAX,
    Accept,
    Drop,
    Join,
    Query,
    Redirect,
    Refuse,
    Release,
    Stalled,
    Target,
    Tell,
    Use,
    Why,
)

_OPTIONAL = {Use.STANDBY, Use.DUAL, Use.MOVE}


def answer(shared: Shared, tree: Tree, joiner: NodeId, join: Join, now: float) -> None:
    """Accept, redirect, refuse or queue `joiner`."""
    old = tree.children.get(joiner)
    if old is not None and old.serial != join.serial and not _keeps(old, join):
        # why first: the old edge must not cost the slot that the new one needs
        remove(shared, tree, joiner, "replaced", now)
    tree.queue.pop(joiner, None)
    why = objection(shared, tree, joiner, join)
    if why is not None:
        refuse(shared, tree, joiner, join.serial, why)
    elif not tree.live or not tree.attached:
        _queue(shared, tree, joiner, join, now)
    else:
        _admit(shared, tree, joiner, join, now)


def _keeps(old: Child, join: Join) -> bool:
    """Whether an edge stays until the new one stands: a move that is declined must not
    cost the mover its second parent, which it would not even hear of.
    """
    return old.use is Use.STANDBY and join.use is Use.MOVE


def objection(shared: Shared, tree: Tree, joiner: NodeId, join: Join) -> Why | None:
    """Why `joiner` must not become a child, whatever the slots."""
    if join.origin != tree.origin:
        return Why.ORIGIN
    if shared.leaving:
        return Why.LEAVING
    parent = tree.parent
    if tree.attached and short_id(joiner) in tree.root:
        return Why.BELOW
    if parent is not None and parent.node == joiner:
        return Why.BELOW
    if len(tree.root) >= PATH_MAX:
        return Why.DEPTH
    inside = tree.live and tree.attached
    if join.use is Use.STANDBY and not (inside or tree.joining):
        return Why.NO_MEDIA
    if join.demand.lease_s >= shared.config.lease_life_s:
        return Why.LEASE
    return None


def refuse(
    shared: Shared, tree: Tree, joiner: NodeId, serial: int, reason: Why
) -> None:
    """Say no."""
    shared.outbox.send(joiner, Refuse(tree.stream, serial, reason))
    shared.outbox.put(JoinRefused(tree.stream, joiner, reason))


def _queue(shared: Shared, tree: Tree, joiner: NodeId, join: Join, now: float) -> None:
    if join.use is Use.MOVE or (join.use in _OPTIONAL and not tree.joining):
        refuse(shared, tree, joiner, join.serial, Why.NO_MEDIA)
    elif len(tree.queue) >= shared.config.queue_max:
        refuse(shared, tree, joiner, join.serial, Why.BUSY)
    else:
        tree.queue[joiner] = (join, now)
        shared.outbox.send(joiner, Stalled(tree.stream, join.serial))
        interest.watch(shared, tree, now)


def serve_queue(shared: Shared, tree: Tree, now: float) -> None:
    """Media is here (again): everybody who waited is answered now."""
    while tree.queue and tree.live:
        joiner = next(iter(tree.queue))
        join, heard_at = tree.queue.pop(joiner)
        if shared.around.linked(joiner):
            answer(shared, tree, joiner, aged(join, now - heard_at), now)
    if not tree.wanted:
        shared.hasten(tree, Alarm.COLLECT, now + shared.config.collect_s)


def aged(join: Join, by_s: float) -> Join:
    """The Join with a lease that waited, too."""
    lease_s = join.demand.lease_s + by_s
    return replace(join, demand=replace(join.demand, lease_s=lease_s))


def _admit(shared: Shared, tree: Tree, joiner: NodeId, join: Join, now: float) -> None:
    if join.use is Use.STANDBY:
        if capacity.standby_allowed(shared, tree):
            accept(shared, tree, joiner, join, now)
        else:
            targets = candidates.standing(shared, tree, joiner)
            _send_to(shared, tree, joiner, join, targets)
    elif _slot_of(shared, tree, joiner, join) and _in_pace(shared, now):
        accept(shared, tree, joiner, join, now)
    elif not _displace(shared, tree, joiner, join, now):
        redirect(shared, tree, joiner, join, now)


def _displace(
    shared: Shared, tree: Tree, joiner: NodeId, join: Join, now: float
) -> bool:
    """Let a starved joiner that brings a slot take the place of a leaf that brings
    none; the leaf moves below it.  Otherwise leaves could fill the tree while all
    free slots are outside (RFC 0011 section 5.4).
    """
    starved = join.use is Use.STARVED and join.demand.room > 0
    if not starved or capacity.over(shared, tree):
        return False
    for child in tree.children.values():
        if child.active and child.subtree == 1 and not child.spare:
            place_there = Target(joiner, tree.delay_s, join.demand.room)
            targets = candidates.with_peers(shared, [place_there])
            accept(shared, tree, joiner, join, now)
            release = Release(tree.stream, child.serial, targets)
            shared.outbox.send(child.node, release)
            return True
    return False


def _slot_of(shared: Shared, tree: Tree, joiner: NodeId, join: Join) -> bool:
    """Whether there is a slot, or will be when a relay has stepped aside: for a moment
    there is one child more then, as in a swap (RFC 0011 section 6.5).
    """
    if _slot_for(shared, tree, joiner, join.use):
        return True
    relay = None if join.place is None else tree.children.get(join.place.parent)
    if relay is None or join.use is not Use.MOVE or capacity.over(shared, tree):
        return False
    return relay.active and relay.viewers <= join.demand.viewers


def _slot_for(shared: Shared, tree: Tree, joiner: NodeId, use: Use) -> bool:
    if tree.heirs.pop(joiner, None) is not None:
        return True
    free = capacity.slots(shared, tree)
    if use is Use.REPAIR:
        return bool(free.burst)
    reserve = use is Use.DUAL or use is Use.STARVED
    return bool(free.orphan if reserve else free.ordinary)


def _in_pace(shared: Shared, now: float) -> bool:
    """At most so many new edges a second (RFC 0011 section 5.3)."""
    since, count = shared.accepts
    if now - since >= 1.0:
        since, count = now, 0
    if count >= shared.config.accepts_per_s:
        return False
    shared.accepts = (since, count + 1)
    return True


def accept(shared: Shared, tree: Tree, joiner: NodeId, join: Join, now: float) -> None:
    """Open the leg and say so."""
    if joiner in tree.children:
        remove(shared, tree, joiner, "replaced", now)
    child = Child(join, joiner, shared.next_alias(), now)
    child.layers = 1 if join.use is Use.DUAL else join.demand.layers
    tree.children[joiner] = child
    # why: whoever asks now wants one that feeds nobody
    tree.fed = tree.fed and any(c.carries for c in tree.children.values())
    shared.use(joiner)
    capacity.charge(shared, tree, child)
    start, base = _start(shared, tree, join.after)
    standby = join.use is Use.STANDBY
    # why first: packets of an unknown alias would be dropped at the other end
    shared.outbox.send(joiner, acceptance(tree, child, base))
    shared.outbox.put(
        OpenLeg(tree.stream, joiner, child.alias, child.layers, start, standby)
    )
    shared.outbox.put(ChildAdded(tree.stream, joiner, join.use.name.lower()))
    if join.use is Use.REPAIR:
        messages.catch_up(shared, tree, child, now)
    grown(shared, tree, now)


def _start(shared: Shared, tree: Tree, after: int | None) -> tuple[int | None, int]:
    """Where the leg begins, for the plane and for the child (section 8.2)."""
    held = shared.around.history(tree.stream)
    if after is not None:
        return after + 1, after + 1
    return None, 0 if held is None else held[0]


def acceptance(tree: Tree, child: Child, base: int) -> Accept:
    """The Accept for an edge."""
    promise = tree.promise
    swaps = promise is not None and promise.mover == child.node
    return Accept(
        tree.stream,
        child.serial,
        child.alias,
        base,
        tree.delay_s,
        tree.root,
        tree.root_delays,
        tree.rates_bps,
        promise.child if swaps and promise is not None else None,
    )


def redirect(
    shared: Shared, tree: Tree, joiner: NodeId, join: Join, now: float
) -> None:
    """Send the joiner where there is room; refuse if that is nowhere."""
    del now
    _send_to(
        shared, tree, joiner, join, candidates.elsewhere(shared, tree, joiner, join.use)
    )


def _send_to(
    shared: Shared,
    tree: Tree,
    joiner: NodeId,
    join: Join,
    targets: tuple[Target, ...],
) -> None:
    if not targets:
        refuse(shared, tree, joiner, join.serial, Why.FULL)
        return
    shared.outbox.send(joiner, Redirect(tree.stream, join.serial, targets))
    nodes = tuple(target.node for target in targets)
    shared.outbox.put(Redirected(tree.stream, joiner, nodes))


def grown(shared: Shared, tree: Tree, now: float) -> None:
    """The children changed: burst, offers, report and leases follow."""
    if capacity.over(shared, tree) and not shared.waits(tree, Alarm.BURST):
        shared.set(tree, Alarm.BURST, now + shared.config.burst_s)
    interest.changed(shared, tree, now)
    interest.watch(shared, tree, now)
    reckon(shared, tree, now)


def reckon(shared: Shared, tree: Tree, now: float) -> None:
    """Who feeds somebody needs a second parent, who feeds nobody holds none: two nodes
    that only stand by for each other would not let go (RFC 0011 section 6.4).  Who is
    here for few children alone steps aside after a while (section 6.5).  Who is here
    for no viewer makes no offer (section 5.1).
    """
    place.tell_offers(shared, tree)
    few = 0 < len(tree.guests) <= shared.config.aside_children_max
    if few and not shared.waits(tree, Alarm.ASIDE):
        tree.aside_s = shared.config.aside_s
        shared.set(tree, Alarm.ASIDE, now + tree.aside_s)
    if tree.parent is None or tree.needed == (tree.second is not None):
        return
    if not shared.waits(tree, Alarm.SECOND):
        shared.set(tree, Alarm.SECOND, now + shared.config.standby_after_s)


def promote(shared: Shared, tree: Tree, child: Child, now: float) -> None:
    """A standby or moving edge is an active one now."""
    child.use = Use.REPAIR if child.use is Use.STANDBY else Use.NEW
    child.lease_at = max(child.lease_at, now - shared.config.lease_life_s / 2)
    capacity.charge(shared, tree, child)
    messages.catch_up(shared, tree, child, now)
    grown(shared, tree, now)


def set_layers(
    shared: Shared,
    tree: Tree,
    child: Child,
    layers: int,
    pause_after: int | None = None,
) -> None:
    """Change what a child gets."""
    child.layers = layers
    capacity.charge(shared, tree, child)
    shared.outbox.put(SetLeg(tree.stream, child.node, layers, pause_after))


def remove(
    shared: Shared, tree: Tree, node: NodeId, reason: str, now: float
) -> Child | None:
    """End the edge to a child, without telling it."""
    child = tree.children.pop(node, None)
    if child is None:
        return None
    capacity.discharge(shared, child)
    shared.disuse(node)
    shared.outbox.put(CloseLeg(tree.stream, node))
    shared.outbox.put(ChildRemoved(tree.stream, node, reason))
    if not capacity.over(shared, tree):
        if any(other.layers != other.wanted for other in tree.children.values()):
            shared.hasten(tree, Alarm.BURST, now + shared.config.shed_repeat_s)
        else:
            shared.cancel(tree, Alarm.BURST)
    tree.fed = tree.fed or child.carries
    grown(shared, tree, now)
    if not tree.wanted or tree.left_over:
        shared.hasten(tree, Alarm.COLLECT, now + shared.config.collect_s)
    return child


def drop(
    shared: Shared,
    tree: Tree,
    node: NodeId,
    why: Why,
    now: float,
    targets: tuple[Target, ...] = (),
) -> None:
    """End the edge to a child and tell it."""
    child = remove(shared, tree, node, why.name.lower(), now)
    if child is not None and shared.around.linked(node):
        shared.outbox.send(node, Drop(tree.stream, child.serial, why, targets))


def drop_all(shared: Shared, tree: Tree, why: Why, now: float) -> None:
    """End all edges downwards, and answer who waits."""
    for node in list(tree.children):
        drop(shared, tree, node, why, now)
    for node, (join, _) in list(tree.queue.items()):
        if shared.around.linked(node):
            refuse(shared, tree, node, join.serial, why)
    tree.queue.clear()


def cut_loops(shared: Shared, tree: Tree, now: float) -> None:
    """No child may be in the root path (it changed just now)."""
    for node, child in list(tree.children.items()):
        if short_id(node) in tree.root:
            if child.carries:
                # why not of others: whom we stood by for may feed us now
                shared.outbox.put(LoopCut(tree.stream, node))
            drop(shared, tree, node, Why.LOOP, now)


def tell(shared: Shared, tree: Tree, asker: NodeId, query: Query) -> None:
    """Answer where this node stands."""
    inside = tree.attached and tree.live
    free = capacity.slots(shared, tree).ordinary if inside else 0
    kin = tuple(
        Target(c.node, tree.delay_s + shared.hop_s(c.node), c.room)
        for c in tree.children.values()
        if c.active and c.subtree > 1
    )[:KIN_MAX]
    if asker in tree.children and inside and tree.parent is not None:
        # why with its record: it is the child's second parent where nobody else is
        above = Target(tree.parent.node, tree.parent.delay_s, 0)
        kin = (*candidates.with_peers(shared, [above]), *kin[: KIN_MAX - 1])
    shared.outbox.send(
        asker,
        Tell(
            tree.stream,
            query.token,
            tree.delay_s,
            min(free, 255),
            tree.root if inside else (),
            tree.root_delays if inside else (),
            kin,
        ),
    )
