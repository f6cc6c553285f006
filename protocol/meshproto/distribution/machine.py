"""Who gets a copy: all distribution trees of one node (RFC 0011).

    applications -> publish, subscribe        routes  -> route_changed, offers_changed
    neighbours   -> receive, neighbour_up ... plane   -> plane_notice

One machine holds all trees, because they share one uplink.  It decides about edges and
tells planes by `RelayDelta` outputs; what neighbouring machines must know at once
(offers, links in use, origins wanted) is taken by `take_changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from meshproto.chance import Chance
from meshproto.config.distribution import DistributionConfig
from meshproto.distribution import (
    above,
    capacity,
    downstream,
    hearing,
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
from meshproto.distribution.changes import Change
from meshproto.distribution.shared import Shared
from meshproto.distribution.surroundings import Surroundings
from meshproto.distribution.tree import Alarm, Tree
from meshproto.errors import StateError
from meshproto.forwarding.relay_table import (
    Activated,
    FirstNew,
    Flowing,
    LegActivated,
    NothingNew,
    PlaneNotice,
    Silent,
)
from meshproto.ids import NodeId, ShortId, StreamId
from meshproto.outputs import Outbox
from meshproto.wire.control.distribution import Why
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.schema import Record


class Distribution:
    """The trees of one node; verbs and queries only, the rules are in the parts."""

    __slots__ = ("_shared",)

    def __init__(
        self,
        me: NodeId,
        epoch: int,
        config: DistributionConfig,
        outbox: Outbox,
        chance: Chance,
        surroundings: Surroundings,
    ) -> None:
        self._shared = Shared(me, epoch, config, outbox, chance, surroundings)

    def __len__(self) -> int:
        return len(self._shared.trees)

    # --- applications

    def publish(self, stream: StreamId, rates_bps: tuple[int, ...], now: float) -> None:
        """Be the origin of `stream`; one rate per layer, audio in the first.

        Raises `StateError` for a stream without a layer.
        """
        if not rates_bps:
            raise StateError("a stream has at least one layer")
        shared = self._shared
        tree = shared.trees.get(stream)
        if tree is not None and not tree.publishing:
            self._move_origin(tree, shared.me, now)
        tree = shared.trees.get(stream) or trees.make(shared, stream, shared.me)
        if tree is None:
            return
        tree.rates_bps = rates_bps
        tree.publishing = tree.live = True
        place.settle(shared, tree)
        downstream.serve_queue(shared, tree, now)
        place.tell_offers(shared, tree)

    def unpublish(self, stream: StreamId, now: float) -> None:
        """The publisher left for good; children are told.  Unknown streams are fine."""
        tree = self._shared.trees.get(stream)
        if tree is None or not tree.publishing:
            return
        tree.publishing = tree.live = tree.quiet = False
        self._shared.cancel(tree, Alarm.PULSE)
        downstream.drop_all(self._shared, tree, Why.GONE, now)
        place.tell_offers(self._shared, tree)
        if not tree.subscribed:
            trees.discard(self._shared, tree, now, Why.GONE)

    def subscribe(
        self,
        stream: StreamId,
        origin: NodeId,
        layers: int,
        viewers: int,
        now: float,
        *,
        dual: bool = False,
    ) -> None:
        """Viewers here want `layers` (a mask); again to change the wish.

        `dual` asks for audio and the lowest layer over both parents all the time.
        Raises `StateError` without a layer or a viewer.
        """
        if not layers or viewers < 1:
            raise StateError("a subscription has a layer and a viewer")
        shared = self._shared
        tree = shared.trees.get(stream)
        if tree is not None and tree.origin != origin and not tree.publishing:
            # why: a relay of the old origin would refuse everybody else's viewers
            self._move_origin(tree, origin, now)
            tree = shared.trees.get(stream)
        tree = tree or trees.make(shared, stream, origin)
        if tree is None:
            return
        first = not tree.subscribed
        tree.subscribed, tree.layers, tree.viewers = True, layers, viewers
        tree.dual = dual
        if tree.attached:
            interest.changed(shared, tree, now, hurry=True)
            interest.watch(shared, tree, now)
            downstream.reckon(shared, tree, now)
        elif first and tree.search is None:
            tree.began_at = now
            repair.seek(shared, tree, now)

    def unsubscribe(self, stream: StreamId, now: float) -> None:
        """The last viewer here left.  Unknown streams are fine."""
        tree = self._shared.trees.get(stream)
        if tree is None or not tree.subscribed:
            return
        tree.subscribed, tree.layers, tree.viewers = False, 0, 0
        if tree.wanted:
            interest.changed(self._shared, tree, now, hurry=True)
            interest.watch(self._shared, tree, now)
            downstream.reckon(self._shared, tree, now)
        else:
            trees.collect(self._shared, tree, now)

    def say(self, stream: StreamId, label: str, data: bytes | str, now: float) -> bool:
        """A client here said something on a data channel: the publisher to all viewers,
        a viewer to the publisher.  Whether it went anywhere; what did not is counted.
        """
        tree = self._shared.trees.get(stream)
        return tree is not None and messages.say(self._shared, tree, label, data, now)

    def name_path(self, stream: StreamId, now: float) -> None:
        """Learn the NodeIds of the root path; `PathNamed` says when they are known."""
        tree = self._shared.trees.get(stream)
        if tree is not None:
            naming.ask(self._shared, tree, now)

    def messages(self) -> dict[str, int]:
        """What became of messages, by fixed labels."""
        return dict(self._shared.messages.counts)

    def origin_moved(self, stream: StreamId, origin: NodeId, now: float) -> None:
        """The stream's publisher is at `origin` now, under the same claim."""
        tree = self._shared.trees.get(stream)
        if tree is None:
            return
        if tree.origin != origin:
            self._move_origin(tree, origin, now)
        elif not tree.attached:
            upstream.wake(self._shared, tree, now)
            repair.seek(self._shared, tree, now)

    def _move_origin(self, tree: Tree, origin: NodeId, now: float) -> None:
        """A new origin is a new tree; viewers here stay (RFC 0011 section 7.5)."""
        wish = (tree.subscribed, tree.layers, tree.viewers, tree.dual)
        shared = self._shared
        tree.publishing = False
        trees.discard(shared, tree, now, Why.GONE)
        if origin == shared.me or not wish[0]:
            if wish[0]:
                fresh = trees.make(shared, tree.stream, origin)
                if fresh is not None:
                    fresh.subscribed, fresh.layers, fresh.viewers, fresh.dual = wish
            return
        self.subscribe(tree.stream, origin, wish[1], wish[2], now, dual=wish[3])

    def leaving(self, now: float) -> None:
        """Go away.  Own streams end; children of other trees are asked to
        move first, and `gone` says when the last tree is left (`leave_s` at most).
        """
        shared = self._shared
        shared.leaving = True
        for tree in list(shared.trees.values()):
            tree.subscribed, tree.layers, tree.viewers = False, 0, 0
            if tree.publishing:
                self.unpublish(tree.stream, now)
            else:
                shedding.hand_over(shared, tree, now)

    def judge(self, carries: Callable[[StreamId], bool], now: float) -> None:
        """From now on pass on only streams of others that `carries` allows.

        Children of a stream that is not allowed any more are asked to move first.
        """
        self._shared.carries = carries
        for tree in list(self._shared.trees.values()):
            if capacity.carried(self._shared, tree):
                continue
            if tree.children:
                shedding.hand_over(self._shared, tree, now)
            place.tell_offers(self._shared, tree)

    @property
    def gone(self) -> bool:
        """Whether `leaving` is done: no tree is left."""
        return not self._shared.trees

    # --- links and routes

    def receive(self, neighbour: NodeId, record: Record, now: float) -> None:
        """A record of kinds 64-95 from `neighbour`; wrong ones become `Refused`."""
        hearing.receive(self._shared, neighbour, record, now)

    def neighbour_up(self, neighbour: NodeId, now: float) -> None:
        """A link is ready."""
        for tree in list(self._shared.trees.values()):
            upstream.linked(self._shared, tree, neighbour, now)
            standby.linked(self._shared, tree, neighbour, now)

    def neighbour_down(self, neighbour: NodeId, now: float) -> None:
        """A link is gone: its edges are, too."""
        shared = self._shared
        shared.messages.forget(neighbour)
        for tree in list(shared.trees.values()):
            _lose(shared, tree, neighbour, now)

    def dial_failed(self, node: NodeId, now: float) -> None:
        """A link could not be set up."""
        for tree in list(self._shared.trees.values()):
            upstream.unreachable(self._shared, tree, node, now)

    def suspected(self, neighbour: NodeId, now: float) -> None:
        """A link missed checks: look for a better parent soon."""
        if neighbour in self._shared.uses:
            for tree in self._shared.trees.values():
                if tree.parent is not None and tree.parent.node == neighbour:
                    turns.worse(self._shared, tree, now)

    def cost_moved(self, neighbour: NodeId, now: float) -> None:
        """The smoothed RTT of a link changed much."""
        if neighbour in self._shared.uses:
            for tree in self._shared.trees.values():
                if tree.parent is not None and tree.parent.node == neighbour:
                    turns.reweigh(self._shared, tree, now)

    def route_changed(self, origin: NodeId, now: float) -> None:
        """The next hop towards `origin` changed or appeared."""
        for stream in list(self._shared.by_origin.get(origin, ())):
            upstream.wake(self._shared, self._shared.trees[stream], now)

    def offers_changed(self, origin: NodeId, now: float) -> None:
        """Neighbours offer something else for trees of `origin`."""
        self.route_changed(origin, now)

    def uplink_changed(self, now: float) -> None:
        """The granted uplink is another one: slots follow."""
        for tree in self._shared.trees.values():
            downstream.grown(self._shared, tree, now)

    def probed(self, token: int, rtt_s: float | None, now: float) -> None:
        """The answer to a `Probe` output; even tokens are not ours."""
        entry = self._shared.probes.pop(token, None)
        tree = None if entry is None else self._shared.trees.get(entry[0])
        if entry is not None and tree is not None:
            turns.probed(self._shared, tree, entry[1], rtt_s, now)
            swap.probed(self._shared, tree, entry[1], rtt_s, now)

    # --- plane

    def plane_notice(self, notice: PlaneNotice, now: float) -> None:
        """What the plane saw; a stream that is not here any more is fine."""
        tree = self._shared.trees.get(notice.stream)
        if tree is None:
            return
        match notice:
            case FirstNew():
                moves.first_new(self._shared, tree, notice, now)
            case NothingNew():
                moves.nothing_new(self._shared, tree, notice, now)
            case Activated():
                repair.activated(self._shared, tree, notice, now)
            case LegActivated():
                repair.leg_activated(self._shared, tree, notice, now)
            case Silent():
                repair.silent(self._shared, tree, notice, now)
            case Flowing():
                repair.flowing(self._shared, tree, notice, now)

    # --- time

    def next_timeout(self) -> float | None:
        """The next deadline."""
        return self._shared.timers.next()

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        shared = self._shared
        for stream, alarm in shared.timers.due(now):
            tree = shared.trees.get(stream)
            if tree is not None:
                _HANDLERS[alarm](shared, tree, now)

    def take_changes(self) -> list[Change]:
        """What other machines of the node must know, in order; taken once."""
        changes, self._shared.changes = self._shared.changes, []
        return changes

    # --- queries

    def streams(self) -> Iterable[StreamId]:
        """Streams with a tree here."""
        return tuple(self._shared.trees)

    def parent(self, stream: StreamId) -> NodeId | None:
        """The active parent."""
        tree = self._shared.trees.get(stream)
        return None if tree is None or tree.parent is None else tree.parent.node

    def standby(self, stream: StreamId) -> NodeId | None:
        """The second parent."""
        tree = self._shared.trees.get(stream)
        return None if tree is None or tree.second is None else tree.second.node

    def children(self, stream: StreamId) -> tuple[NodeId, ...]:
        """Children with packets, largest subtree first."""
        tree = self._shared.trees.get(stream)
        if tree is None:
            return ()
        fed = [child for child in tree.children.values() if child.carries]
        fed.sort(key=lambda child: -child.subtree)
        return tuple(child.node for child in fed)

    def root_path(self, stream: StreamId) -> tuple[ShortId, ...]:
        """From the origin to this node, empty when not in the tree."""
        tree = self._shared.trees.get(stream)
        return tree.root if tree is not None and tree.attached else ()

    def names(self, stream: StreamId) -> tuple[NodeId, ...]:
        """From the origin to the parent, empty while they are not known."""
        tree = self._shared.trees.get(stream)
        return () if tree is None else naming.known(tree)

    def root_delays(self, stream: StreamId) -> tuple[float, ...]:
        """One way from the origin to each node of the root path, as it was told."""
        tree = self._shared.trees.get(stream)
        return tree.root_delays if tree is not None and tree.attached else ()

    def hop_s(self, node: NodeId) -> float:
        """What a hop from `node` to here adds to a delay."""
        return self._shared.hop_s(node)

    def delay_s(self, stream: StreamId) -> float | None:
        """One way from the origin, None when not in the tree."""
        tree = self._shared.trees.get(stream)
        return tree.delay_s if tree is not None and tree.attached else None

    def live(self, stream: StreamId) -> bool:
        """Whether media is here, by all that is known."""
        tree = self._shared.trees.get(stream)
        return tree is not None and tree.live and tree.attached

    def offer(self, stream: StreamId) -> Offer | None:
        """What this node offers to children."""
        tree = self._shared.trees.get(stream)
        return None if tree is None else place.offer(self._shared, tree)

    def dump(self) -> dict[str, Any]:
        """Everything, for the status page and for people."""
        return {
            stream.hex(): _dump(self._shared, tree)
            for stream, tree in self._shared.trees.items()
        }


