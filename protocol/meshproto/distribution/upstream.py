"""The search for a parent: one candidate after the other (RFC 0011 section 4).

A search asks for one use: a first parent or a repair (`Use.NEW`, `Use.REPAIR`), a
better parent (`MOVE`), or a second one (`STANDBY`, `DUAL`).  Who is not linked is
dialled first, through the node that named it.  A node that answers too late is told
that it is not needed any more, so nobody keeps a slot for a search that is over.

An orphan does not wait in a queue: it keeps its place there and asks on.  A newcomer
waits a little, for the queue is mostly a node that joins itself at this moment.
"""

from __future__ import annotations

from collections import deque

from meshproto.distribution import candidates, interest, scouts, survey
from meshproto.distribution.candidates import Candidate
from meshproto.distribution.phases import TRANSITIONS, Cue, Phase
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Tree
from meshproto.ids import NodeId
from meshproto.wire.control.distribution import (
    PATH_MAX,
    Join,
    Leave,
    Place,
    Target,
    Tell,
    Use,
)

ALARMS = {
    Use.NEW: Alarm.SEARCH,
    Use.REPAIR: Alarm.SEARCH,
    Use.MOVE: Alarm.MOVE_SEARCH,
    Use.STANDBY: Alarm.SECOND_SEARCH,
    Use.DUAL: Alarm.SECOND_SEARCH,
    Use.STARVED: Alarm.SEARCH,
}
MAIN = frozenset({Use.NEW, Use.REPAIR, Use.STARVED})
"""Uses that look for the parent itself."""
SECOND = frozenset({Use.STANDBY, Use.DUAL})
"""Uses that look for a second one."""


class Search:
    """One search; `asked` holds the serials of joins that may still be answered,
    `ahead` whom a link is being made to meanwhile, `late` whose link took too long.
    """

    __slots__ = (
        "ahead",
        "asked",
        "count",
        "descents",
        "late",
        "left",
        "phase",
        "place",
        "refusals",
        "rounds",
        "seen",
        "target",
        "use",
    )

    def __init__(self, use: Use, left: list[Candidate]) -> None:
        self.use = use
        self.left = deque(left)
        self.phase = Phase.IDLE
        self.target: Candidate | None = None
        self.asked: dict[NodeId, int] = {}
        self.ahead: dict[NodeId, None] = {}
        self.late: dict[NodeId, Candidate] = {}
        self.seen: dict[NodeId, None] = {}
        self.count = self.descents = 0
        self.refusals = 0
        self.rounds = 0
        self.place: Place | None = None

    def step(self, cue: Cue) -> None:
        """Move on; a cue that the table does not allow is a defect."""
        self.phase = TRANSITIONS[self.phase, cue]


def begin(
    shared: Shared,
    tree: Tree,
    use: Use,
    now: float,
    first: tuple[Target, ...] = (),
    by: NodeId | None = None,
) -> None:
    """Look for a first parent, or for another one after a loss; `first` are nodes
    that the lost parent `by` named.
    """
    if tree.search is not None:
        if tree.search.use is use or tree.search.use is not Use.NEW:
            return
        stop(shared, tree, tree.search)
    tree.search = Search(use, [])
    _fill(shared, tree, tree.search, now)
    for target in reversed(first):
        tree.search.left.appendleft(Candidate(target.node, by, target.peer))
    advance(shared, tree, tree.search, now)


def _fill(shared: Shared, tree: Tree, search: Search, now: float) -> None:
    if search.use is not Use.REPAIR:
        starved = search.use is Use.STARVED
        found = candidates.for_newcomer(shared, tree, starved=starved)
    else:
        found = candidates.for_orphan(shared, tree)
    search.left = deque(found)
    search.seen, search.ahead = {}, {}
    if search.use is Use.REPAIR:
        scouts.send(shared, tree, found, now)


def wake(shared: Shared, tree: Tree, now: float) -> None:
    """Offers or routes changed: a resting search tries again, if it could help."""
    search = tree.search
    if search is None or search.phase is not Phase.RESTING:
        return
    hop = shared.around.next_hop(tree.origin)
    new_way = hop is not None and hop not in search.seen
    if new_way or candidates.by_offer(shared, tree):
        # why not at once: changes come in bunches
        shared.hasten(tree, ALARMS[search.use], now + shared.config.report_s)


