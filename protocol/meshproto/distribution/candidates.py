"""Who could be a parent, best first (RFC 0011 sections 4.1, 4.3 and 7.3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Child, Tree
from meshproto.ids import NodeId
from meshproto.wire.control.distribution import TARGETS_MAX, Target, Use
from meshproto.wire.control.peer import PeerRecord

PEERS_OCTETS_MAX = 800
"""Peer records in one record: it must fit a frame of 1,150 octets."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A node to ask; `through` can introduce it, `peer` makes it reachable."""

    node: NodeId
    through: NodeId | None = None
    peer: PeerRecord | None = None


def by_offer(shared: Shared, tree: Tree) -> list[Candidate]:
    """Neighbours in the tree with a slot, least delay + half RTT first."""
    ranked = [
        (offer.delay_s + shared.hop_s(node), node)
        for node, offer in shared.around.offers(tree.origin, tree.stream)
        if offer.in_tree and offer.slots
    ]
    ranked.sort()
    return [Candidate(node) for _, node in ranked]


def for_newcomer(
    shared: Shared, tree: Tree, *, starved: bool = False
) -> list[Candidate]:
    """Offers, else the way to the origin (RFC 0011 section 4.1)."""
    chosen = by_offer(shared, tree)
    if starved:
        # why full ones: a node with slots may take the place of one without
        known = {candidate.node for candidate in chosen}
        chosen += [c for c in _near(shared, tree) if c.node not in known]
    hop = shared.around.next_hop(tree.origin)
    if hop is not None:
        chosen.append(Candidate(hop))
    elif starved:
        # why: where links are scarce somebody may have none that tells of routes
        chosen += _members(shared)
    return chosen[: shared.config.candidates_max]


def for_orphan(shared: Shared, tree: Tree) -> list[Candidate]:
    """Standby, grandparent, nearest neighbours in the tree, members known."""
    chosen: list[Candidate] = []
    if tree.second is not None:
        chosen.append(Candidate(tree.second.node))
    above, stalled = grandparent(shared, tree), tree.parent is not None
    if above is not None and not stalled:
        chosen.append(above)
    chosen += _near(shared, tree)
    if above is not None and stalled:
        # why last: above a parent that lives and has nothing is one that has nothing
        chosen.append(above)
    # why through nobody: who named them is forgotten, and few of our neighbours know
    # them, so asking one would cost a round trip before the slow way
    chosen += [Candidate(node) for node in reversed(tree.known)]
    chosen += _members(shared)
    hop = shared.around.next_hop(tree.origin)
    if hop is not None:
        chosen.append(Candidate(hop))
    return chosen[: shared.config.candidates_max]


def _members(shared: Shared) -> list[Candidate]:
    """Members of the mesh drawn at random; they know their way to the tree."""
    members = shared.around.sample(shared.config.members_asked)
    return [Candidate(peer.node, None, peer) for peer in members]


def _near(shared: Shared, tree: Tree) -> list[Candidate]:
    # why full ones too: they may have a reserved slot or a burst.  Why not behind all
    # others: when a region is cut off those with slots may all be beyond the cut
    full_s = shared.config.full_s
    ranked = [
        (shared.rtt_s(node) + (0.0 if offer.slots else full_s), node)
        for node, offer in shared.around.offers(tree.origin, tree.stream)
        if offer.in_tree
    ]
    ranked.sort()
    return [Candidate(node) for _, node in ranked]


def grandparent(shared: Shared, tree: Tree) -> Candidate | None:
    """The parent of the parent, if its record is remembered."""
    return _ancestor(shared, tree, 3)


def _ancestor(shared: Shared, tree: Tree, steps: int) -> Candidate | None:
    """The node `steps` from the end of the root path (1 is this node)."""
    if len(tree.root) < steps:
        return None
    peer = shared.around.find(tree.root[-steps])
    if peer is None:
        return None
    return Candidate(peer.node, None, peer)


def distance_s(one: PeerRecord | None, other: PeerRecord | None) -> float | None:
    """RTT predicted from two coordinates (x, y, z, height); None without them."""
    if one is None or other is None:
        return None
    a, b = one.coordinate, other.coordinate
    if len(a) != 4 or len(b) != 4:
        return None
    return math.dist(a[:3], b[:3]) + a[3] + b[3]


def elsewhere(
    shared: Shared, tree: Tree, joiner: NodeId, use: Use
) -> tuple[Target, ...]:
    """Up to three children with room, best predicted delay for the joiner first; if
    there is none, the parent (RFC 0011 section 4.3).
    """
    peer = shared.around.peer(joiner)
    ranked = []
    for child in tree.children.values():
        free = child.room if use is Use.NEW else child.spare
        if child.active and free > child.promised and child.node != joiner:
            ranked.append((_predicted_s(shared, tree, child, peer), child.node))
    ranked.sort()
    targets = [
        Target(node, tree.delay_s + shared.hop_s(node), tree.children[node].room)
        for _, node in ranked[:TARGETS_MAX]
    ]
    if targets:
        tree.children[targets[0].node].promised += 1
    elif tree.parent is not None and tree.parent.node != joiner:
        parent = tree.parent
        targets = [Target(parent.node, parent.delay_s, 0)]
    return with_peers(shared, targets)


def standing(shared: Shared, tree: Tree, joiner: NodeId) -> tuple[Target, ...]:
    """Who else could stand by for `joiner`: children with a slot, then the parent."""
    peer, parent = shared.around.peer(joiner), tree.parent
    ranked = sorted(
        (_predicted_s(shared, tree, child, peer), child.node)
        for child in tree.children.values()
        if child.active and child.spare and child.viewers and child.node != joiner
    )
    most = TARGETS_MAX if parent is None else TARGETS_MAX - 1
    targets = [
        Target(node, tree.delay_s + shared.hop_s(node), tree.children[node].room)
        for _, node in ranked[:most]
    ]
    if parent is not None and parent.node != joiner:
        targets.append(Target(parent.node, parent.delay_s, 0))
    return with_peers(shared, targets)


def _predicted_s(
    shared: Shared, tree: Tree, child: Child, joiner: PeerRecord | None
) -> float:
    rtt_s = distance_s(shared.around.peer(child.node), joiner)
    if rtt_s is None:
        rtt_s = shared.config.rtt_unknown_s
    return tree.delay_s + shared.hop_s(child.node) + rtt_s / 2


def with_peers(shared: Shared, targets: list[Target]) -> tuple[Target, ...]:
    """Add records of the targets, as many as fit a frame."""
    left, out = PEERS_OCTETS_MAX, []
    for target in targets:
        peer = shared.around.peer(target.node)
        if peer is not None:
            left -= octets(peer)
        known = peer if left >= 0 else None
        out.append(Target(target.node, target.delay_s, target.room, known))
    return tuple(out)


def octets(peer: PeerRecord) -> int:
    """About how long a record is on the wire."""
    control = sum(len(address) + 2 for address in peer.control)
    media = sum(len(address.ip) + 6 for address in peer.media)
    text = len(peer.operator) + len(peer.entry) + 4
    return 120 + control + media + text + 9 * len(peer.coordinate)
