"""Looking for a better parent (RFC 0011 section 6).

A turn comes once a minute: neighbours in the tree are asked where they stand, they and
their ancestors and children are ranked by delay plus half the round trip, the best four
are measured, and the first whose gain is worth it is moved to (module `moves`).  A path
that became much worse, or whose link is suspected, calls a turn out of its time.
"""

from __future__ import annotations

from meshproto.distribution import above, moves, place, survey
from meshproto.distribution.candidates import Candidate
from meshproto.distribution.moves import may_move
from meshproto.distribution.shared import Shared
from meshproto.distribution.survey import Survey
from meshproto.distribution.tree import Alarm, Tree
from meshproto.ids import NodeId, ShortId
from meshproto.outputs import Probe
from meshproto.wire.control.distribution import Tell


class Turn:
    """One look around; `delays` are of possible parents, `rtts` what was measured."""

    __slots__ = ("delays", "held", "probing", "rtts", "survey", "through", "urgent")

    def __init__(self, asked: Survey, *, urgent: bool) -> None:
        self.survey: Survey | None = asked
        self.urgent = urgent
        self.delays: dict[NodeId, float] = {}
        self.through: dict[NodeId, NodeId] = {}
        self.probing: dict[NodeId, None] = {}
        self.rtts: dict[NodeId, float] = {}
        self.held: NodeId | None = None


def turn_due(shared: Shared, tree: Tree, now: float) -> None:
    """The alarm of turns: begin one, or go on with it."""
    turn = tree.turn
    if turn is None:
        _begin_turn(shared, tree, now)
    elif turn.survey is not None:
        _rank(shared, tree, turn, now)
    else:
        _decide(shared, tree, turn, now)


def _begin_turn(
    shared: Shared, tree: Tree, now: float, *, urgent: bool = False
) -> None:
    # why not: who is above mends it, and takes us along (section 6)
    mended = not urgent and shared.waits(tree, Alarm.WORSE)
    mended = mended and place.worse_above(shared, tree)
    if mended or not (tree.needed and may_move(shared, tree, now, urgent=urgent)):
        _begin_later(shared, tree, now, urgent=urgent)
        return
    config, known = shared.config, {}
    for node, offer in shared.around.offers(tree.origin, tree.stream):
        if offer.in_tree and _other(shared, tree, node):
            known[node] = offer.delay_s + shared.hop_s(node)
    best = sorted(known, key=lambda node: (known[node], node))[: config.turn_asks]
    for short in tree.root[-3:-2]:
        peer = shared.around.find(short)
        if peer is not None and shared.around.linked(peer.node):
            best.append(peer.node)
    asked = survey.ask(shared, tree, list(dict.fromkeys(best)))
    turn = Turn(asked, urgent=urgent)
    tree.turn = turn
    shared.set(tree, Alarm.TURN, now + config.turn_wait_s)


def _begin_later(shared: Shared, tree: Tree, now: float, *, urgent: bool) -> None:
    if tree.parent is None:
        return
    above.plan_turn(shared, tree, now)
    if urgent and tree.needed:
        shared.hasten(tree, Alarm.WORSE, now + shared.config.worse_again_s)


def _other(shared: Shared, tree: Tree, node: NodeId) -> bool:
    """Whether somebody else could be the parent: whom we only stand by for is not below
    us, and is often the best, for seconds are chosen near.
    """
    parent, child = tree.parent, tree.children.get(node)
    own = node == shared.me or (child is not None and child.carries)
    return not own and (parent is None or parent.node != node)


def told(shared: Shared, tree: Tree, node: NodeId, tell: Tell, now: float) -> None:
    """A member says where it stands."""
    turn = tree.turn
    if turn is None or not survey.told(turn.survey, node, tell):
        shared.refuse(node, "tree-token")
    elif turn.survey is not None and turn.survey.complete:
        _rank(shared, tree, turn, now)


def _rank(shared: Shared, tree: Tree, turn: Turn, now: float) -> None:
    """Put everybody in order, and measure the best."""
    asked, turn.survey = turn.survey, None
    if asked is not None:
        for node, tell in asked.found.items():
            _note(shared, tree, turn, node, tell)
    _note_line(shared, tree, turn, tree.root[:-2], tree.root_delays[:-2], None)
    for node in [n for n, until in tree.declined.items() if until <= now]:
        del tree.declined[node]
    gains = _gains(shared, tree, turn)
    for nth, (_, node) in enumerate(gains):
        # why all with a link: they are measured, and at hand where it is urgent
        if nth < shared.config.probes or (turn.urgent and shared.around.linked(node)):
            _measure(shared, tree, turn, node)
    if turn.probing:
        shared.set(tree, Alarm.TURN, now + shared.config.probe_wait_s)
    else:
        _decide(shared, tree, turn, now)


def _note(shared: Shared, tree: Tree, turn: Turn, node: NodeId, tell: Tell) -> None:
    """A member that answered, its ancestors, its children."""
    if shared.short in tell.path:
        return
    turn.delays[node] = tell.delay_s
    tree.remember(node, tell.delay_s, shared.config.known_max)
    for kin in tell.kin:
        if _other(shared, tree, kin.node):
            turn.delays.setdefault(kin.node, kin.delay_s)
            turn.through.setdefault(kin.node, node)
    _note_line(shared, tree, turn, tell.path[:-1], tell.delays[:-1], node)


def _note_line(
    shared: Shared,
    tree: Tree,
    turn: Turn,
    path: tuple[ShortId, ...],
    delays: tuple[float, ...],
    through: NodeId | None,
) -> None:
    if len(turn.delays) >= shared.config.candidates_max:
        return
    for short, delay_s in zip(path, delays, strict=False):
        peer = shared.around.find(short)
        if peer is not None and _other(shared, tree, peer.node):
            turn.delays.setdefault(peer.node, delay_s)
            # why the last alone: who was asked has a link to its parent
            if through is not None and short == path[-1]:
                turn.through.setdefault(peer.node, through)