def again(shared: Shared, tree: Tree, search: Search, now: float) -> None:
    """A new round.  Whom nobody took may have a reserved slot: it is for use.  Whoever
    found nobody to ask is new in the mesh: links and offers are under way to it.
    """
    search.refusals = search.descents = 0
    search.rounds += 1
    if search.use is Use.NEW and tree.needed and _starves(shared, tree, search):
        search.use = Use.STARVED
    _fill(shared, tree, search, now)
    advance(shared, tree, search, now)


def _starves(shared: Shared, tree: Tree, search: Search) -> bool:
    if search.count:
        return search.rounds > 1
    alone = search.rounds > shared.config.alone_rounds
    return alone and not candidates.by_offer(shared, tree)


def advance(shared: Shared, tree: Tree, search: Search, now: float) -> None:
    """Ask the next candidate; without one rest, or give an optional search up."""
    while (candidate := _next(shared, tree, search, now)) is not None:
        search.target = candidate
        if shared.around.linked(candidate.node):
            ask(shared, tree, search, now)
            return
        # why on at once: of a member that was only heard of nobody may know the address
        if candidate.node in search.ahead or _dial(shared, candidate):
            _await_link(shared, tree, search, candidate, now)
            return
    _exhausted(shared, tree, search, now)


def _dial(shared: Shared, candidate: Candidate) -> bool:
    return shared.around.dial(candidate.peer or candidate.node, candidate.through)


def _await_link(
    shared: Shared, tree: Tree, search: Search, candidate: Candidate, now: float
) -> None:
    search.step(Cue.DIAL)
    if search.use is Use.REPAIR:
        _dial_beside(shared, search)
    shared.set(tree, ALARMS[search.use], now + _link_patience(shared, candidate))


def _dial_beside(shared: Shared, search: Search) -> None:
    """Make links to the next ones, too: the first that stands is asked first."""
    for candidate in search.left:
        if len(search.ahead) >= shared.config.dials_beside:
            return
        known = candidate.node in search.ahead or shared.around.linked(candidate.node)
        if not known and _dial(shared, candidate):
            search.ahead[candidate.node] = None


def _link_patience(shared: Shared, candidate: Candidate) -> float:
    config, through = shared.config, candidate.through
    rtt_s = shared.rtt_s(candidate.node)
    if through is None or not shared.around.linked(through):
        return config.dial_alone_rtts * rtt_s + config.dial_patience_s
    # why its round trip: the descriptors travel by it, and it may be far from both
    return config.dial_rtts * rtt_s + shared.rtt_s(through) + config.dial_patience_s


def _next(shared: Shared, tree: Tree, search: Search, now: float) -> Candidate | None:
    main = search.use in MAIN
    # who asked the origin descends from it, which may take as many steps as it is deep
    descends = PATH_MAX if main and tree.origin in search.seen else 0
    patient = search.refusals < shared.config.refusals_max + descends
    if search.use is not Use.MOVE and not patient:
        search.left.clear()
    search.left = deque(
        c for c in search.left if _askable(shared, tree, search, c.node)
    )
    if search.left:
        candidate = search.left[0]
        if search.use is Use.REPAIR:
            candidate = scouts.choose(shared, tree, search.left, now)
        search.left.remove(candidate)
        search.seen[candidate.node] = None
        return candidate
    # the origin is the last resort, and descends by room
    if main and _askable(shared, tree, search, tree.origin):
        search.seen[tree.origin] = None
        return Candidate(tree.origin, None, shared.around.peer(tree.origin))
    return None


def _askable(shared: Shared, tree: Tree, search: Search, node: NodeId) -> bool:
    if node == shared.me or node in search.seen:
        return False
    child = tree.children.get(node)
    if child is not None and child.carries:
        return False
    waiting = tree.queue.get(node)
    if waiting is not None and waiting[0].use is Use.STANDBY:
        # we join for its sake, and must not hang below it
        return False
    # why: a stalled parent has nothing; asking it again would end the edge that may
    # yet recover
    return tree.parent is None or tree.parent.node != node


def ask(shared: Shared, tree: Tree, search: Search, now: float) -> None:
    """Send the Join to the target, which is linked now."""
    assert search.target is not None
    node = search.target.node
    serial = shared.next_serial()
    held = shared.around.history(tree.stream)
    demand = interest.demand(shared, tree, now)
    search.step(Cue.ASK)
    search.late.pop(node, None)
    search.asked[node] = serial
    search.count += 1
    if search.use in MAIN and tree.asked_at is None:
        tree.asked_at = now
    after = None if held is None else held[1]
    join = Join(
        tree.stream, serial, tree.origin, search.use, demand, after, search.place
    )
    shared.outbox.send(node, join)
    patience_s = _patience(shared, tree, search, node, now)
    shared.set(tree, ALARMS[search.use], now + patience_s)


