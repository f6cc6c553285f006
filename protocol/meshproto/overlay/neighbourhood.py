"""Links made, kept, traded and closed (RFC 0007 section 6).

`fill` dials while links are missing; `weigh` looks for a trade: a remembered peer that
is 20 % and 10 ms nearer than the nearer half of the links reaches, still so after five
seconds.  The new link is made before the old one is closed.  A link that carries a tree
is never given up, nor are the two random ones, nor links that the other end dialled.
"""

from __future__ import annotations

from dataclasses import dataclass

from meshproto.ids import NodeId
from meshproto.outputs import Dial, HangUp, Purpose
from meshproto.overlay.book import Entry
from meshproto.overlay.choice import gains, next_link, victim
from meshproto.overlay.events import LinkTraded, NeighbourDropped
from meshproto.overlay.links import Kind, Link
from meshproto.overlay.state import State, Task
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

    __slots__ = ("_dialling", "_state", "_trade")

    def __init__(self, state: State) -> None:
        self._state = state
        self._dialling: dict[NodeId, Dialling] = {}
        self._trade: tuple[NodeId, float] | None = None

    @property
    def dialling(self) -> int:
        """How many links are being set up."""
        return len(self._dialling)

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
        if self._has_room(peer) or state.links.guests < state.config.guests:
            return None
        return "full"

    def approaching(self) -> int:
        """How many of them go to near peers."""
        return sum(d.kind is Kind.NEAR for d in self._dialling.values())

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
        if kind is Kind.INBOUND and not self._has_room(
            None if entry is None else entry.peer
        ):
            self._make_guest(link, now)
        state.links.add(link)
        if dialled is not None and dialled.trade:
            self._give_up_for(link)
        return link

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

    def hosted(self, link: Link, now: float, stay_s: float) -> None:
        """The neighbour has no room and will close this link."""
        state = self._state
        if not link.outbound or not link.lasting:
            return
        if link.entry is not None:
            link.entry.retry_at = now + state.config.full_s
        state.links.change(link, link.kind, guest=True)
        self._guests_by(now + stay_s)

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

    def candidates(self, now: float) -> list[Entry]:
        """Remembered peers that a link could be made to."""
        state = self._state
        few = state.few_capable()
        return [
            entry
            for entry in state.book.remembered()
            if (few or entry.capable)
            and self._dialable(entry, now)
            and state.links.refusal(entry.keys, Purpose.OVERLAY) is None
        ]

    def weigh(self, now: float, hold: bool) -> NodeId | None:
        """Look for a trade; gives the peer to probe once more when its time has come.

        Without `hold` (a node that is still settling) the trade is made at once.
        """
        state = self._state
        graph = state.graph()
        half = state.target() // 2
        if len(graph) < state.target():
            self._trade = None
            return None
        reach_s = graph[half - 1][0]
        better = [
            entry
            for entry in self.candidates(now)
            if entry.rtt_s is not None and gains(entry.rtt_s, reach_s, state.config)
        ]
        if not better:
            self._trade = None
            return None
        best = min(better, key=_rank)
        if not hold:
            self._exchange(best, graph, now)
            return None
        return self._held(best, graph, now)

    def tend(self, now: float) -> None:
        """Now and then: idle tree links, forgotten dials, one link too many."""
        state, config = self._state, self._state.config
        for node, dialled in list(self._dialling.items()):
            if now - dialled.since > config.dial_patience_s:
                self.failed(node, "patience", now)
        for link in [link for link in state.links if link.kind is Kind.TREE]:
            self._tend_tree(link, now)
        graph = state.graph()
        if len(graph) > state.target() + config.links_over:
            self._trim(graph, now)
        if len(graph) >= state.target():
            self._drop_unwanted(graph)

    def end_guests(self, now: float, all_mine: bool = False) -> None:
        """Close guests whose time is over, and all that this node is, if it says so."""
        state = self._state
        latest: float | None = None
        for link in [link for link in state.links if link.guest]:
            ends = link.since + state.config.guest_stay_s
            if state.surroundings.carries_tree(link.node):
                state.links.change(link, Kind.TREE)
            elif now >= ends or (all_mine and link.outbound):
                self.drop(link.node, "guest")
            else:
                latest = ends if latest is None else min(latest, ends)
        if latest is not None:
            self._guests_by(latest)

    def _held(
        self, best: Entry, graph: list[tuple[float, Link]], now: float
    ) -> NodeId | None:
        state, node = self._state, best.peer.node
        held_s = state.config.trade_held_s
        if self._trade is None or self._trade[0] != node:
            self._trade = (node, now)
            state.timers.set(Task.CONFIRM, now + held_s)
            return None
        if now - self._trade[1] < held_s:
            return None
        # why twice the time: the confirming probe comes back after the deadline
        if (
            now - self._trade[1] < 2 * held_s
            and best.seen_at >= self._trade[1] + held_s
        ):
            self._exchange(best, graph, now)
            return None
        self._trade = (node, now - held_s)
        return node

    def _exchange(
        self, best: Entry, graph: list[tuple[float, Link]], now: float
    ) -> None:
        state = self._state
        self._trade = None
        if any(dialled.trade for dialled in self._dialling.values()):
            return
        carries = state.surroundings.carries_tree
        found = victim(graph, best.rank_s, state.config, carries)
        spare = state.target() + state.config.links_over - len(graph)
        if found is not None or spare > 0:
            self.dial(best, Kind.NEAR, now, trade=True)

    def _give_up_for(self, gained: Link) -> None:
        state = self._state
        graph = state.graph()
        if len(graph) <= state.target() or not gained.lasting:
            return
        gained_s = state.surroundings.rtt_s(gained.node)
        carries = state.surroundings.carries_tree
        others = [item for item in graph if item[1] is not gained]
        found = victim(others, gained_s, state.config, carries)
        if found is not None:
            dropped_s, dropped = found
            self.drop(dropped.node, "traded")
            event = LinkTraded(dropped.node, gained.node, dropped_s, gained_s)
            state.outbox.put(event)

    def _again(self, link: Link, purpose: Purpose) -> None:
        """A link for a second purpose: a tree keeps a guest, the graph adopts a tree's."""
        links = self._state.links
        if purpose is Purpose.TREE and link.guest:
            links.change(link, Kind.TREE)
        elif purpose is Purpose.OVERLAY and link.kind is Kind.TREE:
            if links.refusal(link.keys, Purpose.OVERLAY) is None:
                links.change(link, Kind.NEAR if link.outbound else Kind.INBOUND)

    def _tend_tree(self, link: Link, now: float) -> None:
        state = self._state
        if state.surroundings.carries_tree(link.node):
            link.idle_since = None
        elif link.idle_since is None:
            link.idle_since = now
        elif now - link.idle_since >= state.config.tree_idle_s:
            short = len(state.graph()) < state.target()
            capable = link.entry is not None and link.entry.capable
            quota = state.links.refusal(link.keys, Purpose.OVERLAY)
            if link.outbound and short and capable and quota is None:
                state.links.change(link, Kind.NEAR)
            else:
                self.drop(link.node, "idle")

    def _drop_unwanted(self, graph: list[tuple[float, Link]]) -> None:
        """Close links to thin nodes, made when few capable ones were known."""
        state = self._state
        wanted = dict.fromkeys(link.node for _, link in graph)
        for link in list(state.links):
            mine = link.lasting and link.outbound and link.node not in wanted
            if mine and not state.surroundings.carries_tree(link.node):
                self.drop(link.node, "thin")

    def _trim(self, graph: list[tuple[float, Link]], now: float) -> None:
        state = self._state
        old = now - 2 * state.config.tree_idle_s
        carries = state.surroundings.carries_tree
        found = victim(graph, 0.0, state.config, carries)
        if found is not None and found[1].since < old:
            self.drop(found[1].node, "surplus")

    def _has_room(self, peer: PeerRecord | None) -> bool:
        state, config = self._state, self._state.config
        if state.links.lasting >= state.room():
            return False
        if peer is None or not state.capable or state.capacity.capable(peer):
            return True
        # why: links between capable nodes carry the graph, thin ones only hang on it
        thin = sum(
            link.lasting and (link.entry is None or not link.entry.capable)
            for link in state.links
        )
        return thin < config.links_accept - config.links_floor

    def _make_guest(self, link: Link, now: float) -> None:
        stay_s = self._state.config.guest_stay_s
        link.guest = True
        self._state.outbox.send(link.node, Guest(stay_s))
        self._guests_by(now + stay_s)

    def _guests_by(self, at: float) -> None:
        timers = self._state.timers
        waiting = timers.at(Task.GUESTS)
        if waiting is None or at < waiting:
            timers.set(Task.GUESTS, at)

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


def _rank(entry: Entry) -> float:
    return entry.rank_s
