"""What becomes of links: trades, idle links of trees, guests, one too many.

`weigh` looks for a trade: a remembered peer that is 20 % and 10 ms nearer than the
nearer half of the links reaches, still so after five seconds (RFC 0007 section 6.2).
The new link is made before the old one is closed.  A link that carries a tree is never
given up, nor are the two random ones, nor links that the other end dialled.
"""

from __future__ import annotations

from meshproto.ids import NodeId
from meshproto.overlay.book import Entry
from meshproto.overlay.choice import gains, victim
from meshproto.overlay.events import LinkTraded
from meshproto.overlay.links import Kind, Link
from meshproto.overlay.neighbourhood import Neighbourhood
from meshproto.overlay.state import State, Task


class Upkeep:
    """Judges the links in `State.links` now and then."""

    __slots__ = ("_neighbourhood", "_state", "_trade")

    def __init__(self, state: State, neighbourhood: Neighbourhood) -> None:
        self._state = state
        self._neighbourhood = neighbourhood
        self._trade: tuple[NodeId, float] | None = None

    def weigh(self, now: float, hold: bool) -> NodeId | None:
        """Look for a trade; gives the peer to probe once more when its time has come.

        Without `hold` (a node that is still settling) the trade is made at once.
        """
        state = self._state
        graph = state.graph()
        half = state.target() // 2
        if state.breathless or len(graph) < state.target():
            self._trade = None
            return None
        reach_s = graph[half - 1][0]
        nearer = [
            entry
            for entry in state.book.remembered()
            if entry.rtt_s is not None and gains(entry.rtt_s, reach_s, state.config)
        ]
        better = self._neighbourhood.candidates(now, nearer) if nearer else nearer
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
        self._neighbourhood.forget_dials(now)
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
            ends = link.ends_at
            if state.surroundings.carries_tree(link.node):
                state.links.change(link, Kind.TREE)
            elif now >= ends or (all_mine and link.outbound):
                self._neighbourhood.drop(link.node, "guest")
            else:
                latest = ends if latest is None else min(latest, ends)
        if latest is not None:
            self._neighbourhood.guests.look(latest)

    def gained(self, gained: Link) -> None:
        """A link dialled for a trade is there: the old one may go."""
        state = self._state
        if not gained.trade or not gained.lasting:
            return
        gained.trade = False
        graph = state.graph()
        if len(graph) <= state.target():
            return
        gained_s = state.surroundings.rtt_s(gained.node)
        carries = state.surroundings.carries_tree
        others = [item for item in graph if item[1] is not gained]
        found = victim(others, gained_s, state.config, carries)
        if found is not None:
            dropped_s, dropped = found
            self._neighbourhood.drop(dropped.node, "traded")
            event = LinkTraded(dropped.node, gained.node, dropped_s, gained_s)
            state.outbox.put(event)

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
        if self._neighbourhood.trading:
            return
        carries = state.surroundings.carries_tree
        found = victim(graph, best.rank_s, state.config, carries)
        spare = state.target() + state.config.links_over - len(graph)
        spare = min(spare, state.room() - state.links.lasting)
        if found is not None or spare > 0:
            self._neighbourhood.dial(best, Kind.NEAR, now, trade=True)

    def _tend_tree(self, link: Link, now: float) -> None:
        state = self._state
        capable = link.entry is not None and link.entry.capable
        short = len(state.graph()) < state.target()
        # why not when idle: the end that was dialled may close it at that moment
        if link.outbound and short and capable and self._neighbourhood.adopt(link):
            return
        if state.surroundings.carries_tree(link.node):
            link.idle_since = None
        elif link.idle_since is None:
            link.idle_since = now
        elif now - link.idle_since >= state.config.tree_idle_s:
            self._neighbourhood.drop(link.node, "idle")

    def _drop_unwanted(self, graph: list[tuple[float, Link]]) -> None:
        """Close links to thin nodes, made when few capable ones were known."""
        state = self._state
        wanted = dict.fromkeys(link.node for _, link in graph)
        for link in list(state.links):
            mine = link.lasting and link.outbound and link.node not in wanted
            if mine and not state.surroundings.carries_tree(link.node):
                self._neighbourhood.drop(link.node, "thin")

    def _trim(self, graph: list[tuple[float, Link]], now: float) -> None:
        state = self._state
        old = now - 2 * state.config.tree_idle_s
        carries = state.surroundings.carries_tree
        found = victim(graph, 0.0, state.config, carries)
        if found is not None and found[1].since < old:
            self._neighbourhood.drop(found[1].node, "surplus")


def _rank(entry: Entry) -> float:
    return entry.rank_s
