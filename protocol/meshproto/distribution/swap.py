"""Changing places (RFC 0011 section 6.3).

A better parent that is full may give the slot of a child that loses less than the mover
wins, both weighted by the nodes below.  The parent picks the child by prediction, the
child measures before it agrees, the mover comes first, and then the child takes the
mover's old slot.  For that moment the parent has one child more.
"""

from __future__ import annotations

from meshproto.distribution import (
    candidates,
    capacity,
    commit,
    downstream,
    interest,
    moves,
    turns,
)
from meshproto.distribution.candidates import Candidate
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Child, Tree
from meshproto.ids import NodeId, short_id
from meshproto.wire.control.distribution import (
    Join,
    Place,
    Stalled,
    SwapAnswer,
    SwapAsk,
    SwapGo,
    Use,
)


class Promise:
    """At the better parent: `mover` comes if `child` goes."""

    __slots__ = ("accepted", "child", "join", "mover", "token")

    def __init__(self, mover: NodeId, child: NodeId, join: Join, token: int) -> None:
        self.mover = mover
        self.child = child
        self.join = join
        self.token = token
        self.accepted = False


class Deal:
    """At the child: what was asked, whether it agreed, and by when it must have gone
    once it was told to.
    """

    __slots__ = ("agreed", "ask", "goes_by", "parent")

    def __init__(self, parent: NodeId, ask: SwapAsk) -> None:
        self.parent = parent
        self.ask = ask
        self.agreed = False
        self.goes_by: float | None = None


def wished(shared: Shared, tree: Tree, mover: NodeId, join: Join, now: float) -> bool:
    """Whether the wish of a mover is handled as a swap."""
    if join.use is not Use.MOVE or join.place is None or tree.promise is not None:
        return False
    if not (tree.live and tree.attached) or mover in tree.heirs:
        return False
    if downstream.objection(shared, tree, mover, join) is not None:
        return False
    if capacity.slots(shared, tree).ordinary or capacity.over(shared, tree):
        return False
    child = _cheapest(shared, tree, mover, join, join.place)
    if child is None:
        return False
    token = shared.next_serial()
    tree.promise = Promise(mover, child.node, join, token)
    weight_s = join.place.gain_s * join.demand.subtree
    shared.outbox.send(child.node, SwapAsk(tree.stream, token, weight_s, join.place))
    shared.outbox.send(mover, Stalled(tree.stream, join.serial))
    shared.set(tree, Alarm.PROMISE, now + shared.config.swap_wait_s)
    return True


def _cheapest(
    shared: Shared, tree: Tree, mover: NodeId, join: Join, wish: Place
) -> Child | None:
    """The child that loses least, if the mover wins more."""
    peer = wish.peer or shared.around.peer(wish.parent)
    weight_s = wish.gain_s * join.demand.subtree
    best, best_s = None, weight_s - shared.config.swap_gain_s
    for child in tree.children.values():
        if not child.active or child.node in {mover, wish.parent}:
            continue
        if short_id(child.node) in wish.path:
            continue
        rtt_s = candidates.distance_s(shared.around.peer(child.node), peer)
        if rtt_s is None:
            rtt_s = shared.config.rtt_unknown_s
        before_s = tree.delay_s + shared.hop_s(child.node)
        after_s = wish.delay_s + rtt_s / 2 + shared.config.hop_cost_s
        loss_s = (after_s - before_s) * child.subtree
        if loss_s < best_s:
            best, best_s = child, loss_s
    return best


def asked(
    shared: Shared, tree: Tree, node: NodeId, record: SwapAsk, now: float
) -> None:
    """The parent asks us to give our place away."""
    parent = tree.parent
    if parent is None or parent.node != node:
        shared.refuse(node, "tree-edge")
        return
    target = record.place.parent
    below = shared.short in record.place.path or target in tree.children
    if below or target == shared.me or not moves.may_move(shared, tree, now):
        shared.outbox.send(node, SwapAnswer(tree.stream, record.token, False))
        return
    tree.deal = Deal(node, record)
    shared.set(tree, Alarm.DEAL, now + shared.config.probe_wait_s)
    rtt_s = shared.around.rtt_s(target)
    if shared.around.linked(target) and rtt_s is not None:
        _judge(shared, tree, rtt_s, now)
    elif not turns.probe(shared, tree, target):
        _judge(shared, tree, None, now)


def probed(
    shared: Shared, tree: Tree, node: NodeId, rtt_s: float | None, now: float
) -> None:
    """The place that we were offered was measured."""
    deal = tree.deal
    if deal is not None and not deal.agreed and deal.ask.place.parent == node:
        _judge(shared, tree, rtt_s, now)