def _lose(shared: Shared, tree: Tree, neighbour: NodeId, now: float) -> None:
    if tree.queue.pop(neighbour, None) is not None and not tree.wanted:
        shared.hasten(tree, Alarm.COLLECT, now)
    downstream.remove(shared, tree, neighbour, "link", now)
    upstream.unreachable(shared, tree, neighbour, now)
    moves.unlinked(shared, tree, neighbour, now)
    swap.unlinked(shared, tree, neighbour)
    second = tree.second
    if second is not None and second.node == neighbour:
        above.release_second(shared, tree)
        shared.hasten(tree, Alarm.SECOND, now + shared.config.report_s)
    if tree.parent is not None and tree.parent.node == neighbour:
        repair.lost(shared, tree, now, "link")


def _search_due(shared: Shared, tree: Tree, now: float) -> None:
    if tree.search is not None:
        upstream.overdue(shared, tree, tree.search, now)


def _second_search_due(shared: Shared, tree: Tree, now: float) -> None:
    if tree.second_search is not None:
        upstream.overdue(shared, tree, tree.second_search, now)


def _move_search_due(shared: Shared, tree: Tree, now: float) -> None:
    if tree.move is not None and tree.move.search is not None:
        upstream.overdue(shared, tree, tree.move.search, now)


