"""Better parents: the turn that finds one, the move that takes it (RFC 0011 section 6).

A turn comes once a minute: neighbours in the tree are asked where they stand, they and
their ancestors and children are ranked by delay plus half the round trip, the best four
are measured.  A move is make-before-break: the new edge counts only when it brought a
packet that was not here before, for an echo of our own subtree can bring everything
else; then the commit (module `commit`) makes sure that no other move crosses it.
"""

from __future__ import annotations

from enum import Enum

from meshproto.distribution import (
    above,
    commit,
    place,
    standby,
    survey,
    trees,
    upstream,
)
from meshproto.distribution.candidates import Candidate
from meshproto.distribution.events import Moved, MoveFailed, Swapped
from meshproto.distribution.shared import Shared
from meshproto.distribution.survey import Survey
from meshproto.distribution.tree import Alarm, Tree, Upper
from meshproto.distribution.upstream import Search
from meshproto.forwarding.relay_table import FirstNew, NothingNew, Second, SetSecond
from meshproto.ids import NodeId
from meshproto.outputs import Probe
from meshproto.wire.control.distribution import (
    Leave,
    Pause,
    Place,
    Resume,
    Tell,
    Use,
)


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


class Turn:
    """One look around; `delays` are of possible parents, `rtts` what was measured."""

    __slots__ = ("delays", "held", "probing", "rtts", "survey", "through")

    def __init__(self, asked: Survey) -> None:
        self.survey: Survey | None = asked
        self.delays: dict[NodeId, float] = {}
        self.through: dict[NodeId, NodeId] = {}
        self.probing: dict[NodeId, None] = {}
        self.rtts: dict[NodeId, float] = {}
        self.held: NodeId | None = None


# --- the turn


def turn_due(shared: Shared, tree: Tree, now: float) -> None:
    """The alarm of turns: begin one, or go on with it."""
    turn = tree.turn
    if turn is None:
        _begin_turn(shared, tree, now)
    elif turn.survey is not None:
        _rank(shared, tree, turn, now)
    else:
        _decide(shared, tree, turn, now)


def may_move(shared: Shared, tree: Tree, now: float) -> bool:
    """Whether this node may change its parent by choice now."""
    rested = now - tree.moved_at >= shared.config.move_pause_s
    free = tree.move is None and tree.deal is None and tree.search is None
    placed = tree.parent is not None and tree.live and not tree.publishing
    return rested and free and placed and not commit.locked(tree, now)


def _begin_turn(shared: Shared, tree: Tree, now: float) -> None:
    if not may_move(shared, tree, now):
        if tree.parent is not None:
            above.plan_turn(shared, tree, now)
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
    turn = Turn(survey.ask(shared, tree, list(dict.fromkeys(best))))
    tree.turn = turn
    shared.set(tree, Alarm.TURN, now + config.turn_wait_s)


def _other(shared: Shared, tree: Tree, node: NodeId) -> bool:
    parent = tree.parent
    own = node in tree.children or node == shared.me
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
    gains = _gains(shared, tree, turn)
    for _, node in gains[: shared.config.probes]:
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
    path: tuple[bytes, ...],
    delays: tuple[float, ...],
    through: NodeId | None,
) -> None:
    if len(turn.delays) >= shared.config.candidates_max:
        return
    for short, delay_s in zip(path, delays, strict=False):
        peer = shared.around.find(short)  # type: ignore[arg-type]
        if peer is not None and _other(shared, tree, peer.node):
            turn.delays.setdefault(peer.node, delay_s)
            if through is not None:
                turn.through.setdefault(peer.node, through)


def _gains(shared: Shared, tree: Tree, turn: Turn) -> list[tuple[float, NodeId]]:
    """What each would win, most first; only winners."""
    gains = []
    for node, delay_s in turn.delays.items():
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


def enough(shared: Shared, tree: Tree, gain_s: float) -> bool:
    """Whether a gain is worth a move: 5 % and 3 ms."""
    config = shared.config
    return gain_s > max(config.gain_share * tree.delay_s, config.gain_s)


def _decide(shared: Shared, tree: Tree, turn: Turn, now: float) -> None:
    """Move, wait a moment and look again, or stay."""
    measured = [
        (gain_s, node)
        for gain_s, node in _gains(shared, tree, turn)
        if node in turn.rtts and enough(shared, tree, gain_s)
    ]
    if not measured or not may_move(shared, tree, now):
        _end_turn(shared, tree, now)
        return
    has_children = any(child.active for child in tree.children.values())
    if has_children and turn.held is None:
        turn.held = measured[0][1]
        shared.set(tree, Alarm.TURN, now + shared.config.gain_held_s)
        for _, node in measured:
            if shared.around.linked(node):
                del turn.rtts[node]
                turn.rtts[node] = shared.rtt_s(node)
        return
    _end_turn(shared, tree, now)
    found = [Candidate(node, turn.through.get(node)) for _, node in measured]
    begin(shared, tree, found[: shared.config.probes], measured[0][0], "", now)


def _end_turn(shared: Shared, tree: Tree, now: float) -> None:
    tree.turn = None
    tree.settled_delay_s = tree.delay_s
    shared.cancel(tree, Alarm.TURN)
    above.plan_turn(shared, tree, now)


# --- a worse path


def reweigh(shared: Shared, tree: Tree, now: float) -> None:
    """The last hop or the parent's delay may have changed."""
    place.settle(shared, tree)
    if _is_worse(shared, tree):
        if not shared.waits(tree, Alarm.WORSE):
            shared.set(tree, Alarm.WORSE, now + shared.config.worse_held_s)
    else:
        tree.settled_delay_s = min(tree.settled_delay_s, tree.delay_s)
        shared.cancel(tree, Alarm.WORSE)


def _is_worse(shared: Shared, tree: Tree) -> bool:
    config = shared.config
    step_s = tree.delay_s - tree.settled_delay_s
    return step_s > max(config.worse_s, config.worse_share * tree.settled_delay_s)


def worse(shared: Shared, tree: Tree, now: float) -> None:
    """The link to the parent misses checks: look around soon."""
    shared.hasten(tree, Alarm.WORSE, now + shared.config.probe_wait_s)


def worse_due(shared: Shared, tree: Tree, now: float) -> None:
    """It stayed worse: a turn now."""
    if tree.turn is None and tree.parent is not None:
        place.settle(shared, tree)
        _begin_turn(shared, tree, now)


# --- the move


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
    if not forced:
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
    return tree.move is not None and bool(tree.move.forced)


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
    if tree.parent is not move.old or not (move.forced or enough(shared, tree, gain_s)):
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
    # the packets up to `after` must come and go first
    since, first = move.mark
    every_s = (now - since) / max(notice.newest - first, 1)
    wait_s += min((after - notice.newest + 1) * every_s, config.pause_max_s)
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
    if tree.parent is move.old and move.stage in {Stage.PAUSED, Stage.COMMITTING}:
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
    if move.forced == "swap":
        shared.outbox.put(Swapped(tree.stream, old.node, edge.node))
    else:
        shared.outbox.put(Moved(tree.stream, old.node, edge.node, move.gain_s))


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
