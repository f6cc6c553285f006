"""Finding near members: a newcomer's ring search, then ever rarer rounds.

The search asks the nearest members that have links with us which members are *as far
from you as I am*, probes four of six at a time, and dials what turns out nearer, so
that the next question can be asked there (RFC 0007 section 7).  Afterwards rounds
of up to four probes follow, a second apart while they find something better, slower
after each that does not, down to one probe in ten seconds.
"""

from __future__ import annotations

import heapq
import math
from enum import Enum

from meshproto.ids import NodeId
from meshproto.outputs import Probe
from meshproto.overlay.book import Entry
from meshproto.overlay.events import SearchEnded
from meshproto.overlay.exchange import Exchange
from meshproto.overlay.links import Kind, Link
from meshproto.overlay.neighbourhood import Neighbourhood
from meshproto.overlay.state import State, Task
from meshproto.overlay.upkeep import Upkeep

_ASK_NEAREST = 4
_ASKED_MAX = 2
_IDLE_SPENT = 16
_LATE = 2.0
_APPROACHES = 2
_MUCH_NEARER = 2.0
_FAR_FACTOR = 3.0
_FAR_LEAST_S = 0.02


class Why(Enum):
    """What a probe is for."""

    SEARCH = "search"
    ROUND = "round"
    CONFIRM = "confirm"
    HEAL = "heal"