def _lease_due(shared: Shared, tree: Tree, now: float) -> None:
    for node in interest.expired(shared, tree, now):
        downstream.drop(shared, tree, node, Why.LEASE, now)
    hearing.lease_check(shared, tree, now)


def _leave_due(shared: Shared, tree: Tree, now: float) -> None:
    trees.discard(shared, tree, now, Why.LEAVING)


def _linger_due(shared: Shared, tree: Tree, now: float) -> None:
    del now
    repair.linger_over(shared, tree)


_HANDLERS: dict[Alarm, Callable[[Shared, Tree, float], None]] = {
    Alarm.SEARCH: _search_due,
    Alarm.MOVE_SEARCH: _move_search_due,
    Alarm.SECOND_SEARCH: _second_search_due,
    Alarm.HOLD: repair.hold_over,
    Alarm.PACKET: repair.packet_over,
    Alarm.PULSE: repair.pulse,
    Alarm.LEASE: _lease_due,
    Alarm.REPORT: interest.report_due,
    Alarm.COLLECT: trees.collect,
    Alarm.SECOND: standby.due,
    Alarm.TURN: turns.turn_due,
    Alarm.WORSE: turns.worse_due,
    Alarm.MOVE: moves.move_due,
    Alarm.BURST: shedding.burst_over,
    Alarm.LINGER: _linger_due,
    Alarm.ASIDE: shedding.step_aside,
    Alarm.LEAVE: _leave_due,
    Alarm.DEAL: swap.deal_over,
    Alarm.PROMISE: swap.promise_over,
}

assert set(_HANDLERS) == set(Alarm)


def _dump(shared: Shared, tree: Tree) -> dict[str, Any]:
    del shared
    search = tree.search
    return {
        "origin": tree.origin.hex(),
        "parent": None if tree.parent is None else tree.parent.node.hex(),
        "second": None if tree.second is None else tree.second.node.hex(),
        "live": tree.live,
        "quiet": tree.quiet,
        "delay_s": tree.delay_s,
        "root": [short.hex() for short in tree.root],
        "search": None if search is None else search.phase.value,
        "children": {
            child.node.hex(): {
                "use": child.use.name.lower(),
                "subtree": child.subtree,
                "viewers": child.viewers,
                "room": child.room,
                "layers": child.layers,
            }
            for child in tree.children.values()
        },
        "queue": [node.hex() for node in tree.queue],
    }
