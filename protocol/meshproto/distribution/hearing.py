"""What neighbours say: each record to the part that answers it (RFC 0011 section 3).

A record is taken only from the node it concerns, under the serial or token of the edge,
search or question that it belongs to; everything else is refused with a label and has
no effect, for it is late, or a lie.
"""

from __future__ import annotations

from meshproto.distribution import (
    above,
    commit,
    downstream,
    interest,
    messages,
    moves,
    naming,
    place,
    repair,
    shedding,
    standby,
    swap,
    trees,
    turns,
    upstream,
)
from meshproto.distribution.events import LeaseExpired
from meshproto.distribution.shared import Shared
from meshproto.distribution.tree import Alarm, Child, Tree
from meshproto.ids import NodeId, StreamId, short_id
from meshproto.wire.control import distribution as w
from meshproto.wire.control.schema import Record


def receive(shared: Shared, neighbour: NodeId, record: Record, now: float) -> None:
    """Any record of the package."""
    if isinstance(record, w.Join):
        _join(shared, neighbour, record, now)
        return
    stream: StreamId = getattr(record, "stream", StreamId(b""))
    tree = shared.trees.get(stream)
    if tree is None:
        _unknown(shared, neighbour, record)
    elif isinstance(record, w.FromBelow):
        _from_below(shared, tree, neighbour, record, now)
    elif isinstance(record, w.FromAbove):
        _from_above(shared, tree, neighbour, record, now)
    else:
        shared.refuse(neighbour, "tree-kind")


def _unknown(shared: Shared, neighbour: NodeId, record: Record) -> None:
    """There is no such tree here (any more)."""
    if isinstance(record, w.Accept):
        shared.outbox.send(neighbour, w.Leave(record.stream, record.serial))
    elif isinstance(record, w.Query):
        empty = w.Tell(record.stream, record.token, 0.0, 0, (), (), ())
        shared.outbox.send(neighbour, empty)
    elif isinstance(record, w.Interest | w.Rely):
        drop = w.Drop(record.stream, record.serial, w.Why.UNKNOWN)
        shared.outbox.send(neighbour, drop)
    else:
        shared.refuse(neighbour, "tree-unknown")


def _join(shared: Shared, joiner: NodeId, join: w.Join, now: float) -> None:
    tree = shared.trees.get(join.stream)
    if tree is None:
        if not shared.carries(join.stream):
            # why full: the joiner goes elsewhere, and the route here stays good
            refusal = w.Refuse(join.stream, join.serial, w.Why.FULL)
            shared.outbox.send(joiner, refusal)
            return
        tree = _relay(shared, joiner, join, now)
        if tree is None:
            return
    if join.place is not None and swap.wished(shared, tree, joiner, join, now):
        return
    downstream.answer(shared, tree, joiner, join, now)
    _start(shared, tree, now)


def _relay(shared: Shared, joiner: NodeId, join: w.Join, now: float) -> Tree | None:
    """Become a relay for the joiner's sake, if there is a way to the origin."""
    hop = shared.around.next_hop(join.origin)
    old = join.demand.lease_s >= shared.config.lease_life_s
    reason = w.Why.LEASE if old else w.Why.UNKNOWN
    tree = None
    moves_here = join.use is w.Use.MOVE
    # why not back: the joiner would be asked for what it asks for
    if not (moves_here or old) and hop is not None and hop != joiner:
        tree = trees.make(shared, join.stream, join.origin)
        if tree is not None:
            tree.began_at = now
            return tree
        reason = w.Why.BUSY
    shared.outbox.send(joiner, w.Refuse(join.stream, join.serial, reason))
    return None


def _start(shared: Shared, tree: Tree, now: float) -> None:
    """A tree without a parent looks for one while somebody waits."""
    if tree.attached:
        return
    if tree.search is None and tree.wanted:
        repair.seek(shared, tree, now)
    elif not tree.wanted:
        trees.collect(shared, tree, now)


def _from_below(
    shared: Shared, tree: Tree, node: NodeId, record: w.FromBelow, now: float
) -> None:
    match record:
        case w.Leave():
            _leave(shared, tree, node, record, now)
        case w.Interest():
            _interest(shared, tree, node, record, now)
        case w.Rely():
            _rely(shared, tree, node, record, now)
        case w.Query():
            downstream.tell(shared, tree, node, record)
        case w.Pause():
            _pause(shared, tree, node, record.serial, record.after)
        case w.Resume():
            _pause(shared, tree, node, record.serial, None)
        case w.MoveCommit():
            commit.asked(shared, tree, node, record, now)
        case w.MessageUp():
            messages.climb(shared, tree, node, record, now)
        case w.WhoAbove():
            naming.asked(shared, tree, node, now)
        case w.SwapAnswer():
            swap.answered(shared, tree, node, record, now)
        case _:
            shared.refuse(node, "tree-kind")


