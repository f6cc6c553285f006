"""When more is sent than slots allow (RFC 0011 section 5.2).

A burst for orphans lasts five seconds.  Then higher layers go first, those of the
smallest subtrees before others; who is still too many is asked to move, with targets,
and is served until it does.  A node that leaves asks all its children in the same way.
"""

from __future__ import annotations

from meshproto.distribution import above, candidates, capacity, downstream, moves, trees
from meshproto.distribution.candidates import Candidate
from meshproto.distribution.events import LayersShed
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Child, Tree
from meshproto.ids import NodeId
from meshproto.wire.control.distribution import TARGETS_MAX, Release, Target, Use, Why


def burst_over(shared: Shared, tree: Tree, now: float) -> None:
    """The burst must end; or layers may come back."""
    if capacity.over(shared, tree):
        _shed(shared, tree)
        if capacity.over(shared, tree):
            _ask_smallest(shared, tree)
    else:
        for child in tree.children.values():
            regrant(shared, tree, child)
    if capacity.over(shared, tree) or _missing(tree):
        shared.set(tree, Alarm.BURST, now + shared.config.shed_repeat_s)


def _missing(tree: Tree) -> bool:
    return any(
        child.full and child.layers != child.wanted for child in tree.children.values()
    )


def _smallest(tree: Tree) -> list[Child]:
    fed = [child for child in tree.children.values() if child.full]
    return sorted(fed, key=lambda child: (child.subtree, -child.since))


def _shed(shared: Shared, tree: Tree) -> None:
    """Take the highest layer of small subtrees away until it fits."""
    for child in _smallest(tree):
        while capacity.over(shared, tree) and child.layers & (child.layers - 1):
            top = 1 << (child.layers.bit_length() - 1)
            downstream.set_layers(shared, tree, child, child.layers ^ top)
            shared.outbox.put(LayersShed(tree.stream, child.node, child.layers))


def _ask_smallest(shared: Shared, tree: Tree) -> None:
    fed = _smallest(tree)
    # why those asked least: whoever found no place will hardly find one two seconds on
    fed.sort(key=lambda child: child.released)
    excess = len(fed) - capacity.slots(shared, tree).total
    for child in fed[: max(excess, 1)]:
        child.released += 1
        targets = candidates.elsewhere(shared, tree, child.node, Use.REPAIR)
        release = Release(tree.stream, child.serial, targets)
        shared.outbox.send(child.node, release)


def regrant(shared: Shared, tree: Tree, child: Child) -> None:
    """Give the child what it wants, as far as the budget goes."""
    if child.use is Use.STANDBY or child.use is Use.DUAL:
        return
    if child.layers == child.wanted or not child.wanted:
        return
    cost = capacity.cost_bps(shared, tree, child.wanted) - child.cost_bps
    if cost <= 0 or shared.used_bps + cost <= capacity.budget_bps(shared):
        downstream.set_layers(shared, tree, child, child.wanted)
        return
    kept = child.layers & child.wanted or child.wanted & -child.wanted
    if kept != child.layers:
        downstream.set_layers(shared, tree, child, kept)


def step_aside(shared: Shared, tree: Tree, now: float) -> None:
    """Without viewers, ask one of few children to move to our parent, or below one of
    the others that is a viewer for certain, for it feeds nobody (section 6.5).
    """
    guests, parent, config = tree.guests, tree.parent, shared.config
    if not 0 < len(guests) <= config.aside_children_max:
        return
    if parent is not None and tree.live and tree.move is None:
        child = guests[shared.chance.randrange(len(guests))]
        targets = [Target(parent.node, parent.delay_s, 1)]
        targets += [
            Target(other.node, tree.delay_s + shared.hop_s(other.node), other.room)
            for other in guests
            if other is not child and other.room and other.subtree == 1
        ]
        known = candidates.with_peers(shared, targets[:TARGETS_MAX])
        release = Release(tree.stream, child.serial, known, aside=True)
        shared.outbox.send(child.node, release)
    tree.aside_s = min(2 * tree.aside_s, config.aside_max_s)
    spread = 1 + shared.chance.random() / 2
    shared.set(tree, Alarm.ASIDE, now + tree.aside_s * spread)


def hand_over(shared: Shared, tree: Tree, now: float) -> None:
    """Before going away, ask all children to move, the parent's slot first."""
    above.release_second(shared, tree)
    if not any(child.carries for child in tree.children.values()):
        trees.discard(shared, tree, now, Why.LEAVING)
        return
    for child in list(tree.children.values()):
        if child.carries:
            targets = _places(shared, tree, child.node)
            release = Release(tree.stream, child.serial, targets)
            shared.outbox.send(child.node, release)
    shared.set(tree, Alarm.LEAVE, now + shared.config.leave_s)


def _places(shared: Shared, tree: Tree, child: NodeId) -> tuple[Target, ...]:
    targets = []
    if tree.parent is not None:
        targets.append(Target(tree.parent.node, tree.parent.delay_s, 1))
    for other in tree.children.values():
        if other.active and other.room and other.node != child:
            delay_s = tree.delay_s + shared.hop_s(other.node)
            targets.append(Target(other.node, delay_s, other.room))
    return candidates.with_peers(shared, targets[:TARGETS_MAX])


def released(
    shared: Shared, tree: Tree, node: NodeId, record: Release, now: float
) -> None:
    """The parent asks us to move while it still serves us."""
    parent = tree.parent
    if parent is None or parent.node != node or parent.serial != record.serial:
        shared.refuse(node, "tree-edge")
        return
    found = [Candidate(t.node, node, t.peer) for t in record.targets]
    if record.aside:
        moves.begin(shared, tree, found, 0.0, moves.ASIDE, now)
        return
    found += candidates.by_offer(shared, tree)
    moves.begin(shared, tree, found, 0.0, "released", now)