class Exploration:
    """Probes and questions, and what follows from their answers."""

    __slots__ = (
        *("_asked", "_began_at", "_exchange", "_improved", "_pause_s", "_probing"),
        *(
            "_queue",
            "_queued",
            "_questions",
            "_neighbourhood",
            "_searching",
            "_spent",
            "_state",
        ),
        *("_upkeep",),
    )

    def __init__(
        self,
        state: State,
        exchange: Exchange,
        neighbourhood: Neighbourhood,
        upkeep: Upkeep,
    ) -> None:
        self._state = state
        self._upkeep = upkeep
        self._exchange = exchange
        self._neighbourhood = neighbourhood
        self._probing: dict[int, tuple[NodeId, Why]] = {}
        self._queue: list[tuple[float, int, NodeId]] = []
        self._queued = 0
        self._questions: dict[int, float] = {}
        self._asked: dict[NodeId, int] = {}
        self._searching = False
        self._began_at = float("-inf")
        self._spent = 0
        self._pause_s = 0.0
        self._improved = False

    @property
    def searching(self) -> bool:
        """Whether a newcomer's search is under way."""
        return self._searching

    @property
    def settled(self) -> bool:
        """Whether rounds have become as rare as they get."""
        return self._pause_s >= self._state.config.explore_max_s

    def begin(self, now: float) -> None:
        """Start a search, unless one is under way or just over."""
        again_at = self._began_at + self._state.config.search_again_s
        if self._searching or now < again_at:
            return
        self._searching, self._began_at, self._spent = True, now, 0
        self._asked.clear()
        self._state.timers.set(Task.SEARCH_END, now + self._state.config.search_s)
        self.pump(now)

    def end(self, now: float) -> None:
        """End the search: link to the best found, go on with rounds."""
        if not self._searching:
            return
        state = self._state
        self._searching = False
        self._queue.clear()
        self._questions.clear()
        state.timers.cancel(Task.SEARCH_END)
        found = self._found()
        nearest_s = found[0][0] if found else None
        nodes = tuple(node for _, node in found[: self._enough()])
        took_s = now - self._began_at
        state.outbox.put(SearchEnded(self._spent, took_s, nearest_s, nodes))
        self._pause_s = state.config.explore_s
        state.timers.set(Task.EXPLORE, now + self._pause_s)
        self._neighbourhood.fill(now)
        if state.links.lasting >= state.config.isolated_links:
            self._upkeep.end_guests(now, all_mine=True)

    def told(self, teller: NodeId, token: int, known: list[NodeId], now: float) -> None:
        """An answer to a ring question came.

        The nearer the teller, the nearer its peers, so those are probed first; the
        last two of six wait, because an answer from still nearer may come meanwhile.
        """
        self._questions.pop(token, None)
        if self._searching:
            rank_s = self._state.surroundings.rtt_s(teller)
            for place, node in enumerate(known):
                late = place >= self._state.config.search_parallel
                self._enqueue(rank_s * _LATE if late else rank_s, node)
            self.pump(now)
        else:
            for node in known[: self._state.config.explore_probes]:
                self._probe_new(node, Why.ROUND)

    def probed(self, token: int, rtt_s: float | None, now: float) -> Why | None:
        """Take a probe's result; gives what it was for, None if unknown by now."""
        node, why = self._probing.pop(token, (None, None))
        entry = None if node is None else self._state.book.get(node)
        if entry is not None:
            self._took(entry, rtt_s, now)
        if self._searching:
            self.pump(now)
        return why

    def probing(self, token: int) -> NodeId | None:
        """Whom a probe under way is for."""
        return self._probing.get(token, (None, None))[0]

    def probe(self, entry: Entry, why: Why) -> bool:
        """Measure the round trip to a peer's media port."""
        state = self._state
        media = entry.peer.media
        if not media or len(self._probing) >= state.config.probes_outstanding:
            return False
        token = state.token()
        self._probing[token] = (entry.peer.node, why)
        state.outbox.put(Probe(media[0], token))
        return True

    def pump(self, now: float) -> None:
        """Drive the search as far as its limits allow."""
        if not self._searching:
            return
        config = self._state.config
        reach_s = self._settled_reach_s()
        while self._queue and self._spent < config.search_probes:
            if len(self._probing) >= config.search_parallel:
                break
            rank_s, _, node = heapq.heappop(self._queue)
            if rank_s > _FAR_FACTOR * reach_s:
                # the queue is sorted: nobody in it is worth a probe any more
                self._queue.clear()
                break
            self._spent += self._probe_new(node, Why.SEARCH)
        self._ask(now)
        self._approach(now)
        self._finish(reach_s, now)

    def _finish(self, reach_s: float, now: float) -> None:
        """End the search when nothing that is under way can change its outcome."""
        # why only the near ones: links to random members may take seconds to set up;
        # who has found little yet may find more there
        dials = self._neighbourhood
        awaited = dials.approaching() if self._spent >= _IDLE_SPENT else dials.dialling
        waiting = self._questions or awaited
        spent = self._spent >= self._state.config.search_probes
        if spent or not (waiting or self._queue):
            if self._probing and reach_s < math.inf:
                # whoever has not answered by then is no nearer than those found
                self._sooner(now + reach_s)
            elif not self._probing and (spent or self._state.links.lasting):
                self.end(now)

    def _sooner(self, at: float) -> None:
        timers = self._state.timers
        ends_at = timers.at(Task.SEARCH_END)
        if ends_at is None or at < ends_at:
            timers.set(Task.SEARCH_END, at)

    def _enough(self) -> int:
        """How many near members a search is for: the nearer half of the links."""
        return self._state.config.links_target // 2

    def _found(self) -> list[tuple[float, NodeId]]:
        """The members that were measured, nearest first."""
        remembered = self._state.book.remembered()
        return sorted((e.rtt_s, e.peer.node) for e in remembered if e.rtt_s is not None)

    def _settled_reach_s(self) -> float:
        """The round trip to the last of the near ones found; infinite with too few."""
        found, enough = self._found(), self._enough()
        return (
            max(found[enough - 1][0], _FAR_LEAST_S)
            if len(found) >= enough
            else math.inf
        )

    def round(self, now: float) -> None:
        """One round of exploring, and everything else that is done now and then."""
        state, config = self._state, self._state.config
        grown_s = self._pause_s * config.explore_growth
        self._pause_s = config.explore_s if self._improved else grown_s
        self._pause_s = min(max(self._pause_s, config.explore_s), config.explore_max_s)
        probes = config.explore_probes if self._improved else 1
        self._improved = False
        for entry in self._worth_probing(probes):
            self.probe(entry, Why.ROUND)
        if not self.settled:
            self._asked_again()
        self._neighbourhood.fill(now)
        self._upkeep.tend(now)
        self.trade(now)
        jitter = 0.9 + 0.2 * state.chance.random()
        state.timers.set(Task.EXPLORE, now + self._pause_s * jitter)

    def trade(self, now: float) -> None:
        """Weigh the links; a trade that was held long enough is probed once more."""
        node = self._upkeep.weigh(now, hold=self.settled)
        entry = None if node is None else self._state.book.get(node)
        if entry is not None:
            self.probe(entry, Why.CONFIRM)

    def _took(self, entry: Entry, rtt_s: float | None, now: float) -> None:
        state = self._state
        if rtt_s is None:
            entry.failures += 1
            if entry.failures >= 2 and not entry.held:
                state.book.forget(entry)
            return
        reach_s = self._reach_s()
        if entry.rtt_s is None and rtt_s < reach_s:
            self._improved = True
        state.coordinates.sample(entry.peer.coordinate, rtt_s)
        state.book.measured(entry, rtt_s, now)

    def _reach_s(self) -> float:
        graph = self._state.graph()
        half = self._state.target() // 2
        return graph[half - 1][0] if len(graph) >= half else float("inf")

    def _probe_new(self, node: NodeId, why: Why) -> bool:
        entry = self._state.book.get(node)
        if entry is None or entry.rtt_s is not None or node in self._state.links:
            return False
        if any(node == other for other, _ in self._probing.values()):
            return False
        return self.probe(entry, why)

    def _ask(self, now: float) -> None:
        config = self._state.config
        for token, sent_at in list(self._questions.items()):
            if now - sent_at > config.question_s:
                del self._questions[token]
        reach_s = self._asking_reach_s()
        rtt_s = self._state.surroundings.rtt_s
        links = self._nearest_links()
        for link in links:
            if len(self._questions) >= config.search_questions:
                return
            if link.node not in self._asked and rtt_s(link.node) <= reach_s:
                self._question(link, now)
        # why twice: far from everybody, set-up takes long and probes would lie idle
        idle = not (self._probing or self._questions or self._queue)
        if idle and self._spent < _IDLE_SPENT:
            links.sort(key=lambda link: self._asked.get(link.node, 0))
            if links and self._asked.get(links[0].node, 0) < _ASKED_MAX:
                self._question(links[0], now)

    def _enqueue(self, rank_s: float, node: NodeId) -> None:
        self._queued += 1
        heapq.heappush(self._queue, (rank_s, self._queued, node))

    def _question(self, link: Link, now: float) -> None:
        self._asked[link.node] = self._asked.get(link.node, 0) + 1
        self._questions[self._exchange.ask_ring(link.node)] = now

    def _asking_reach_s(self) -> float:
        """How far away it is worth asking: not far beyond the nearest member found."""
        ranks = [e.rtt_s for e in self._state.book.remembered() if e.rtt_s is not None]
        return max(_FAR_FACTOR * min(ranks, default=1.0), _FAR_LEAST_S)

    def _nearest_links(self) -> list[Link]:
        rtt_s = self._state.surroundings.rtt_s
        links = [link for link in self._state.links if link.kind is not Kind.TREE]
        links.sort(key=lambda link: rtt_s(link.node))
        return links[:_ASK_NEAREST]

    def _approach(self, now: float) -> None:
        """Dial the nearest members found, where the next question is to be asked."""
        nearest = self._nearest_links()
        rtt_s = self._state.surroundings.rtt_s
        reach_s = rtt_s(nearest[0].node) if nearest else float("inf")
        found = [
            entry
            for entry in self._state.book.remembered()
            if entry.rtt_s is not None and entry.rtt_s < reach_s
        ]
        found = self._neighbourhood.candidates(now, found)
        if found:
            best = min(found, key=lambda entry: entry.rank_s)
            # why the nearness: links to far members take long, and must not keep one
            # waiting that is half as far
            within_s = _MUCH_NEARER * best.rank_s
            if self._neighbourhood.approaching(within_s) < _APPROACHES:
                self._neighbourhood.dial(best, Kind.NEAR, now)

    def _asked_again(self) -> None:
        links = [link for link in self._nearest_links() if link.lasting]
        if links:
            self._exchange.ask_ring(self._state.chance.choice(links).node)

    def _worth_probing(self, count: int) -> list[Entry]:
        """Unmeasured peers, the most promising first; else the stalest near one."""
        state = self._state
        open_ = [
            entry
            for entry in state.book.remembered()
            if entry.rtt_s is None and entry.peer.node not in state.links
        ]
        state.chance.shuffle(open_)
        open_.sort(key=lambda entry: entry.rank_s)
        if open_:
            return open_[:count]
        near = [e for e in state.book.near if e.peer.node not in state.links]
        return [min(near, key=lambda entry: entry.seen_at)] if near else []