def _gains(shared: Shared, tree: Tree, turn: Turn) -> list[tuple[float, NodeId]]:
    """What each would win that did not decline lately, most first; only winners."""
    gains = []
    for node, delay_s in turn.delays.items():
        if node in tree.declined:
            continue
        rtt_s = turn.rtts.get(node)
        rtt_s = shared.rtt_s(node) if rtt_s is None else rtt_s
        after_s = delay_s + rtt_s / 2 + shared.config.hop_cost_s
        if after_s < tree.delay_s:
            gains.append((tree.delay_s - after_s, node))
    gains.sort(key=lambda pair: (-pair[0], pair[1]))
    return gains


def _measure(shared: Shared, tree: Tree, turn: Turn, node: NodeId) -> None:
    if shared.around.linked(node):
        turn.rtts[node] = shared.rtt_s(node)
    elif probe(shared, tree, node):
        turn.probing[node] = None


def probe(shared: Shared, tree: Tree, node: NodeId) -> bool:
    """Measure a node without a link; whether that is possible."""
    peer = shared.around.peer(node)
    if peer is None or not peer.media:
        return False
    if len(shared.probes) >= shared.config.probes_max:
        return False
    token = shared.next_token()
    shared.probes[token] = (tree.stream, node)
    shared.outbox.put(Probe(peer.media[0], token))
    return True


def probed(
    shared: Shared, tree: Tree, node: NodeId, rtt_s: float | None, now: float
) -> None:
    """A measurement came back (or failed)."""
    turn = tree.turn
    if turn is None or node not in turn.probing:
        return
    del turn.probing[node]
    if rtt_s is None:
        turn.delays.pop(node, None)
    else:
        turn.rtts[node] = rtt_s
    if not turn.probing and turn.held is None:
        _decide(shared, tree, turn, now)


def _decide(shared: Shared, tree: Tree, turn: Turn, now: float) -> None:
    """Move, wait a moment and look again, or stay."""
    measured = [
        (gain_s, node)
        for gain_s, node in _gains(shared, tree, turn)
        if node in turn.rtts and moves.tempting(shared, tree, gain_s, now, turn.urgent)
    ]
    able = may_move(shared, tree, now, urgent=turn.urgent)
    if not measured or not able:
        _end_turn(shared, tree, now, content=not measured)
        return
    has_children = any(child.active for child in tree.children.values())
    # why not when it got worse: it did so for as long already
    if has_children and turn.held is None and not turn.urgent:
        turn.held = measured[0][1]
        shared.set(tree, Alarm.TURN, now + shared.config.gain_held_s)
        for _, node in measured:
            if shared.around.linked(node):
                del turn.rtts[node]
                turn.rtts[node] = shared.rtt_s(node)
        return
    _end_turn(shared, tree, now, content=False)
    if turn.urgent and not place.worse_above(shared, tree):
        measured = _at_hand_first(shared, tree, measured)
    found = [Candidate(node, turn.through.get(node)) for _, node in measured]
    moves.begin(shared, tree, found[: shared.config.probes], measured[0][0], "", now)


def _at_hand_first(
    shared: Shared, tree: Tree, measured: list[tuple[float, NodeId]]
) -> list[tuple[float, NodeId]]:
    """Where our link got worse, neighbours with a slot that win half of the most come
    first: the best places are full as a rule, and each that says so costs a link.
    """
    offers = shared.around.offers(tree.origin, tree.stream)
    free = {node for node, offer in offers if offer.slots}
    half_s = measured[0][0] / 2
    return sorted(
        measured, key=lambda pair: not (pair[1] in free and pair[0] >= half_s)
    )


def _end_turn(shared: Shared, tree: Tree, now: float, *, content: bool) -> None:
    """The turn is over; `content` says that nobody better was found."""
    turn, tree.turn = tree.turn, None
    shared.cancel(tree, Alarm.TURN)
    above.plan_turn(shared, tree, now)
    if turn is None or not turn.urgent:
        # why nothing: a turn at the first sign of worse times sees no gain yet
        return
    if content:
        place.accustom(shared, tree)
    else:
        shared.hasten(tree, Alarm.WORSE, now + shared.config.worse_again_s)


def reweigh(shared: Shared, tree: Tree, now: float) -> None:
    """The last hop or the parent's delay may have changed."""
    place.settle(shared, tree)
    config = shared.config
    if not place.worse(shared, tree):
        if tree.delay_s <= tree.settled_delay_s:
            place.accustom(shared, tree)
        shared.cancel(tree, Alarm.WORSE)
    elif not place.worse_above(shared, tree):
        shared.hasten(tree, Alarm.WORSE, now + config.worse_held_s)
    elif not shared.waits(tree, Alarm.WORSE):
        shared.set(tree, Alarm.WORSE, now + config.worse_above_s)


def worse(shared: Shared, tree: Tree, now: float) -> None:
    """The link to the parent misses checks: look around soon."""
    shared.hasten(tree, Alarm.WORSE, now + shared.config.probe_wait_s)


def worse_due(shared: Shared, tree: Tree, now: float) -> None:
    """It stayed worse: a turn now."""
    if tree.parent is None:
        return
    place.settle(shared, tree)
    urgent = place.worse(shared, tree)
    if tree.turn is None:
        _begin_turn(shared, tree, now, urgent=urgent)
    elif urgent:
        tree.turn.urgent = True
        if tree.turn.held is not None:
            shared.hasten(tree, Alarm.TURN, now)
