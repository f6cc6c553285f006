"""The second parent (RFC 0011 section 6.4).

It must stand when the first falls, so it may hang neither below this node nor below the
parent, and every ancestor that both share counts against it.  It should be near *this*
node, for what counts at the switch is how fast it answers.  It is looked for again when
its path or ours changed so that it does not fit any more.

Where no neighbour fits, the nearest ancestor above the parent does: a link to it costs
less than a copy for nobody.  Only behind it are neighbours outside the tree asked: they
join for it, and stay while leaves below the asker renew their leases.  Who only stands
by has no second parent itself, so promises are never kept for promises' sake.
"""

from __future__ import annotations

from meshproto.distribution import above, candidates, survey, upstream
from meshproto.distribution.candidates import Candidate
from meshproto.distribution.events import StandbyChosen
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Tree, Upper
from meshproto.distribution.upstream import Search
from meshproto.forwarding.relay_table import Second, SetSecond
from meshproto.ids import NodeId, ShortId, short_id
from meshproto.wire.control.distribution import Leave, Tell, Use


def fits(shared: Shared, tree: Tree, node: NodeId, path: tuple[ShortId, ...]) -> bool:
    """Whether `node` with root path `path` stands when our parent falls."""
    parent = tree.parent
    if parent is None or node == parent.node or shared.short in path:
        return False
    child = tree.children.get(node)
    if child is not None and child.carries:
        return False
    # why below the origin nobody fits: siblings that stood by for each other made the
    # gaps after a relay's death longer (p95 280 -> 460 ms, RFC 0011 section 6.4)
    return short_id(parent.node) not in path


def score_s(
    shared: Shared, tree: Tree, node: NodeId, path: tuple[ShortId, ...], delay_s: float
) -> float:
    """Lower is better: RTT to us, half the extra delay, shared ancestors."""
    extra_s = max(0.0, delay_s + shared.hop_s(node) - tree.delay_s)
    # the origin is everybody's ancestor
    ours = tree.root[1:]
    common = sum(short in ours for short in path[1:])
    return shared.rtt_s(node) + extra_s / 2 + common * shared.config.shared_ancestor_s


def due(shared: Shared, tree: Tree, now: float) -> None:
    """Time to look: for answers that came, or for a second parent at all."""
    if tree.survey is not None:
        _surveyed(shared, tree, now)
        return
    if tree.parent is None or tree.publishing or tree.second_search is not None:
        return
    second = tree.second
    if not tree.needed:
        above.release_second(shared, tree)
        return
    if second is not None and fits(shared, tree, second.node, second.path):
        return
    if tree.move is not None or not tree.live:
        shared.set(tree, Alarm.SECOND, now + shared.config.commit_s)
        return
    above.release_second(shared, tree)
    _look(shared, tree, now)


def _look(shared: Shared, tree: Tree, now: float) -> None:
    assert tree.parent is not None
    ranked = sorted(
        (shared.rtt_s(node), node)
        for node, offer in shared.around.offers(tree.origin, tree.stream)
        if offer.in_tree and _possible(shared, tree, node)
    )
    nodes = [node for _, node in ranked[: shared.config.standby_asks_max]]
    grandparent = candidates.grandparent(shared, tree)
    if grandparent is not None and shared.around.linked(grandparent.node):
        nodes.append(grandparent.node)
    elif grandparent is None and len(tree.root) > 2 and tree.second_retry_s > 0:
        # why the parent, below which nobody fits: it knows who is above it
        nodes.append(tree.parent.node)
    nodes = list(dict.fromkeys(nodes))
    if not nodes:
        _choose(shared, tree, {}, now)
        return
    tree.survey = survey.ask(shared, tree, nodes)
    shared.set(tree, Alarm.SECOND, now + shared.config.turn_wait_s)


def _possible(shared: Shared, tree: Tree, node: NodeId) -> bool:
    assert tree.parent is not None
    child = tree.children.get(node)
    below = child is not None and child.carries
    return node not in {tree.parent.node, shared.me} and not below


def told(shared: Shared, tree: Tree, node: NodeId, tell: Tell, now: float) -> bool:
    """A member says where it stands, if it was asked for this."""
    if not survey.told(tree.survey, node, tell):
        return False
    if tree.survey is not None and tree.survey.complete:
        _surveyed(shared, tree, now)
    return True


def _surveyed(shared: Shared, tree: Tree, now: float) -> None:
    held, tree.survey = tree.survey, None
    if held is None or tree.parent is None or tree.second is not None:
        return
    _choose(shared, tree, held.found, now)