def _patience(
    shared: Shared, tree: Tree, search: Search, node: NodeId, now: float
) -> float:
    if search.use is Use.REPAIR:
        if tree.second is not None and tree.second.node == node:
            # why none: it was not ahead when the parent fell, so it lags, or it fell,
            # too; others are asked meanwhile
            return 0.0
        due = scouts.due_at(shared, tree, node)
        # why sooner: its other answer is on the way already, if there is one
        if due is not None and due > now:
            return due - now
        return scouts.patience_s(shared, node)
    return 2 * shared.rtt_s(node) + shared.config.ask_patience_s


def _exhausted(shared: Shared, tree: Tree, search: Search, now: float) -> None:
    if search.use not in MAIN:
        stop(shared, tree, search)
        # the owner of an optional search sees by its own alarm that it ended
        if search.use is Use.MOVE:
            shared.set(tree, Alarm.MOVE, now)
        else:
            survey.later(shared, tree, now)
        return
    search.step(Cue.REST)
    search.target = None
    config = shared.config
    rest_s = min(config.rest_s * 2.0 ** min(search.rounds, 8), config.rest_max_s)
    at = now + rest_s * (1 + shared.chance.random())
    shared.set(tree, ALARMS[search.use], at)


def overdue(shared: Shared, tree: Tree, search: Search, now: float) -> None:
    """The patience of the present phase is over."""
    if search.phase is Phase.RESTING:
        again(shared, tree, search, now)
    elif search.phase is not Phase.IDLE:
        target = search.target
        if target is not None and search.use in SECOND:
            tree.in_vain(target.node, now, shared.config)
        if target is not None and search.phase is Phase.DIALLING:
            search.late[target.node] = target
            if len(search.late) > shared.config.candidates_max:
                del search.late[next(iter(search.late))]
        advance(shared, tree, search, now)


def told(shared: Shared, tree: Tree, node: NodeId, tell: Tell, now: float) -> bool:
    """A scout's answer, if it is one: who has media is asked at once, unless the one
    that is asked has said the same (RFC 0011 section 7.3).
    """
    if not scouts.told(tree, node, tell):
        return False
    search = tree.search
    if search is None or search.use is not Use.REPAIR:
        return True
    if shared.short in tell.path:
        search.left = deque(c for c in search.left if c.node != node)
    better = scouts.best(tree, search.left)
    if better is None or better.node != node or scouts.below_parent(tree, tell):
        return True
    if search.target is None or not scouts.sure(tree, search.target.node):
        advance(shared, tree, search, now)
    return True


def redirected(
    shared: Shared,
    tree: Tree,
    search: Search,
    by: NodeId,
    targets: tuple[Target, ...],
    now: float,
) -> None:
    """`by` names others; they come before what was left."""
    search.asked.pop(by, None)
    if _descends(search, targets):
        search.descents += 1
    else:
        search.refusals += 1
    for target in reversed(targets):
        search.left.appendleft(Candidate(target.node, by, target.peer))
        if target.room:
            limit = shared.config.known_max
            tree.remember(target.node, target.delay_s, limit)
    while len(search.left) > shared.config.candidates_max:
        search.left.pop()
    if search.use is Use.REPAIR:
        _dial_ahead(shared, tree, search, targets, by)
    _if_waiting(shared, tree, search, by, now)


def _descends(search: Search, targets: tuple[Target, ...]) -> bool:
    """Whether a redirect leads on to room: where slots are scarce the tree is deep, and
    who had to begin again at its top would need all the longer.
    """
    room = any(target.room for target in targets)
    newcomer = search.use in MAIN and search.use is not Use.REPAIR
    return newcomer and room and search.descents < PATH_MAX


def _dial_ahead(
    shared: Shared,
    tree: Tree,
    search: Search,
    targets: tuple[Target, ...],
    by: NodeId,
) -> None:
    """Make a link to the best target while those with a link are asked."""
    for target in targets:
        node = target.node
        if not _askable(shared, tree, search, node) or shared.around.linked(node):
            continue
        if node in search.ahead or _dial(shared, Candidate(node, by, target.peer)):
            search.ahead[node] = None
            return


