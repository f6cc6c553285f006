"""Peers told to each other: shuffles, ring questions, records of neighbours.

A record is taken only with its owner's signature, which is verified once per content;
newer replaces older (RFC 0007 section 4).  A neighbour that passes on a forged one
is blamed, because it should have verified too.
"""

from __future__ import annotations

import math

from meshproto.ids import NodeId, short_id
from meshproto.overlay.book import Entry
from meshproto.overlay.capacity import Evidence
from meshproto.overlay.events import PeerLearned
from meshproto.overlay.state import State, Verify
from meshproto.wire.control.overlay import (
    SKIP_MAX,
    RingAnswer,
    RingQuery,
    ShuffleAnswer,
    ShuffleRequest,
    Tip,
)
from meshproto.wire.control.peer import PeerRecord

_VERIFIED_MAX = 64
_OPEN_MAX = 16
_STRANGER = 0.3


class Exchange:
    """The book's door: what goes out of it and what may come in."""

    __slots__ = ("_open", "_state", "_verified", "_verify")

    def __init__(self, state: State, verify: Verify) -> None:
        self._state = state
        self._verify = verify
        self._verified: dict[NodeId, PeerRecord] = {}
        self._open: dict[int, NodeId] = {}

    def genuine(self, peer: PeerRecord) -> bool:
        """Whether `peer` is signed by the node it describes."""
        entry = self._state.book.get(peer.node)
        if entry is not None and peer.signature and entry.peer == peer:
            return True
        cached = self._verified.get(peer.node)
        if cached == peer:
            return True
        if not self._verify(peer.node, peer.signed_part(), peer.signature):
            return False
        self._verified.pop(peer.node, None)
        self._verified[peer.node] = peer
        if len(self._verified) > _VERIFIED_MAX:
            del self._verified[next(iter(self._verified))]
        return True

    def learn(self, peer: PeerRecord, seen_at: float) -> Entry | None:
        """Take a record that is genuine; None if there is no place for it."""
        state = self._state
        entry = state.book.get(peer.node)
        if entry is not None and peer.newer_than(entry.peer):
            state.book.refresh(entry, peer)
            state.tell(PeerLearned(peer.node))
        fresh = entry is None
        if (entry is None or not entry.placed) and self._rememberable(peer):
            entry = state.book.learn(peer, state.predicted(peer)) or entry
        if entry is None:
            return None
        entry.seen_at = max(entry.seen_at, seen_at)
        if fresh:
            state.tell(PeerLearned(peer.node))
        return entry

    def shuffle(self, partner: NodeId, now: float) -> None:
        """Offer some peers and ask for some."""
        token = self._opened(partner)
        tips = self._mixed(partner, now)
        self._state.outbox.send(partner, ShuffleRequest(token, tips))

    def answer_shuffle(self, partner: NodeId, ask: ShuffleRequest, now: float) -> None:
        """Give as much as was offered, then take the offer."""
        tips = self._mixed(partner, now)
        self._state.outbox.send(partner, ShuffleAnswer(ask.token, tips))
        self.take(partner, ask.tips, now)

    def ask_ring(self, neighbour: NodeId) -> int:
        """Ask who is as far from the neighbour as this node is; gives the token."""
        state = self._state
        token = self._opened(neighbour)
        known = [e for e in state.book.remembered() if e.rtt_s is not None]
        known.sort(key=_rtt)
        skip = tuple(short_id(entry.peer.node) for entry in known[:SKIP_MAX])
        rtt_s = state.surroundings.rtt_s(neighbour)
        state.outbox.send(neighbour, RingQuery(token, rtt_s, skip))
        return token

    def answer_ring(self, asker: NodeId, ask: RingQuery, now: float) -> None:
        """Name the members whose distance is most like the asker's."""
        skip = dict.fromkeys(ask.skip)
        fits: list[tuple[float, int, Entry]] = []
        for entry in self._tellable(asker, now):
            if short_id(entry.peer.node) in skip:
                continue
            rtt_s = self._state.rtt_of(entry)
            if math.isfinite(rtt_s):
                off_s = abs(rtt_s - ask.rtt_s)
                if entry.peer.node not in self._state.links:
                    # why: whom we can introduce, the asker can link to much sooner
                    off_s += _STRANGER * ask.rtt_s
                fits.append((off_s, len(fits), entry))
        fits.sort()
        best = [entry for _, _, entry in fits[: self._state.config.ring_answer]]
        tips = tuple(self._tip(entry, now) for entry in best)
        self._state.outbox.send(asker, RingAnswer(ask.token, tips))

    def closes(self, neighbour: NodeId, token: int) -> bool:
        """Whether an answer with this token was asked for; once."""
        if self._open.get(token) != neighbour:
            return False
        del self._open[token]
        return True

    def take(self, teller: NodeId, tips: tuple[Tip, ...], now: float) -> list[NodeId]:
        """Learn what a neighbour told; gives the peers now known."""
        state = self._state
        known: list[NodeId] = []
        for tip in tips:
            peer = tip.peer
            if peer.node == state.me:
                continue
            if not self._stale(peer) and not self.genuine(peer):
                state.capacity.evidence(teller, Evidence.FORGED, now)
                state.refuse(teller, "tip-signature")
                return known
            entry = self.learn(peer, now - tip.age_s)
            if entry is not None:
                known.append(peer.node)
                if tip.linked:
                    entry.introducer = teller
        return known

    def _stale(self, peer: PeerRecord) -> bool:
        """Whether nothing but its age would be taken from this record."""
        entry = self._state.book.get(peer.node)
        return entry is not None and entry.placed and not peer.newer_than(entry.peer)

    def _opened(self, neighbour: NodeId) -> int:
        token = self._state.token()
        self._open[token] = neighbour
        if len(self._open) > _OPEN_MAX:
            del self._open[next(iter(self._open))]
        return token

    def _rememberable(self, peer: PeerRecord) -> bool:
        return self._state.capacity.capable(peer) or self._state.few_capable()

    def _tellable(self, to: NodeId, now: float) -> list[Entry]:
        state, found = self._state, []
        few = state.few_capable()
        oldest = now - state.config.peer_expiry_s
        for entry in state.book.entries():
            peer = entry.peer
            alive = peer.node in state.links or (
                entry.placed and entry.failures == 0 and entry.seen_at > oldest
            )
            if (
                alive
                and peer.signature
                and peer.node != to
                and (few or entry.capable)
                and state.capacity.good(peer.node, now)
            ):
                found.append(entry)
        return found

    def _mixed(self, to: NodeId, now: float) -> tuple[Tip, ...]:
        tellable = self._tellable(to, now)
        count = min(self._state.config.shuffle_entries, len(tellable))
        chosen = self._state.chance.sample(tellable, count)
        return tuple(self._tip(entry, now) for entry in chosen)

    def _tip(self, entry: Entry, now: float) -> Tip:
        link = self._state.links.get(entry.peer.node)
        if link is not None:
            return Tip(entry.peer, 0.0, link.lasting)
        return Tip(entry.peer, max(now - entry.seen_at, 0.0), False)


def _rtt(entry: Entry) -> float:
    assert entry.rtt_s is not None
    return entry.rtt_s