def _choose(shared: Shared, tree: Tree, found: dict[NodeId, Tell], now: float) -> None:
    """Ask the best: of those who said where they stand, and of those outside."""
    config = shared.config
    # why not at once: whoever subscribes with us is in the tree in a moment
    waited = tree.second_retry_s > 0
    ranked = []
    for node, tell in found.items():
        if fits(shared, tree, node, tell.path):
            penalty_s = 0.0 if tell.slots else config.full_s
            points = score_s(shared, tree, node, tell.path, tell.delay_s)
            ranked.append((points + penalty_s, node))
    chosen = [Candidate(node) for _, node in sorted(ranked)]
    if waited:
        chosen += _above(shared, tree, found)
        chosen += [Candidate(node) for _, node in _outside(shared, tree, now)]
    elif not chosen:
        tree.second_retry_s = config.standby_retry_s
        shared.set(tree, Alarm.SECOND, now + config.outside_after_s)
        return
    if not chosen or tree.second_search is not None:
        survey.later(shared, tree, now)
        return
    use = Use.DUAL if tree.dual else Use.STANDBY
    tree.second_search = search = Search(use, chosen)
    upstream.advance(shared, tree, search, now)


def _above(shared: Shared, tree: Tree, found: dict[NodeId, Tell]) -> list[Candidate]:
    """The parent's parent, which stands when it falls, by a link of its own."""
    parent, known = tree.parent, candidates.grandparent(shared, tree)
    if parent is None or len(tree.root) <= 2:
        return []
    if known is not None:
        linked = shared.around.linked(known.node)
        return [] if linked else [Candidate(known.node, parent.node, known.peer)]
    told = found.get(parent.node)
    kin = () if told is None else told.kin
    short = tree.root[-3]
    return [
        Candidate(target.node, parent.node, target.peer)
        for target in kin
        if short_id(target.node) == short
    ]


def _outside(shared: Shared, tree: Tree, now: float) -> list[tuple[float, NodeId]]:
    """The nearest neighbours that are not in the tree but know a way to its origin.

    Each that is asked joins, and has to leave again if that was below our parent, which
    it is as a rule, so nobody is asked over and over.
    """
    if tree.parent is not None and tree.parent.node == tree.origin:
        return []  # everybody hangs below the origin, so nobody would fit
    if now < tree.outside_at:
        return []
    config = shared.config
    offered = shared.around.offers(tree.origin, tree.stream)
    inside = {node for node, offer in offered if offer.in_tree}
    ranked = sorted(
        (shared.rtt_s(node) + config.outside_s, node)
        for node in shared.around.ways(tree.origin)
        if node not in inside and node != tree.origin and _possible(shared, tree, node)
        if not tree.spared(node, now)
    )
    if ranked:
        pause_s = tree.outside_pause_s or config.outside_pause_s
        tree.outside_at = now + pause_s
        tree.outside_pause_s = min(2 * pause_s, config.outside_pause_max_s)
    return ranked[: config.outside_asks]


def linked(shared: Shared, tree: Tree, node: NodeId, now: float) -> None:
    """A link came up: perhaps to the second parent that is missing."""
    if tree.vain.pop(node, None) is not None:
        tree.outside_at = now
    if tree.parent is None or tree.second is not None or not tree.needed:
        return
    # why: what was in vain before may work now, but perhaps not at the first look, for
    # a node that came back learns its routes only now
    tree.second_retry_s = min(tree.second_retry_s, shared.config.standby_again_s)
    if tree.survey is None and tree.second_search is None:
        shared.hasten(tree, Alarm.SECOND, now + shared.config.standby_link_s)


def ready(shared: Shared, tree: Tree, search: Search, edge: Upper, now: float) -> None:
    """A node agreed to be the second parent."""
    if not fits(shared, tree, edge.node, edge.path):
        shared.outbox.send(edge.node, Leave(tree.stream, edge.serial))
        upstream.refused(shared, tree, search, edge.node, now)
        return
    upstream.found(shared, tree, search, edge.node)
    above.release_second(shared, tree)
    tree.second = edge
    tree.second_retry_s = 0.0
    tree.vain.pop(edge.node, None)
    tree.relied_at = now  # the Join said it
    shared.use(edge.node)
    if tree.move is None or tree.move.edge is None:
        show(shared, tree)
    shared.outbox.put(StandbyChosen(tree.stream, edge.node))


def show(shared: Shared, tree: Tree) -> None:
    """Name the second parent to the plane (again, after a move used its place)."""
    edge = tree.second
    if edge is None:
        shared.outbox.put(SetSecond(tree.stream, None))
        return
    use = Second.DUAL if edge.use is Use.DUAL else Second.STANDBY
    shared.outbox.put(SetSecond(tree.stream, edge.node, use, edge.alias, edge.base))


def recheck(shared: Shared, tree: Tree, now: float) -> None:
    """A path changed: does the second parent still fit?"""
    second = tree.second
    if second is not None and not fits(shared, tree, second.node, second.path):
        shared.hasten(tree, Alarm.SECOND, now + shared.config.report_s)