def refused(shared: Shared, tree: Tree, search: Search, by: NodeId, now: float) -> None:
    """`by` does not want us."""
    search.asked.pop(by, None)
    search.refusals += 1
    _declined(shared, tree, search, by, now)
    _if_waiting(shared, tree, search, by, now)


def _declined(
    shared: Shared, tree: Tree, search: Search, node: NodeId, now: float
) -> None:
    config = shared.config
    if search.use is Use.MOVE:
        tree.decline(node, now + config.declined_s, config.known_max)
    elif search.use in SECOND:
        tree.in_vain(node, now, config)


def _if_waiting(
    shared: Shared, tree: Tree, search: Search, by: NodeId, now: float
) -> None:
    waiting = search.phase in {Phase.ASKING, Phase.QUEUED}
    at_hand = search.target is not None and search.target.node == by
    fresh = search.phase is Phase.RESTING and bool(search.left)
    if (waiting and at_hand) or fresh:
        advance(shared, tree, search, now)


def stalled(shared: Shared, tree: Tree, search: Search, by: NodeId, now: float) -> None:
    """`by` has no media now and keeps us in its queue."""
    at_hand = search.phase is Phase.ASKING and search.target is not None
    if not at_hand or search.target is None or search.target.node != by:
        return
    search.step(Cue.STALL)
    if search.use is Use.REPAIR:
        advance(shared, tree, search, now)
    else:
        config = shared.config
        wait_s = config.swap_wait_s if search.use is Use.MOVE else config.queued_s
        shared.set(tree, ALARMS[search.use], now + wait_s)


def linked(shared: Shared, tree: Tree, node: NodeId, now: float) -> None:
    """A link came up: whoever was dialled is asked, also if it took too long."""
    for search in (tree.search, tree.second_search, _moving(tree)):
        if search is None:
            continue
        target, dialling = search.target, search.phase is Phase.DIALLING
        if dialling and target is not None and target.node == node:
            ask(shared, tree, search, now)
            continue
        late = search.late.pop(node, None)
        if late is not None:
            search.seen.pop(node, None)
            search.left.appendleft(late)
        elif node not in search.ahead:
            continue
        if dialling and target is not None:
            search.ahead[target.node] = None
            _put_back(search, target)
        if dialling or search.phase is Phase.RESTING:
            advance(shared, tree, search, now)


def _put_back(search: Search, candidate: Candidate) -> None:
    """It may be asked (again) in this round, behind all others."""
    search.seen.pop(candidate.node, None)
    if all(other.node != candidate.node for other in search.left):
        search.left.append(candidate)


def unreachable(shared: Shared, tree: Tree, node: NodeId, now: float) -> None:
    """A link failed or was lost: whoever waits for that node goes on."""
    for search in (tree.search, tree.second_search, _moving(tree)):
        if search is None:
            continue
        search.asked.pop(node, None)
        if node in search.ahead:
            del search.ahead[node]
            search.left = deque(c for c in search.left if c.node != node)
        if search.target is not None and search.target.node == node:
            if search.use is Use.MOVE:
                _declined(shared, tree, search, node, now)
            overdue(shared, tree, search, now)
        search.late.pop(node, None)


def _moving(tree: Tree) -> Search | None:
    return None if tree.move is None else tree.move.search


def match(tree: Tree, node: NodeId, serial: int) -> Search | None:
    """The search that asked `node` with `serial`."""
    for search in (tree.search, tree.second_search, _moving(tree)):
        if search is not None and search.asked.get(node) == serial:
            return search
    return None


def found(shared: Shared, tree: Tree, search: Search, node: NodeId) -> None:
    """`node` accepted: end the search; the others learn that they are not needed."""
    search.asked.pop(node, None)
    search.step(Cue.ACCEPT)
    _forget(shared, tree, search)


def stop(shared: Shared, tree: Tree, search: Search) -> None:
    """Give the search up."""
    search.step(Cue.STOP)
    _forget(shared, tree, search)


def _forget(shared: Shared, tree: Tree, search: Search) -> None:
    shared.cancel(tree, ALARMS[search.use])
    for node, serial in search.asked.items():
        if shared.around.linked(node):
            shared.outbox.send(node, Leave(tree.stream, serial))
    search.asked.clear()
    if tree.search is search:
        tree.search = None
    elif tree.second_search is search:
        tree.second_search = None
    elif tree.move is not None and tree.move.search is search:
        tree.move.search = None
