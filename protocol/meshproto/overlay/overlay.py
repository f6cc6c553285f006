"""The overlay machine: verbs in, dials, probes and records out (RFC 0007).

Strategy: every node remembers a few dozen capable peers, not all.  A newcomer walks
towards its own region in about 24 probes; afterwards a round every ten seconds keeps
looking for something better.  Links go to capable nodes, half of them to the nearest.
All decisions are local, and nothing that another node claims is needed for safety.

The parts share one `State`; this module only says which part hears of what.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshproto.chance import Chance
from meshproto.config.overlay import OverlayConfig
from meshproto.errors import StateError
from meshproto.ids import NodeId, ShortId
from meshproto.outputs import Outbox, Purpose
from meshproto.overlay.book import Book
from meshproto.overlay.capacity import Capacity, Evidence
from meshproto.overlay.coordinates import Coordinates
from meshproto.overlay.events import Change
from meshproto.overlay.exchange import Exchange
from meshproto.overlay.exploration import Exploration, Why
from meshproto.overlay.healing import Healing
from meshproto.overlay.links import Kind, Link, Links
from meshproto.overlay.neighbourhood import Neighbourhood
from meshproto.overlay.own import OwnRecord
from meshproto.overlay.state import Sign, State, Surroundings, Task, Verify
from meshproto.overlay.upkeep import Upkeep
from meshproto.timers import Timers
from meshproto.wire.control.overlay import (
    Alone,
    Guest,
    PeerUpdate,
    RingAnswer,
    RingQuery,
    ShuffleAnswer,
    ShuffleRequest,
    Stay,
)
from meshproto.wire.control.peer import MediaAddress, PeerRecord, Reach
from meshproto.wire.control.schema import Record


class Overlay:
    """Decides which peers a node is linked to; see the package for the parts."""

    __slots__ = (
        *("_exchange", "_exploration", "_healing", "_neighbourhood", "_own", "_state"),
        *("_upkeep",),
    )

    def __init__(
        self,
        me: NodeId,
        epoch: int,
        config: OverlayConfig,
        outbox: Outbox,
        chance: Chance,
        sign: Sign,
        verify: Verify,
        surroundings: Surroundings,
    ) -> None:
        capacity = Capacity(config)
        self._state = state = State(
            *(me, config, outbox, chance, surroundings, Timers()),
            *(Book(config, chance, capacity.capable), Links(config), capacity),
            *(Coordinates(chance), []),
        )
        self._own = OwnRecord(state, epoch, sign)
        self._exchange = Exchange(state, verify)
        self._neighbourhood = Neighbourhood(state)
        self._upkeep = Upkeep(state, self._neighbourhood)
        self._exploration = Exploration(
            state, self._exchange, self._neighbourhood, self._upkeep
        )
        self._healing = Healing(
            state, self._exchange, self._neighbourhood, self._exploration
        )

    def describe(
        self,
        media: tuple[MediaAddress, ...],
        control: tuple[bytes, ...],
        reach: Reach,
        copies: int,
        free: int,
        operator: str,
        entry: str,
        now: float,
    ) -> None:
        """Say what the own record says; neighbours hear of changes in 2 to 10 s.

        Needed once before `start`.  Takes what `PeerRecord` takes.
        """
        self._state.capable = copies >= self._state.config.capable_copies
        self._state.breathless = free < copies
        self._own.describe(*(media, control, reach, copies, free, operator, entry, now))

    def start(self, peers: Sequence[PeerRecord], now: float) -> None:
        """Join by bootstrap and remembered peers; StateError before `describe`.

        Records without a signature (an address from a file) are good for dialling.
        """
        if not self._own.described or self._state.started_at is not None:
            raise StateError("overlay: describe once, then start once")
        self._state.started_at = now
        self._healing.start(peers, now)
        self._healing.check(now)
        self._shuffle_soon(now)

    def meet(self, peers: Sequence[PeerRecord], now: float) -> None:
        """Peers were found after `start`; StateError before it."""
        if self._state.started_at is None:
            raise StateError("overlay: start comes first")
        self._healing.meet(peers, now)

    def link_ready(
        self, neighbour: NodeId, outbound: bool, purpose: Purpose, now: float
    ) -> None:
        """A link is up: both ends tell their own record.  Idempotent."""
        state = self._state
        first = not state.links.lasting
        link = self._neighbourhood.ready(neighbour, outbound, purpose, now)
        self._healing.linked(neighbour)
        if link is None:
            return
        self._own.send(neighbour)
        self._sampled(link, now)
        self._upkeep.gained(link)
        self._healing.check(now)
        if first and link.lasting:
            self._exploration.begin(now)
            self._exchange.shuffle(neighbour, now)
        elif self._exploration.searching:
            self._exploration.pump(now)

    def adopt(self, neighbour: NodeId) -> bool:
        """The other end treats a link as one of the graph: so do we, if there is room;
        whether it is one now.
        """
        link = self._state.links.get(neighbour)
        return link is not None and self._neighbourhood.adopt(link)

    def link_lost(
        self, neighbour: NodeId, now: float, *, goodbye: bool = False
    ) -> None:
        """A link is down; with `goodbye` the neighbour closed it on purpose."""
        link = self._state.links.get(neighbour)
        if link is None:
            return
        if link.entry is not None:
            config = self._state.config
            pause_s = config.full_s if goodbye or link.guest else config.retry_s
            link.entry.retry_at = max(link.entry.retry_at, now + pause_s)
            if not link.guest:
                link.entry.hosted = 0
        if not goodbye and link.lasting:
            self._healing.missed(neighbour)
        self._neighbourhood.lost(neighbour)
        self._healing.check(now)
        if not self._exploration.searching:
            self._neighbourhood.fill(now)

    def dial_failed(self, neighbour: NodeId, reason: str, now: float) -> None:
        """A `Dial` ended without a link; `reason` is a refusal or the driver's."""
        self._neighbourhood.failed(neighbour, reason, now)
        self._healing.check(now)
        if self._exploration.searching:
            self._exploration.pump(now)
        else:
            self._neighbourhood.fill(now)

    def probed(self, token: int, rtt_s: float | None, now: float) -> None:
        """A `Probe` ended; unknown tokens are ignored."""
        node = self._exploration.probing(token)
        why = self._exploration.probed(token, rtt_s, now)
        if node is None or rtt_s is None:
            return
        if why is Why.HEAL:
            self._healing.answered(node, now)
        elif why is Why.CONFIRM:
            self._exploration.trade(now)

    def cost_moved(self, neighbour: NodeId, now: float) -> None:
        """The smoothed round trip of a link moved."""
        link = self._state.links.get(neighbour)
        if link is not None:
            self._sampled(link, now)

    def evidence(self, node: NodeId, kind: Evidence, now: float) -> None:
        """Take what was seen of `node` by this node itself (RFC 0007 section 5)."""
        self._state.capacity.evidence(node, kind, now)
        entry = self._state.book.get(node)
        if entry is not None:
            self._state.book.weigh(entry)
        link = self._state.links.get(node)
        if link is not None and not self._state.capacity.good(node, now):
            self._neighbourhood.drop(node, "score")
            self._neighbourhood.fill(now)

    def accepts(self, peer: PeerRecord, purpose: Purpose, now: float) -> str | None:
        """Whether to take a link that `peer` asks for: None, or why not.

        Asked during set-up, with the record whose address the driver has validated.
        """
        if not self._exchange.genuine(peer):
            return "signature"
        return self._neighbourhood.refusal(peer, purpose, now)

    def receive(self, neighbour: NodeId, record: Record, now: float) -> None:
        """Take a record of the overlay from a neighbour; never raises for it."""
        link = self._state.links.get(neighbour)
        if link is None:
            self._state.refuse(neighbour, "overlay-unlinked")
        elif not self._affordable(link, now):
            self._state.refuse(neighbour, "overlay-rate")
        else:
            self._take(link, record, now)
            if not self._state.capacity.good(neighbour, now):
                self._neighbourhood.drop(neighbour, "score")

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is wanted next."""
        return self._state.timers.next()

    def handle_timeout(self, now: float) -> None:
        """Do what is due."""
        for task in self._state.timers.due(now):
            self._do(task, now)

    def take_changes(self) -> list[Change]:
        """What happened since the last call that the other machines must know."""
        taken = self._state.changes
        self._state.changes = []
        return taken

    def own_record(self) -> PeerRecord:
        """The newest signed record of this node; StateError before `describe`."""
        return self._own.current()

    def peer(self, node: NodeId) -> PeerRecord | None:
        """The record of a node, if it is remembered, linked or missed."""
        entry = self._state.book.get(node)
        return None if entry is None else entry.peer

    def peer_of_short(self, short: ShortId) -> PeerRecord | None:
        """The record of the node with this short name."""
        entry = self._state.book.of_short(short)
        return None if entry is None else entry.peer

    def members(self) -> tuple[PeerRecord, ...]:
        """The remembered peers, near ones first."""
        return tuple(entry.peer for entry in self._state.book.remembered())

    def sample(self, count: int) -> list[PeerRecord]:
        """Up to `count` remembered peers, drawn at random."""
        members = self.members()
        return self._state.chance.sample(members, min(count, len(members)))

    def neighbours(self) -> tuple[NodeId, ...]:
        """Who has a lasting overlay link."""
        return tuple(link.node for link in self._state.links if link.lasting)

    def copies(self, node: NodeId) -> int:
        """How many copies `node` is trusted to feed; 0 if it is unknown."""
        entry = self._state.book.get(node)
        return 0 if entry is None else self._state.capacity.copies(entry.peer)

    def predict_rtt_s(self, node: NodeId) -> float | None:
        """The round trip: of the link, else measured, else by coordinates."""
        entry = self._state.book.get(node)
        if entry is None:
            linked = node in self._state.links
            return self._state.surroundings.rtt_s(node) if linked else None
        rtt_s = self._state.rtt_of(entry)
        return None if rtt_s == float("inf") else rtt_s

    def _take(self, link: Link, record: Record, now: float) -> None:
        node = link.node
        match record:
            case PeerUpdate():
                self._update(link, record.peer, now)
            case ShuffleRequest():
                self._exchange.answer_shuffle(node, record, now)
            case ShuffleAnswer() if self._exchange.closes(node, record.token):
                self._exchange.take(node, record.tips, now)
            case RingQuery():
                self._exchange.answer_ring(node, record, now)
            case RingAnswer() if self._exchange.closes(node, record.token):
                known = self._exchange.take(node, record.tips, now)
                self._exploration.told(node, record.token, known, now)
            case ShuffleAnswer() | RingAnswer():
                self._state.refuse(node, "overlay-unasked")
            case Guest():
                self._neighbourhood.guests.hosted(link, now, record.stay_s)
            case Alone():
                self._neighbourhood.guests.alone(link, now)
            case Stay():
                self._neighbourhood.guests.stays(link)
            case _:
                self._state.refuse(node, "overlay-record")

    def _update(self, link: Link, peer: PeerRecord, now: float) -> None:
        if peer.node != link.node:
            self._state.refuse(link.node, "peer-not-neighbour")
        elif not self._exchange.genuine(peer):
            self._state.capacity.evidence(link.node, Evidence.FORGED, now)
            self._state.refuse(link.node, "peer-signature")
        else:
            self._exchange.learn(peer, now)
            first = link.entry is None
            self._neighbourhood.described(link, peer)
            if first and link.node in self._state.links:
                self._sampled(link, now)

    def _sampled(self, link: Link, now: float) -> None:
        if link.entry is None:
            return
        rtt_s = self._state.surroundings.rtt_s(link.node)
        self._state.coordinates.sample(link.entry.peer.coordinate, rtt_s)
        self._state.book.measured(link.entry, rtt_s, now)

    def _affordable(self, link: Link, now: float) -> bool:
        config = self._state.config
        interval_s = 1.0 / config.requests_per_s
        start = max(link.credit_at, now)
        if start + interval_s - now > config.requests_burst * interval_s:
            return False
        link.credit_at = start + interval_s
        return True

    def _do(self, task: Task, now: float) -> None:
        match task:
            case Task.ANNOUNCE:
                self._own.announce(now)
            case Task.EXPLORE:
                self._exploration.round(now)
                settled, config = self._exploration.settled, self._state.config
                self._own.coordinate_moved(
                    *(
                        now,
                        config.coordinate_settled_s
                        if settled
                        else config.coordinate_young_s,
                    )
                )
            case Task.SEARCH_END:
                self._exploration.end(now)
            case Task.SHUFFLE:
                self._shuffle(now)
            case Task.CONFIRM:
                self._exploration.trade(now)
            case Task.REDIAL:
                self._healing.redial(now)
            case Task.HEAL:
                self._healing.heal(now)
                self._state.book.expire(now)
            case Task.GUESTS:
                self._upkeep.end_guests(now)

    def _shuffle(self, now: float) -> None:
        partners = [
            link.node for link in self._state.links if link.kind is not Kind.TREE
        ]
        if partners:
            self._exchange.shuffle(self._state.chance.choice(partners), now)
        self._shuffle_soon(now)

    def _shuffle_soon(self, now: float) -> None:
        state, config = self._state, self._state.config
        started_at = now if state.started_at is None else state.started_at
        young = now - started_at < config.shuffle_young_s
        pause_s = config.shuffle_start_s if young else config.shuffle_s
        jitter = 0.8 + 0.4 * state.chance.random()
        state.timers.set(Task.SHUFFLE, now + pause_s * jitter)