def _judge(shared: Shared, tree: Tree, rtt_s: float | None, now: float) -> None:
    deal = tree.deal
    assert deal is not None
    if rtt_s is not None:
        after_s = deal.ask.place.delay_s + rtt_s / 2 + shared.config.hop_cost_s
        nodes = capacity.below(shared, tree)[0]
        loss_s = (after_s - tree.delay_s) * nodes
        deal.agreed = deal.ask.weight_s > loss_s + shared.config.swap_gain_s
    answer = SwapAnswer(tree.stream, deal.ask.token, deal.agreed)
    if shared.around.linked(deal.parent):
        shared.outbox.send(deal.parent, answer)
    if deal.agreed:
        shared.set(tree, Alarm.DEAL, now + shared.config.move_s)
    else:
        tree.deal = None
        shared.cancel(tree, Alarm.DEAL)


def deal_over(shared: Shared, tree: Tree, now: float) -> None:
    """No measurement in time, the mover never came, or a lock may be gone."""
    deal = tree.deal
    if deal is not None and deal.goes_by is not None:
        _give_way(shared, tree, deal, now)
        return
    if deal is not None and not deal.agreed:
        _judge(shared, tree, None, now)
    tree.deal = None


def answered(
    shared: Shared, tree: Tree, node: NodeId, record: SwapAnswer, now: float
) -> None:
    """The child agrees, or not."""
    promise = tree.promise
    if promise is None or promise.child != node or promise.token != record.token:
        shared.refuse(node, "tree-token")
        return
    if promise.accepted:
        return
    # why over: orphans came meanwhile, and with the mover there would be one too many
    late = capacity.over(shared, tree) or not shared.around.linked(promise.mover)
    if not record.agreed or late:
        _break(shared, tree, now)
        return
    join = promise.join
    live = tree.live and tree.attached
    if not live or downstream.objection(shared, tree, promise.mover, join) is not None:
        _break(shared, tree, now)
        return
    promise.accepted = True
    downstream.accept(shared, tree, promise.mover, join, now)
    shared.set(tree, Alarm.PROMISE, now + shared.config.move_s)


def _break(shared: Shared, tree: Tree, now: float) -> None:
    """No swap: the mover is answered like anybody else."""
    promise, tree.promise = tree.promise, None
    if promise is None or promise.accepted:
        return
    if shared.around.linked(promise.mover):
        downstream.answer(shared, tree, promise.mover, promise.join, now)


def promise_over(shared: Shared, tree: Tree, now: float) -> None:
    """The swap took too long, or a slot was kept for an heir long enough."""
    for node in [n for n, until in tree.heirs.items() if until <= now]:
        del tree.heirs[node]
    _break(shared, tree, now)
    interest.changed(shared, tree, now)


def taken(shared: Shared, tree: Tree, node: NodeId, now: float) -> None:
    """The mover is here: the child may go."""
    del now
    promise = tree.promise
    if promise is not None and promise.mover == node and promise.accepted:
        tree.promise = None
        if shared.around.linked(promise.child):
            shared.outbox.send(promise.child, SwapGo(tree.stream, promise.token))


def go(shared: Shared, tree: Tree, node: NodeId, record: SwapGo, now: float) -> None:
    """Take the place that we agreed to."""
    deal = tree.deal
    if deal is None or not deal.agreed or deal.parent != node:
        shared.refuse(node, "tree-token")
        return
    if deal.ask.token != record.token:
        shared.refuse(node, "tree-token")
        return
    deal.goes_by = now + shared.config.heir_s
    _give_way(shared, tree, deal, now)


def _give_way(shared: Shared, tree: Tree, deal: Deal, now: float) -> None:
    """Move, or wait for the lock of somebody else's move: who would stay for its sake
    leaves the parent one child above its slots (RFC 0011 section 6.3).
    """
    parent, until = tree.parent, commit.locked_until(tree, now)
    same = parent is not None and parent.node == deal.parent
    waits = until is not None and deal.goes_by is not None and until < deal.goes_by
    if same and waits and until is not None:
        shared.set(tree, Alarm.DEAL, until)
        return
    tree.deal = None
    shared.cancel(tree, Alarm.DEAL)
    if same and moves.may_move(shared, tree, now):
        wish = deal.ask.place
        # why through nobody: the mover knew that place, our parent has no link to it
        target = Candidate(wish.parent, None, wish.peer)
        moves.begin(shared, tree, [target], 0.0, "swap", now)


def unlinked(shared: Shared, tree: Tree, node: NodeId) -> None:
    """Somebody of a swap is gone."""
    promise = tree.promise
    if promise is not None and node in {promise.mover, promise.child}:
        tree.promise = None
    deal = tree.deal
    if deal is not None and deal.parent == node:
        tree.deal = None
    tree.heirs.pop(node, None)
    del shared
