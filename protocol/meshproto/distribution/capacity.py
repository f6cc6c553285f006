"""How many copies a node may send (RFC 0011 section 5).

The budget is a share of the uplink, in bit/s, for all trees together.  A slot is what a
full copy of this stream costs.  One slot in six is kept for orphans, who may go a
quarter above the slots for a few seconds, after which layers are shed.  The origin has
one slot for its own stream whatever the budget is, for there is no other way out.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import floor

from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Child, Tree
from meshproto.wire.control.distribution import Use

COPIES_UNLIMITED = 65_535
"""From here on copies are not counted: that costs a walk over all trees."""


@dataclass(frozen=True, slots=True)
class Slots:
    """Free slots of a tree here, for three kinds of joiner; never negative."""

    ordinary: int
    orphan: int
    burst: int
    total: int


def full_bps(shared: Shared, tree: Tree) -> int:
    """What all layers together cost."""
    return sum(tree.rates_bps) or shared.config.rate_unknown_bps


def cost_bps(shared: Shared, tree: Tree, layers: int) -> int:
    """What some layers cost; audio is counted with layer 0."""
    rates = tree.rates_bps
    if not rates:
        return shared.config.rate_unknown_bps
    chosen = sum(rate for bit, rate in enumerate(rates) if layers >> bit & 1)
    return chosen or rates[0]


def budget_bps(shared: Shared) -> float:
    """What this node spends on copies."""
    return shared.config.uplink_share * shared.around.uplink_bps()


def carried(shared: Shared, tree: Tree) -> bool:
    """Whether this node passes the stream on at all: its own always."""
    if tree.publishing:
        return True
    return shared.config.carries_others and shared.carries(tree.stream)


def copies(shared: Shared) -> int:
    """Whole copies that leave for other nodes now, of all trees."""
    if shared.config.copies_max >= COPIES_UNLIMITED:
        return 0
    return sum(
        child.full for tree in shared.trees.values() for child in tree.children.values()
    )


def slots(shared: Shared, tree: Tree) -> Slots:
    """How many children the tree still takes here."""
    config = shared.config
    if not carried(shared, tree):
        return Slots(0, 0, 0, 0)
    rate, budget = full_bps(shared, tree), budget_bps(shared)
    total = min(config.children_max, int(budget / rate))
    taken = sum(child.full for child in tree.children.values())
    orphan = min(config.children_max - taken, floor((budget - shared.used_bps) / rate))
    orphan -= len(tree.heirs)
    ordinary = orphan - total // config.reserve_one_in
    burst = orphan + total // config.burst_one_in
    if tree.publishing and not (taken or tree.heirs):
        # why: else nobody could ever have it; what the path bears is found on the path
        total, ordinary, orphan, burst = (
            max(n, 1) for n in (total, ordinary, orphan, burst)
        )
    if config.copies_max < COPIES_UNLIMITED:
        left = config.copies_max - copies(shared)
        total = min(total, config.copies_max)
        ordinary, orphan, burst = (min(n, left) for n in (ordinary, orphan, burst))
    return Slots(max(ordinary, 0), max(orphan, 0), max(burst, 0), total)


def over(shared: Shared, tree: Tree) -> bool:
    """Whether more is sent than slots allow: a burst, which must end."""
    taken = sum(child.full for child in tree.children.values())
    if taken > shared.config.children_max:
        return True
    if taken and shared.config.copies_max < copies(shared):
        return True
    least = 1 if tree.publishing else 0
    return taken > least and shared.used_bps > budget_bps(shared)


def standby_allowed(shared: Shared, tree: Tree) -> bool:
    """Whether one more child may count on this node (RFC 0011 section 6.4)."""
    config = shared.config
    if not carried(shared, tree):
        return False
    promised = sum(not child.carries for child in tree.children.values())
    total = min(config.children_max, int(budget_bps(shared) / full_bps(shared, tree)))
    most = min(config.standby_children_max, config.standbys_per_slot * total)
    return promised < most


def charge(shared: Shared, tree: Tree, child: Child) -> None:
    """Bring the books up to what `child` costs now."""
    cost = 0
    if child.use is Use.DUAL:
        cost = cost_bps(shared, tree, 1)
    elif child.carries:
        cost = cost_bps(shared, tree, child.layers)
    shared.used_bps += cost - child.cost_bps
    child.cost_bps = cost


def discharge(shared: Shared, child: Child) -> None:
    """The child costs nothing any more."""
    shared.used_bps -= child.cost_bps
    child.cost_bps = 0


def below(shared: Shared, tree: Tree) -> tuple[int, int, int]:
    """Nodes (this one included), free slots, and free slots with the reserve, in the
    subtree; what redirects promised since the last report is taken off.
    """
    mine = slots(shared, tree)
    nodes, room, spare = 1, mine.ordinary, mine.orphan
    for child in tree.children.values():
        if child.active:
            nodes += child.subtree
            room += child.room
            spare += child.spare
    return nodes, min(room, 65_535), min(spare, 65_535)
