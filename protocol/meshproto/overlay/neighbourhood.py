"""Links dialled, taken, refused and closed (RFC 0007 section 6).

`fill` dials while links are missing, in the order of `choice`.  Who dials in is taken
while there is room, then as a guest, and refused by the quotas of its family.  What
becomes of links later is `upkeep`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from meshproto.ids import NodeId
from meshproto.outputs import Dial, HangUp, Purpose
from meshproto.overlay.book import Entry
from meshproto.overlay.choice import next_link
from meshproto.overlay.events import LinkAdopted, NeighbourDropped
from meshproto.overlay.guests import Guests
from meshproto.overlay.links import Kind, Link
from meshproto.overlay.state import State
from meshproto.wire.control.overlay import Guest
from meshproto.wire.control.peer import PeerRecord

REFUSALS_FULL = frozenset({"full", "prefix", "operator", "tree-full", "score"})
"""Reasons of a failed dial that say nothing against the peer's health."""


@dataclass(frozen=True, slots=True)
class Dialling:
    """A link being set up; `trade` when an old one is to go for it."""

    entry: Entry
    kind: Kind
    trade: bool
    since: float


class Neighbourhood:
    """Decides over the links in `State.links`."""

    __slots__ = ("_dialling", "_state", "guests")

    def __init__(self, state: State) -> None:
        self._state = state
        self.guests = Guests(state)
        self._dialling: dict[NodeId, Dialling] = {}

    @property
    def dialling(self) -> int:
        """How many links are being set up."""
        return len(self._dialling)

    @property
    def trading(self) -> bool:
        """Whether one of them is to replace another."""
        return any(dialled.trade for dialled in self._dialling.values())

    def refusal(self, peer: PeerRecord, purpose: Purpose, now: float) -> str | None:
        """Why a link with `peer` must not be set up, None when it may."""
        state = self._state
        if peer.node == state.me:
            return "self"
        if peer.node in state.links:
            return None
        if not state.capacity.good(peer.node, now):
            return "score"
        quota = state.links.refusal(state.book.keys(peer), purpose)
        if quota is not None:
            return quota
        if purpose is Purpose.TREE:
            full = state.links.trees >= state.config.tree_links
            return "tree-full" if full else None
        if self.guests.has_room(peer) or state.links.guests < state.config.guests:
            return None
        return "full"

    def approaching(self, within_s: float = math.inf) -> int:
        """How many of them go to near peers, no farther than `within_s`."""
        return sum(
            d.kind is Kind.NEAR and d.entry.rank_s <= within_s
            for d in self._dialling.values()
        )

    def dial(self, entry: Entry, kind: Kind, now: float, trade: bool = False) -> bool:
        """Set up a link, unless that is under way, pointless or too much at once."""
        if not self._dialable(entry, now):
            return False
        if len(self._dialling) >= self._state.config.dials_parallel:
            return False
        state, peer = self._state, entry.peer
        state.book.hold(peer)
        self._dialling[peer.node] = Dialling(entry, kind, trade, now)
        through = entry.introducer
        if through is not None and through not in state.links:
            through = None
        state.outbox.put(Dial(peer, Purpose.OVERLAY, through))
        return True

    def ready(
        self, node: NodeId, outbound: bool, purpose: Purpose, now: float
    ) -> Link | None:
        """Take a new link; None if one was there already."""
        state = self._state
        dialled = self._dialled(node)
        if (old := state.links.get(node)) is not None:
            self._again(old, purpose)
            return None
        kind = Kind.TREE if purpose is Purpose.TREE else Kind.INBOUND
        if kind is Kind.INBOUND and outbound:
            kind = Kind.NEAR if dialled is None else dialled.kind
        link = Link(node, kind, outbound, now)
        entry = state.book.get(node)
        if entry is not None:
            link.entry = state.book.hold(entry.peer)
            link.keys = entry.keys
            entry.retry_at, entry.failures = now, 0
        if kind is Kind.INBOUND and not self.guests.has_room(
            None if entry is None else entry.peer
        ):
            self.guests.receive(link, now)
        full = state.links.refusal(link.keys, purpose)
        state.links.add(link)
        if full is not None:
            # why again: several of one family may have been set up at the same time
            self.drop(node, full)
            return None
        if outbound and state.links.lasting > state.room() + state.config.links_over:
            # why: those who dialled in meanwhile took the place
            self.drop(node, "full")
            return None
        link.trade = dialled is not None and dialled.trade
        if kind is Kind.TREE and dialled is not None:
            # why: a tree was faster, but the graph had dialled for itself, too
            self.adopt(link)
        return link

    def adopt(self, link: Link) -> bool:
        """Make a link of trees one of the graph; whether it is one now.

        The other end does not know what it is to us until it hears us speak of routes.
        Who has no room for it there says so once, as to a guest.
        """
        state = self._state
        if link.kind is not Kind.TREE:
            return link.lasting
        peer = None if link.entry is None else link.entry.peer
        quota = state.links.refusal(link.keys, Purpose.OVERLAY)
        if quota is not None or not self.guests.has_room(peer):
            if not (link.outbound or link.declined):
                link.declined = True
                state.outbox.send(link.node, Guest(state.config.guest_stay_s))
            return False
        state.links.change(link, Kind.NEAR if link.outbound else Kind.INBOUND)
        state.tell(LinkAdopted(link.node, link.outbound))
        return True

    def described(self, link: Link, peer: PeerRecord) -> None:
        """The neighbour told its record: count it under its families."""
        state = self._state
        if link.entry is None:
            link.entry = state.book.hold(peer)
        if link.keys != link.entry.keys:
            full = state.links.rekey(link, link.entry.keys)
            # why: quotas hold for what a link is now, not for how it came in
            if full is not None:
                self.drop(link.node, full)

    def lost(self, node: NodeId) -> Link | None:
        """A link is gone."""
        link = self._state.links.remove(node)
        if link is not None and link.entry is not None:
            self._state.book.release(link.entry)
        return link

    def failed(self, node: NodeId, reason: str, now: float) -> None:
        """A dial ended without a link: later, or farther away."""
        dialled = self._dialled(node)
        if dialled is None:
            return
        entry, config = dialled.entry, self._state.config
        if reason in REFUSALS_FULL:
            entry.retry_at = now + config.full_s
            return
        entry.failures += 1
        entry.retry_at = now + config.retry_s * 2.0 ** (entry.failures - 1)
        if entry.failures >= config.failures_max:
            self._state.book.forget(entry)

    def drop(self, node: NodeId, reason: str) -> None:
        """Hang up."""
        if self.lost(node) is None:
            return
        self._state.outbox.put(HangUp(node, reason))
        self._state.tell(NeighbourDropped(node, reason))

    def fill(self, now: float, enough: int | None = None) -> None:
        """Dial while links are missing, up to `enough` (the target by default)."""
        state = self._state
        graph = state.graph()
        wanted = state.target() if enough is None else min(enough, state.target())
        missing = wanted - len(graph) - len(self._dialling)
        full = state.links.lasting + len(self._dialling) >= state.room()
        if missing <= 0 or (full and len(graph) >= state.config.links_floor):
            return
        rtts_s = [rtt_s for rtt_s, _ in graph]
        rtts_s += [d.entry.rank_s for d in self._dialling.values()]
        rtts_s.sort()
        kinds = [link.kind for _, link in graph]
        kinds += [d.kind for d in self._dialling.values()]
        candidates = self.candidates(now)
        for _ in range(missing):
            randoms = kinds.count(Kind.RANDOM)
            chosen = next_link(
                *(rtts_s, randoms, state.target(), candidates, state.config),
                state.chance,
            )
            if chosen is None or not self.dial(*chosen, now):
                return
            entry, kind = chosen
            candidates.remove(entry)
            kinds.append(kind)
            rtts_s.append(entry.rank_s)
            rtts_s.sort()

    def forget_dials(self, now: float) -> None:
        """Give up dials of which the driver never told the end."""
        for node, dialled in list(self._dialling.items()):
            if now - dialled.since > self._state.config.dial_patience_s:
                self.failed(node, "patience", now)

    def candidates(
        self, now: float, among: Iterable[Entry] | None = None
    ) -> list[Entry]:
        """Peers that a link could be made to, of all remembered ones by default."""
        state = self._state
        if among is None:
            among = state.book.remembered()
        few = state.few_capable()
        return [
            entry
            for entry in among
            if (few or entry.capable)
            and self._dialable(entry, now)
            and state.links.refusal(entry.keys, Purpose.OVERLAY) is None
        ]

    def _again(self, link: Link, purpose: Purpose) -> None:
        """A second purpose: trees keep guests, the graph adopts links of trees."""
        links = self._state.links
        if purpose is Purpose.TREE and link.guest:
            links.change(link, Kind.TREE)
        adopts = purpose is Purpose.OVERLAY and link.kind is Kind.TREE
        if adopts and links.refusal(link.keys, Purpose.OVERLAY) is None:
            links.change(link, Kind.NEAR if link.outbound else Kind.INBOUND)

    def _dialable(self, entry: Entry, now: float) -> bool:
        node = entry.peer.node
        return (
            entry.retry_at <= now
            and node not in self._state.links
            and node not in self._dialling
            and self._state.capacity.good(node, now)
        )

    def _dialled(self, node: NodeId) -> Dialling | None:
        dialled = self._dialling.pop(node, None)
        if dialled is not None:
            # why last: the entry must outlive the questions asked of it here
            self._state.book.release(dialled.entry)
        return dialled