def _from_above(
    shared: Shared, tree: Tree, node: NodeId, record: w.FromAbove, now: float
) -> None:
    match record:
        case w.Accept():
            _accept(shared, tree, node, record, now)
        case w.Redirect() | w.Refuse() | w.Stalled():
            _answer(shared, tree, node, record, now)
        case w.Path():
            _path(shared, tree, node, record, now)
        case w.MessageDown():
            messages.descend(shared, tree, node, record, now)
        case w.Pulse():
            repair.pulsed(shared, tree, node, record, now)
        case w.Drop():
            repair.dropped(shared, tree, node, record, now)
        case w.Tell():
            _told(shared, tree, node, record, now)
        case w.Names():
            naming.told(shared, tree, node, record)
        case w.MoveVerdict():
            commit.verdict(shared, tree, node, record, now)
        case w.SwapAsk():
            swap.asked(shared, tree, node, record, now)
        case w.SwapGo():
            swap.go(shared, tree, node, record, now)
        case w.Release():
            shedding.released(shared, tree, node, record, now)


def _told(shared: Shared, tree: Tree, node: NodeId, tell: w.Tell, now: float) -> None:
    """An answer: to whoever asked."""
    for asker in (standby.told, upstream.told):
        if asker(shared, tree, node, tell, now):
            return
    turns.told(shared, tree, node, tell, now)


def _leave(
    shared: Shared, tree: Tree, node: NodeId, record: w.Leave, now: float
) -> None:
    waiting = tree.queue.get(node)
    if waiting is not None and waiting[0].serial == record.serial:
        del tree.queue[node]
    child = tree.children.get(node)
    if child is not None and child.serial == record.serial:
        if record.heir is not None and child.active:
            tree.heirs[record.heir] = now + shared.config.heir_s
            shared.set(tree, Alarm.PROMISE, now + shared.config.heir_s)
        downstream.remove(shared, tree, node, "left", now)
    if not tree.wanted:
        shared.hasten(tree, Alarm.COLLECT, now + shared.config.collect_s)


def _interest(
    shared: Shared, tree: Tree, node: NodeId, record: w.Interest, now: float
) -> None:
    child = _child(shared, tree, node, record)
    if child is None:
        return
    layers, before = child.wanted, child.report
    renewed = _hear(shared, child, record.demand, now)
    if child.use in {w.Use.MOVE, w.Use.STANDBY}:
        downstream.promote(shared, tree, child, now)
        swap.taken(shared, tree, node, now)
    if child.wanted != layers:
        shedding.regrant(shared, tree, child)
        interest.changed(shared, tree, now, hurry=True)
    elif child.report != before:
        interest.changed(shared, tree, now)
        place.tell_offers(shared, tree)
    if bool(child.viewers) != bool(before[0]):
        downstream.reckon(shared, tree, now)
    if renewed:
        interest.lease_arrived(shared, tree, now)


def _child(
    shared: Shared, tree: Tree, node: NodeId, record: w.Interest | w.Rely
) -> Child | None:
    """The child that speaks of its edge."""
    child = tree.children.get(node)
    if child is not None and child.serial == record.serial:
        return child
    # the edge ended meanwhile: say so, or the child would rely on it
    drop = w.Drop(tree.stream, record.serial, w.Why.UNKNOWN)
    shared.outbox.send(node, drop)
    return None


def _hear(shared: Shared, child: Child, demand: w.Demand, now: float) -> bool:
    """Take a report; whether it brought a younger lease.  On its way it aged."""
    transit_s = max(shared.rtt_s(child.node) / 2, shared.config.lease_hop_s)
    renewed = now - transit_s - demand.lease_s > child.lease_at
    child.hear(demand, now - transit_s)
    return renewed


def _rely(shared: Shared, tree: Tree, node: NodeId, record: w.Rely, now: float) -> None:
    """A standby child still counts on us (RFC 0011 section 6.4)."""
    child = _child(shared, tree, node, record)
    if child is None:
        return
    renewed = _hear(shared, child, record.demand, now)
    if child.use is w.Use.STANDBY and child.wanted != child.layers:
        downstream.set_layers(shared, tree, child, child.wanted)
        interest.changed(shared, tree, now, hurry=True)
    if renewed and not tree.needed:
        interest.lease_arrived(shared, tree, now)


