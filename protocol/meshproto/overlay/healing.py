"""Coming back: isolation, lost peers, partitions (RFC 0007 section 9).

A node with too few links dials bootstrap and remembered peers, pausing twice as long
each time.  Peers lost without a goodbye are probed one at a time for ever: when one
answers, the two halves of a partition find each other again, however late.
"""

from __future__ import annotations

from collections.abc import Sequence

from meshproto.ids import NodeId
from meshproto.overlay.book import Entry
from meshproto.overlay.events import IsolationSuspected, LostPeerFound
from meshproto.overlay.exchange import Exchange
from meshproto.overlay.exploration import Exploration, Why
from meshproto.overlay.links import Kind
from meshproto.overlay.neighbourhood import Neighbourhood
from meshproto.overlay.state import State, Task
from meshproto.wire.control.peer import PeerRecord


class Healing:
    """Who is tried again, and when."""

    __slots__ = (
        *("_bootstrap", "_exchange", "_exploration", "_lost", "_neighbourhood"),
        *("_pause_s", "_state"),
    )

    def __init__(
        self,
        state: State,
        exchange: Exchange,
        neighbourhood: Neighbourhood,
        exploration: Exploration,
    ) -> None:
        self._state = state
        self._exchange = exchange
        self._neighbourhood = neighbourhood
        self._exploration = exploration
        self._bootstrap: dict[NodeId, Entry] = {}
        self._lost: dict[NodeId, Entry] = {}
        self._pause_s = state.config.redial_s

    @property
    def lost_peers(self) -> tuple[NodeId, ...]:
        """Who is missed."""
        return tuple(self._lost)

    def start(self, peers: Sequence[PeerRecord], now: float) -> None:
        """Begin with these peers; they are kept for ever."""
        state = self._state
        for peer in peers:
            self._keep(peer, now)
        if self._bootstrap:
            self._redial(now)
        jitter = 0.5 + state.chance.random()
        state.timers.set(Task.HEAL, now + state.config.heal_s * jitter)

    def meet(self, peers: Sequence[PeerRecord], now: float) -> None:
        """Bootstrap answered late: its peers count like those of the start."""
        for peer in peers:
            self._keep(peer, now)
        if self._state.links.lasting < self._state.config.isolated_links:
            self._redial(now)
        self.check(now)

    def _keep(self, peer: PeerRecord, now: float) -> None:
        state, kept = self._state, self._bootstrap
        if peer.node == state.me:
            return
        # why: an address from a file has no signature, so others get no tip
        genuine = bool(peer.signature) and self._exchange.genuine(peer)
        if peer.node not in kept and len(kept) < state.config.bootstrap_peers:
            kept[peer.node] = state.book.hold(peer)
        if genuine:
            self._exchange.learn(peer, now)

    def linked(self, node: NodeId) -> None:
        """A link to `node` is there."""
        entry = self._lost.pop(node, None)
        if entry is not None:
            self._state.book.release(entry)

    def missed(self, node: NodeId) -> None:
        """`node` went without a goodbye."""
        entry = self._state.book.get(node)
        if entry is None or node in self._lost:
            return
        self._lost[node] = self._state.book.hold(entry.peer)
        if len(self._lost) > self._state.config.lost_peers:
            # why at random: one bad hour must not push out all memory of an earlier one
            victim = self._state.chance.choice(tuple(self._lost))
            self._state.book.release(self._lost.pop(victim))

    def check(self, now: float) -> None:
        """Suspect isolation when too few links are left."""
        state = self._state
        if state.links.lasting >= state.config.isolated_links:
            self._pause_s = state.config.redial_s
            state.timers.cancel(Task.REDIAL)
        elif Task.REDIAL not in state.timers:
            jitter = 0.5 + state.chance.random()
            state.timers.set(Task.REDIAL, now + self._pause_s * jitter)

    def redial(self, now: float) -> None:
        """The pause is over: dial again if links are still missing."""
        state = self._state
        if state.links.lasting >= state.config.isolated_links:
            return
        self._pause_s = min(self._pause_s * 2.0, state.config.redial_max_s)
        # why: a mesh of two has one link each and nobody is missing
        if self._redial(now):
            state.outbox.put(IsolationSuspected(state.links.lasting))
        self.check(now)

    def heal(self, now: float) -> None:
        """Probe one peer that is missed."""
        state = self._state
        missed = [e for n, e in self._lost.items() if n not in state.links]
        if missed:
            self._exploration.probe(state.chance.choice(missed), Why.HEAL)
        jitter = 0.8 + 0.4 * state.chance.random()
        state.timers.set(Task.HEAL, now + state.config.heal_s * jitter)

    def answered(self, node: NodeId, now: float) -> None:
        """A missed peer answered: link to it, whatever the target says."""
        entry = self._lost.get(node)
        if entry is None:
            return
        self._state.outbox.put(LostPeerFound(node))
        entry.retry_at = now
        self._neighbourhood.dial(entry, Kind.RING, now)

    def _redial(self, now: float) -> int:
        state = self._state
        pool = dict.fromkeys(self._bootstrap.values())
        pool |= dict.fromkeys(self._lost.values())
        first = list(pool)
        state.chance.shuffle(first)
        rest = [entry for entry in state.book.remembered() if entry not in pool]
        state.chance.shuffle(rest)
        mixed = [entry for pair in zip(first, rest, strict=False) for entry in pair]
        mixed += first[len(rest) :] + rest[len(first) :]
        dialled = 0
        for entry in mixed:
            if dialled >= state.config.redial_peers:
                break
            entry.retry_at = min(entry.retry_at, now)
            if self._neighbourhood.dial(entry, Kind.RANDOM, now):
                dialled += 1
                if entry.rtt_s is None:
                    self._exploration.probe(entry, Why.ROUND)
        return dialled
