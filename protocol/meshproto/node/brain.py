"""`Node`: the root machine (RFC 0001 section 3).

Each question has a machine; this one asks none itself.  It hands every input to the
machine that it concerns, carries what one machine says to those whom it concerns, and
lets the link machine put all records of one input into as few frames as will do.

    driver -> verb(..., now) -> machines -> changes -> machines ... -> Transmit, deltas

After one input the driver drains `poll()`; nothing is lost between inputs, and the same
inputs give the same outputs, bit for bit.  Remote mistakes end in the machine that saw
them: no verb that carries remote octets raises.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import assert_never

from meshproto.chance import Chance
from meshproto.config.gossip import DIRECTORY_TOPIC, PRESENCE_TOPIC
from meshproto.distribution import changes as tree_changes
from meshproto.distribution.machine import Distribution
from meshproto.forwarding.relay_table import PlaneNotice
from meshproto.gossip.directory import Directory
from meshproto.gossip.peers import Version
from meshproto.gossip.presence import Presence
from meshproto.gossip.router import GossipRouter
from meshproto.ids import LinkId, NodeId, StreamId
from meshproto.link import events as link_events
from meshproto.link.links import Links
from meshproto.node.figures import sent_octets, sizes
from meshproto.node.finding import Finding
from meshproto.node.graph import Graph
from meshproto.node.receivers import Receivers, is_of_graph
from meshproto.node.values import Ability, Identity, NodeConfig, Wish
from meshproto.node.view import Neighbours, View
from meshproto.outputs import HangUp, Outbox, Output, Purpose, Send
from meshproto.overlay.overlay import Overlay
from meshproto.routing import changes as route_changes
from meshproto.routing.router import Router
from meshproto.wire.control.directory import Claim, Media
from meshproto.wire.control.peer import PeerRecord

THIN_SLOTS = 3
"""A node that feeds fewer copies listens to routes and passes none on (RFC 0010)."""

_UNKNOWN = -1.0  # a deadline that has to be asked for again

_GOES_ON = frozenset({"restarted", "replaced"})
"""Ends after which the same neighbour is linked again, for the purpose it was."""


class Node:
    """The whole brain of one node, without input and output."""

    def __init__(
        self,
        identity: Identity,
        chance: Chance,
        verify: Callable[[NodeId, bytes, bytes], bool],
        history: Callable[[StreamId], tuple[int, int] | None],
        config: NodeConfig | None = None,
    ) -> None:
        """`history` asks the plane for (key frame, newest) of a stream."""
        config = config or NodeConfig()
        self.me = me = identity.node
        epoch, sign = identity.epoch, identity.sign
        self._config = config
        self._inner = box = Outbox()
        self._outputs = Outbox()
        self._view = view = View(self._inner, history)
        common = (chance, sign, verify, Neighbours(view))
        self._links = Links(me, epoch, config.link, box, chance)
        self._overlay = Overlay(me, epoch, config.overlay, box, *common)
        self._gossip = GossipRouter(me, epoch, config.gossip, box, *common)
        self._directory = Directory(
            *(me, epoch, config.directory, box, chance, sign, verify),
            partial(self._gossip.publish, DIRECTORY_TOPIC),
        )
        self._presence = Presence(
            *(config.directory.presence, box, chance, verify, self.record),
            partial(self._gossip.publish, PRESENCE_TOPIC),
        )
        self._router = Router(me, epoch, config.routing, box, *common)
        self._trees = Distribution(me, epoch, config.distribution, box, chance, view)
        view.links, view.overlay = self._links, self._overlay
        view.router, view.trees = self._router, self._trees
        self._due_at = _UNKNOWN
        self._dialled: dict[NodeId, tuple[bool, Purpose]] = {}
        self._finding = Finding(
            me,
            config.directory,
            *(self._gossip, self._directory, self._presence, self._trees),
        )
        self._graph = Graph(
            *(self._links, self._overlay, self._router, self._finding, self._trees)
        )
        self._receivers = Receivers(
            self._overlay, self._directory, self._router, self._trees
        )
        self._machines = (
            *(self._links, self._overlay, self._gossip, self._directory),
            *(self._presence, self._router, self._trees),
        )

    # --- time and outputs ---------------------------------------------------------

    def next_timeout(self) -> float | None:
        """The next absolute deadline, None without one; changes nothing."""
        # why kept: drivers ask several times per input, of seven machines each
        if self._due_at < 0.0:
            found = (machine.next_timeout() for machine in self._machines)
            self._due_at = min((at for at in found if at is not None), default=math.inf)
        return None if self._due_at == math.inf else self._due_at

    def handle_timeout(self, now: float) -> None:
        """Time has come for whatever is due."""
        worked: object = None
        for machine in self._machines:
            at = machine.next_timeout()
            if at is not None and at <= now:
                machine.handle_timeout(now)
                worked = machine
        # the links come first: if they were the last to work they were the only ones
        if worked is self._links and not self._links.changed:
            self._flush(now)
        else:
            self._settle(now)

    def poll(self) -> Output | None:
        """The next output of the last input, None when all are taken."""
        return self._outputs.poll()

    # --- this node ------------------------------------------------------------------

    def start(self, ability: Ability, peers: Sequence[PeerRecord], now: float) -> None:
        """Come up with what is remembered or configured as bootstrap."""
        self.able(ability, now)
        self._overlay.start(peers, now)
        self._finding.start(now)
        self._settle(now)

    def meet(self, peers: Sequence[PeerRecord], now: float) -> None:
        """Peers were found while running, by bootstrap: dialled if links are wanted."""
        self._overlay.meet(peers, now)
        self._settle(now)

    def able(self, ability: Ability, now: float) -> None:
        """What this node has to give changed."""
        self._view.uplink = ability.uplink_bps
        # why usual: a node out of breath for a moment must not cut a mesh apart
        self._router.relaying(ability.lasting_copies >= THIN_SLOTS, now)
        self._overlay.describe(
            *(ability.media, ability.control, ability.reach, ability.lasting_copies),
            *(ability.copies, ability.operator, ability.entry, now),
        )
        self._trees.uplink_changed(now)
        self._settle(now)

    def peer(self, node: NodeId) -> PeerRecord | None:
        """What `node` says about itself, if it is remembered."""
        return self._overlay.peer(node)

    def next_hop(self, origin: NodeId) -> NodeId | None:
        """The selected next hop towards `origin`."""
        return self._router.next_hop(origin)

    def sent_octets(self) -> dict[str, int]:
        """Octets of records sent so far, by package: for reports."""
        return sent_octets(self._links)

    def sizes(self) -> tuple[tuple[str, int, int], ...]:
        """(limit, size, maximum) of the tables that strangers can fill."""
        return sizes(self._view, self._config)

    def record(self) -> PeerRecord:
        """What this node says about itself."""
        return self._overlay.own_record()

    def wall(self, wall_ms: int, now: float) -> None:
        """The wall clock, from time to time: ages of epochs are judged by it."""
        self._due_at = _UNKNOWN
        self._router.wall(wall_ms, now)
        self._directory.wall(wall_ms, now)

    def judge(self, carries: Callable[[StreamId], bool], now: float) -> None:
        """Which streams of others this node passes on; it may change its mind."""
        self._trees.judge(carries, now)
        self._settle(now)

    def leave(self, now: float) -> None:
        """Go gracefully: children are handed over first."""
        self._directory.leaving(now)
        self._trees.leaving(now)
        self._settle(now)

    def part(self, neighbours: Iterable[NodeId], reason: str, now: float) -> None:
        """Say goodbye to some, or to all, which is the last input after `leave`."""
        for neighbour in tuple(neighbours):
            self._links.close(neighbour, reason, now)
        self._settle(now)

    # --- streams --------------------------------------------------------------------

    def publish(self, stream: StreamId, rates_bps: tuple[int, ...], now: float) -> None:
        """A publisher is attached here; one rate per layer."""
        self._trees.publish(stream, rates_bps, now)
        self._settle(now)

    def unpublish(self, stream: StreamId, now: float) -> None:
        """The publisher is gone."""
        self._trees.unpublish(stream, now)
        self._settle(now)

    def subscribe(
        self, stream: StreamId, origin: NodeId, layers: int, viewers: int, now: float
    ) -> None:
        """Viewers here want `stream`; again with other numbers when they change."""
        self._trees.subscribe(stream, origin, layers, viewers, now)
        self._settle(now)

    def unsubscribe(self, stream: StreamId, now: float) -> None:
        """Nobody here wants `stream` any more."""
        self._trees.unsubscribe(stream, now)
        self._settle(now)

    def say(self, stream: StreamId, label: str, data: bytes | str, now: float) -> bool:
        """A client here spoke on a data channel; see `Distribution.say`."""
        said = self._trees.say(stream, label, data, now)
        self._settle(now)
        return said

    def name_path(self, stream: StreamId, now: float) -> None:
        """Learn who is above in a tree; see `Distribution.name_path`."""
        self._trees.name_path(stream, now)
        self._settle(now)

    # --- the directory --------------------------------------------------------------

    @property
    def view(self) -> View:
        """What the machines know: for questions of status pages only."""
        return self._view

    @property
    def directory(self) -> Directory:
        """What is known of streams: for questions only, verbs are below."""
        return self._directory

    @property
    def presence(self) -> Presence:
        """Who is listed: for questions only; `enlist` fills it."""
        return self._presence

    def enlist(self, on: bool, now: float) -> None:
        """Be on the public list of nodes and hear of the others, or no more."""
        self._finding.enlist(on, now)
        self._settle(now)

    def announce(self, claim: Claim, media: Media, now: float) -> StreamId:
        """Tell the mesh that a stream can be had here; see `Directory.announce`."""
        stream = self._directory.announce(claim, media, now)
        self._settle(now)
        return stream

    def unannounce(self, stream: StreamId, now: float) -> None:
        """Tell the mesh that a stream has ended; unknown ones are fine."""
        self._directory.unannounce(stream, now)
        self._settle(now)

    def watch(self, stream: StreamId, wish: Wish, now: float) -> None:
        """Viewers here want `stream`, wherever it is or comes to be: like `subscribe`,
        as soon as the directory knows its origin, and again at each of its moves.

        Raises `LimitError` when too many streams are watched.
        """
        self._finding.watch(stream, wish, now)
        self._settle(now)

    def unwatch(self, stream: StreamId, now: float) -> None:
        """Nobody here wants `stream` any more; unknown ones are fine."""
        self._finding.unwatch(stream, now)
        self._settle(now)

    def plane_notice(self, notice: PlaneNotice, now: float) -> None:
        """The plane saw something on a relay leg."""
        self._trees.plane_notice(notice, now)
        self._settle(now)

    # --- links ----------------------------------------------------------------------

    def accepts(self, peer: PeerRecord, purpose: Purpose, now: float) -> str | None:
        """None if a link with `peer` is welcome, else a short label."""
        return self._overlay.accepts(peer, purpose, now)

    def introduce(
        self, target: NodeId, through: NodeId, descriptor: bytes, now: float
    ) -> bool:
        """Have a neighbour pass a sealed descriptor on; False where it has no link."""
        sent = self._links.introduce(through, target, descriptor, now)
        self._settle(now)
        return sent

    def link_up(
        self,
        link: LinkId,
        neighbour: NodeId,
        rtt_s: float,
        outbound: bool,
        purpose: Purpose,
        now: float,
    ) -> None:
        """The association stands and is authenticated as `neighbour`."""
        self._dialled[neighbour] = (outbound, purpose)
        if not self._links.up(link, neighbour, rtt_s, now):
            del self._dialled[neighbour]
            if outbound:
                self._overlay.dial_failed(neighbour, "full", now)
                self._trees.dial_failed(neighbour, now)
        self._settle(now)

    def link_down(self, link: LinkId, now: float) -> None:
        """The association is closed."""
        self._links.down(link, now)
        self._settle(now)

    def dial_failed(self, neighbour: NodeId, reason: str, now: float) -> None:
        """A `Dial` came to nothing."""
        self._overlay.dial_failed(neighbour, reason, now)
        self._trees.dial_failed(neighbour, now)
        self._settle(now)

    def checked(
        self, results: Iterable[tuple[NodeId, float | None]], now: float
    ) -> None:
        """Checks of links were answered (round trip in seconds) or not (None)."""
        for neighbour, rtt_s in results:
            self._links.checked(neighbour, rtt_s, now)
        self._settle(now)

    def probed(self, token: int, rtt_s: float | None, now: float) -> None:
        """A `Probe` was answered, or not (None)."""
        if token % 2 == 0:
            self._overlay.probed(token, rtt_s, now)
        else:
            self._trees.probed(token, rtt_s, now)
        self._settle(now)

    def receive(self, link: LinkId, frame: bytes, now: float) -> None:
        """A frame came over a link; never raises."""
        records = self._links.receive(link, frame, now)
        if not (records or self._links.changed):
            # why apart: half of all frames only acknowledge, and concern nobody else
            self._flush(now)
            return
        if records:
            neighbour = self._links.neighbour_of(link)
            # why first: the frame that proves a link ready may bring its first records
            for change in self._links.take_changes():
                self._link_changed(change, now)
            for record in records:
                if is_of_graph(record):
                    self._graph.heard(neighbour, now)
                self._receivers.take(neighbour, record, now)
        self._settle(now)

    def gossip_received(self, neighbour: NodeId, rpc: bytes, now: float) -> None:
        """An RPC came over the gossip stream; never raises."""
        self._graph.heard(neighbour, now)
        self._finding.receive(neighbour, rpc, now)
        self._settle(now)

    def gossip_opened(self, neighbour: NodeId, version: Version, now: float) -> None:
        """Our gossip stream to a neighbour is open, with the best that both speak."""
        self._finding.opened(neighbour, version)
        self._settle(now)

    def gossip_stalled(self, neighbour: NodeId, on: bool, now: float) -> None:
        """The gossip stream to a neighbour takes no more, or takes again."""
        (self._gossip.stalled if on else self._gossip.resumed)(neighbour)
        self._settle(now)

    # --- inside ---------------------------------------------------------------------

    def _settle(self, now: float) -> None:
        """Carry changes between the machines until all are quiet."""
        inner, outputs, links = self._inner, self._outputs, self._links
        while True:
            moved = False
            for change in links.take_changes():
                self._link_changed(change, now)
                moved = True
            for route in self._router.take_changes():
                self._route_changed(route, now)
                moved = True
            for tree in self._trees.take_changes():
                self._tree_changed(tree, now)
                moved = True
            moved = self._finding.settle(now) or moved
            self._graph.settle(now)
            while (output := inner.poll()) is not None:
                if isinstance(output, Send):
                    if links.linked(output.neighbour):
                        links.send(output.neighbour, output.record, now)
                        moved = True
                elif isinstance(output, HangUp) and links.up_with(output.neighbour):
                    # why: another machine has had enough; the link says goodbye, puts
                    # the same output again, and all machines learn that it is gone
                    links.close(output.neighbour, output.reason, now)
                    moved = True
                else:
                    outputs.put(output)
            if not moved:
                break
        self._flush(now)

    def _flush(self, now: float) -> None:
        """Hand on what the links have to say."""
        inner, outputs = self._inner, self._outputs
        self._due_at = _UNKNOWN
        self._links.flush(now)
        while (output := inner.poll()) is not None:
            outputs.put(output)

    def _link_changed(self, change: link_events.Change, now: float) -> None:
        match change:
            case link_events.LinkReady(neighbour):
                self._link_ready(neighbour, now)
            case link_events.LinkLost() | link_events.LinkFailed():
                self._link_lost(change.neighbour, change.reason, now)
            case link_events.LinkSuspected(neighbour):
                self._trees.suspected(neighbour, now)
                self._cost_moved(neighbour, now)
            case link_events.LinkRecovered(neighbour) | link_events.CostMoved(
                neighbour
            ):
                self._cost_moved(neighbour, now)
            case link_events.DescriptorArrived() | link_events.IntroductionFailed():
                pass
            case _:
                assert_never(change)
        if not isinstance(change, link_events.CostMoved):
            self._outputs.put(change)

    def _link_ready(self, neighbour: NodeId, now: float) -> None:
        outbound, purpose = self._dialled.get(neighbour, (False, Purpose.OVERLAY))
        self._overlay.link_ready(neighbour, outbound, purpose, now)
        if purpose is Purpose.OVERLAY:
            self._graph.up(neighbour, outbound, now)
        else:
            self._graph.tree_up(neighbour, now)
        self._trees.neighbour_up(neighbour, now)

    def _link_lost(self, neighbour: NodeId, reason: str, now: float) -> None:
        if reason not in _GOES_ON:
            self._dialled.pop(neighbour, None)
        self._view.in_use.pop(neighbour, None)
        self._overlay.link_lost(neighbour, now, goodbye=reason == "goodbye")
        self._graph.down(neighbour, now)
        self._trees.neighbour_down(neighbour, now)

    def _cost_moved(self, neighbour: NodeId, now: float) -> None:
        self._overlay.cost_moved(neighbour, now)
        self._trees.cost_moved(neighbour, now)
        if neighbour in self._graph:
            self._router.cost_moved(neighbour, now)

    def _route_changed(self, change: route_changes.Change, now: float) -> None:
        match change:
            case route_changes.RouteChanged(origin) | route_changes.RouteLost(origin):
                self._trees.route_changed(origin, now)
            case route_changes.OffersChanged(origin):
                self._trees.offers_changed(origin, now)
            case _:
                assert_never(change)

    def _tree_changed(self, change: tree_changes.Change, now: float) -> None:
        match change:
            case tree_changes.OffersToTell(origin, offers):
                self._router.offer(origin, offers, now)
            case tree_changes.TreeUse(neighbour, in_use):
                if in_use:
                    self._view.in_use[neighbour] = None
                else:
                    self._view.in_use.pop(neighbour, None)
                self._links.pace(neighbour, in_use, now)
            case tree_changes.Active(origin, on):
                self._active(origin, on, now)
            case _:
                assert_never(change)

    def _active(self, origin: NodeId, on: bool, now: float) -> None:
        if origin != self.me:
            self._router.want(origin, on, now)
        elif on:
            self._router.originate(now)
        else:
            self._router.withdraw(now)