def _pause(
    shared: Shared, tree: Tree, node: NodeId, serial: int, after: int | None
) -> None:
    child = tree.children.get(node)
    if child is None or child.serial != serial:
        shared.refuse(node, "tree-edge")
        return
    downstream.set_layers(shared, tree, child, child.layers, after)


def _accept(
    shared: Shared, tree: Tree, node: NodeId, record: w.Accept, now: float
) -> None:
    search = upstream.match(tree, node, record.serial)
    if search is None:
        shared.outbox.send(node, w.Leave(tree.stream, record.serial))
        return
    if shared.short in record.path or len(record.path) >= w.PATH_MAX:
        above.looped(shared, tree, node)
        shared.outbox.send(node, w.Leave(tree.stream, record.serial))
        upstream.refused(shared, tree, search, node, now)
        return
    if not _sound(node, record):
        shared.refuse(node, "tree-path")
        shared.outbox.send(node, w.Leave(tree.stream, record.serial))
        upstream.refused(shared, tree, search, node, now)
        return
    if record.rates_bps:
        tree.rates_bps = record.rates_bps
    edge = above.upper(node, search.use, record)
    if search.use in upstream.MAIN:
        upstream.found(shared, tree, search, node)
        reason = above.REASONS[search.use]
        above.attach(shared, tree, edge, reason, now, search.count)
    elif search.use is w.Use.MOVE:
        moves.accepted(shared, tree, search, edge, record.heir, now)
    else:
        standby.ready(shared, tree, search, edge, now)


def _sound(node: NodeId, record: w.Accept | w.Path) -> bool:
    """Whether a root path is one: it ends with its sender, with a delay for each."""
    path = record.path
    return bool(path) and path[-1] == short_id(node) and len(path) == len(record.delays)


def _answer(
    shared: Shared,
    tree: Tree,
    node: NodeId,
    record: w.Redirect | w.Refuse | w.Stalled,
    now: float,
) -> None:
    search = upstream.match(tree, node, record.serial)
    if search is None:
        shared.refuse(node, "tree-serial")
        return
    match record:
        case w.Redirect() if moves.follows(tree, search):
            upstream.redirected(shared, tree, search, node, record.targets, now)
        case w.Redirect():
            upstream.refused(shared, tree, search, node, now)
        case w.Refuse():
            upstream.refused(shared, tree, search, node, now)
        case w.Stalled():
            upstream.stalled(shared, tree, search, node, now)


def _path(shared: Shared, tree: Tree, node: NodeId, record: w.Path, now: float) -> None:
    """The place of a parent, a second one, or one to move to."""
    if not _sound(node, record):
        shared.refuse(node, "tree-path")
        return
    hit = False
    for edge in (tree.parent, tree.second, moves.edge(tree)):
        if edge is not None and edge.node == node:
            edge.delay_s, edge.path = record.delay_s, record.path
            edge.delays = record.delays
            hit = True
    if not hit:
        shared.refuse(node, "tree-edge")
        return
    parent = tree.parent
    if parent is not None and parent.node == node:
        _placed(shared, tree, now)
    moves.repathed(shared, tree, node, now)
    standby.recheck(shared, tree, now)


def _placed(shared: Shared, tree: Tree, now: float) -> None:
    parent = tree.parent
    assert parent is not None
    if shared.short in parent.path or len(parent.path) >= w.PATH_MAX:
        above.looped(shared, tree, parent.node)
        repair.lost(shared, tree, now, "loop")
        return
    place.settle(shared, tree)
    downstream.cut_loops(shared, tree, now)
    turns.reweigh(shared, tree, now)


def lease_check(shared: Shared, tree: Tree, now: float) -> None:
    """Renew as a leaf; leave when nobody watches any more."""
    config = shared.config
    if tree.publishing or tree.subscribed:
        due = tree.lease_sent_at + config.lease_s <= now + config.report_s
        if tree.subscribed and tree.parent is not None and due:
            turns.reweigh(shared, tree, now)
            interest.report(shared, tree, now)
    elif interest.youngest(tree, now) <= now - config.lease_life_s:
        if tree.wanted:
            shared.outbox.put(LeaseExpired(tree.stream, None))
        trees.discard(shared, tree, now, w.Why.LEASE)
        return
    interest.watch(shared, tree, now)
