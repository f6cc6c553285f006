"""Where this node stands in a tree, and who is told (RFC 0011 section 4.4).

The root path and the delay follow from the parent's.  A new path is told at once, for
refusals depend on it; a new delay only when it moved by a tenth and 5 ms.  A path that
runs through this node, or through a child, shows a loop: the edge is ended.
"""

from __future__ import annotations

from meshproto.distribution import capacity
from meshproto.distribution.changes import OffersToTell
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Tree
from meshproto.ids import NodeId, ShortId
from meshproto.wire.control.distribution import Path
from meshproto.wire.control.offer import OFFERS_MAX, Offer


def moved(shared: Shared, old_s: float, new_s: float) -> bool:
    """Whether a delay changed so much that others should know."""
    step = abs(new_s - old_s)
    config = shared.config
    return step > config.delay_step_s and step > config.delay_share * old_s


def worse(shared: Shared, tree: Tree) -> bool:
    """Whether the way from the origin is much longer than it was (section 6)."""
    return tree.delay_s - tree.settled_delay_s > _much_s(shared, tree)


def _much_s(shared: Shared, tree: Tree) -> float:
    config = shared.config
    return max(config.worse_s, config.worse_share * tree.settled_delay_s)


def worse_above(shared: Shared, tree: Tree) -> bool:
    """Whether that is because of what is above the parent, and not of our link, which
    is neither half of it nor so much worse by itself.
    """
    if tree.parent is None:
        return False
    hop_s = shared.hop_s(tree.parent.node) - tree.settled_hop_s
    half_s = (tree.delay_s - tree.settled_delay_s) / 2
    return hop_s < half_s and hop_s <= _much_s(shared, tree)


def accustom(shared: Shared, tree: Tree) -> None:
    """The way as it is now is what the next is compared with."""
    tree.settled_delay_s = tree.delay_s
    if tree.parent is not None:
        tree.settled_hop_s = shared.hop_s(tree.parent.node)


def settle(shared: Shared, tree: Tree) -> bool:
    """Take the place below the parent; whether others were told of a change."""
    parent = tree.parent
    root: tuple[ShortId, ...] = (shared.short,)
    above: tuple[float, ...] = ()
    delay_s = 0.0
    if tree.publishing:
        pass
    elif parent is not None:
        root = (*parent.path, shared.short)
        above = parent.delays
        delay_s = parent.delay_s + shared.hop_s(parent.node)
    else:
        # why: orphans keep their last path, which their subtree still hangs on
        return False
    delays = (*above, delay_s)
    changed = root != tree.root
    tree.root, tree.root_delays, tree.delay_s = root, delays, delay_s
    if not changed and not moved(shared, tree.told_delay_s, delay_s):
        return False
    tree.told_delay_s = delay_s
    tell_path(shared, tree)
    tell_offers(shared, tree)
    return True


def tell_path(shared: Shared, tree: Tree) -> None:
    """Send the place to all children, standby ones too: they choose by it."""
    path = Path(tree.stream, tree.delay_s, tree.root, tree.root_delays)
    for child in tree.children:
        shared.outbox.send(child, path)


def offer(shared: Shared, tree: Tree) -> Offer:
    """What this node offers to children of `tree`: nothing while it is there for nobody
    who watches, for it may be gone in a moment (RFC 0011 section 5.1).
    """
    if not (tree.attached and tree.live and tree.needed):
        return Offer(tree.stream, False, tree.delay_s, 0, 0)
    free = capacity.slots(shared, tree).ordinary
    _, room, _ = capacity.below(shared, tree)
    return Offer(tree.stream, True, tree.delay_s, min(free, 255), room)


def tell_offers(shared: Shared, tree: Tree) -> None:
    """Tell the router if the offer of `tree` changed in kind or much.

    In the tree or not, a slot or none: at once.  How many slots, and what room below,
    is told with a delay that moved, for nobody chooses by it.
    """
    now = offer(shared, tree)
    new = (now.in_tree, now.delay_s, now.slots, now.room)
    if tree.offered is not None and not _material(shared, tree.offered, new):
        return
    tree.offered = new
    push_offers(shared, tree.origin)


def push_offers(shared: Shared, origin: NodeId) -> None:
    """Tell all offers for trees of `origin`, the first `OFFERS_MAX`."""
    told: list[Offer] = []
    for stream in shared.by_origin.get(origin, {}):
        state = shared.trees[stream].offered
        if state is not None and state[0] and len(told) < OFFERS_MAX:
            told.append(Offer(stream, *state))
    shared.changes.append(OffersToTell(origin, tuple(told)))


def _material(
    shared: Shared,
    old: tuple[bool, float, int, int],
    new: tuple[bool, float, int, int],
) -> bool:
    if old[0] != new[0] or (not old[2]) != (not new[2]):
        return True
    return new[0] and moved(shared, old[1], new[1])
