"""The peer score of GossipSub 1.1, P1 to P7, counted when asked (RFC 0008 section 6).

Nothing is refreshed in a loop: `advance` notes how many ticks passed, and a score is
worked out when somebody needs it.  Most questions are "is it below this threshold?",
and thresholds are not positive, so a neighbour about whom nothing bad is known (it is
not in `_troubled`) is answered without arithmetic.

Scores of neighbours that left are kept, unfaded, if they are not positive: reconnecting
must not wash them.  No score ever depends on what others say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshproto.config.gossip import PeerScore, TopicScore
from meshproto.gossip.counters import TopicCounters, faded
from meshproto.gossip.grid import Grid
from meshproto.ids import NodeId


class Stats:
    """Everything counted about one neighbour."""

    __slots__ = ("addresses", "app", "connected", "penalty", "tick", "topics", "until")

    def __init__(self, tick: int) -> None:
        self.topics: dict[str, TopicCounters] = {}
        self.addresses: tuple[bytes, ...] = ()
        self.app = self.penalty = self.until = 0.0
        self.tick = tick
        self.connected = True


class Scores:
    """Scores of all neighbours, and of some that left."""

    __slots__ = (
        "_at",
        "_grid",
        "_hosts",
        "_retained",
        "_retained_max",
        "_rule",
        "_stats",
        "_tick",
        "_topic_rule",
        "_topic_rules",
        "_troubled",
        "volatile",
    )

    def __init__(
        self,
        rule: PeerScore,
        topic_rule: TopicScore | None,
        topic_rules: Mapping[str, TopicScore],
        retained_max: int,
    ) -> None:
        self._rule = rule
        self._topic_rule = topic_rule
        self._topic_rules = topic_rules
        self._retained_max = retained_max
        self._stats: dict[NodeId, Stats] = {}
        self._hosts: dict[bytes, dict[NodeId, None]] = {}
        self._retained: dict[NodeId, None] = {}
        self._troubled: dict[NodeId, None] = {}
        self._grid: Grid | None = None
        self._tick = 0
        self._at = 0.0
        rules = [*topic_rules.values(), *([topic_rule] if topic_rule else [])]
        self.volatile = any(one.mesh_message_deliveries_weight for one in rules)
        """Whether a score can fall although nothing happens (P3)."""

    def __len__(self) -> int:
        """Neighbours counted, and kept after they left."""
        return len(self._stats)

    def advance(self, now: float) -> None:
        """Let time pass: whole ticks since the first call fade all counters."""
        if self._grid is None:
            self._grid = Grid(self._rule.decay_interval_s, now)
            self._at = now
        number = self._grid.number(now)
        if number > self._tick:
            self.refresh(self._grid.at(number), number - self._tick)

    def refresh(self, at: float, ticks: int = 1) -> None:
        """`ticks` ticks passed, the last one at `at` seconds."""
        self._tick += ticks
        self._at = at

    def peer_up(self, node: NodeId, addresses: Iterable[bytes], now: float) -> None:
        """A neighbour came, perhaps again: then what was kept is taken up unfaded."""
        stats = self._stats.get(node)
        if stats is not None and not stats.connected and stats.until <= now:
            self._forget(node)
            stats = None
        if stats is None:
            stats = self._stats[node] = Stats(self._tick)
        else:
            self._retained.pop(node, None)
            self._move_from(node, stats)
            self._troubled[node] = None
        stats.connected = True
        stats.tick = self._tick
        for counters in stats.topics.values():
            counters.tick = self._tick
        self._move_to(node, stats, tuple(addresses))

    def peer_down(self, node: NodeId, now: float) -> None:
        """A neighbour left: a good score is forgotten, another one kept for a while."""
        stats = self._stats[node]
        score = self.of(node)
        if score > 0 or self._blameless(stats):
            self._forget(node)
            return
        for topic, counters in stats.topics.items():
            counters.first = 0.0
            if rule := self._rule_of(topic):
                counters.leave_mesh(rule, self._at)
        stats.connected = False
        stats.until = now + self._rule.retain_score_s
        self._troubled.pop(node, None)
        self._retained[node] = None
        self._expire(now)

    def _expire(self, now: float) -> None:
        while self._retained:
            oldest = next(iter(self._retained))
            overfull = len(self._retained) > self._retained_max
            if self._stats[oldest].until > now and not overfull:
                return
            self._forget(oldest)

    def _forget(self, node: NodeId) -> None:
        self._move_from(node, self._stats.pop(node))
        self._retained.pop(node, None)
        self._troubled.pop(node, None)

    def _move_from(self, node: NodeId, stats: Stats) -> None:
        for address in stats.addresses:
            there = self._hosts[address]
            there.pop(node, None)
            if not there:
                del self._hosts[address]
        stats.addresses = ()

    def _move_to(
        self, node: NodeId, stats: Stats, addresses: tuple[bytes, ...]
    ) -> None:
        known = dict.fromkeys(address for address in addresses if address)
        stats.addresses = tuple(known)
        for address in known:
            there = self._hosts.setdefault(address, {})
            there[node] = None
            if self._surplus(address):
                self._troubled.update(there)

    def _surplus(self, address: bytes) -> int:
        if not self._rule.ip_colocation_factor_weight:
            return 0
        if address in self._rule.ip_colocation_whitelist:
            return 0
        here = len(self._hosts[address])
        return max(0, here - self._rule.ip_colocation_factor_threshold)

    def _rule_of(self, topic: str) -> TopicScore | None:
        return self._topic_rules.get(topic, self._topic_rule)

    def _counters(
        self, node: NodeId, topic: str
    ) -> tuple[TopicCounters, TopicScore] | None:
        rule, stats = self._rule_of(topic), self._stats.get(node)
        if rule is None or stats is None:
            return None
        counters = stats.topics.get(topic)
        if counters is None:
            counters = stats.topics[topic] = TopicCounters(self._tick)
        elif stats.connected:
            counters.bring(rule, self._tick, self._rule.decay_to_zero)
        return counters, rule

    def grafted(self, node: NodeId, topic: str, now: float) -> None:
        """`node` entered our mesh."""
        if found := self._counters(node, topic):
            found[0].grafted_at = now
            if found[1].mesh_message_deliveries_weight:
                self._troubled[node] = None

    def pruned(self, node: NodeId, topic: str) -> None:
        """`node` left our mesh, whoever wanted it (P3b)."""
        if found := self._counters(node, topic):
            found[0].leave_mesh(found[1], self._at)
            if found[0].failures:
                self._troubled[node] = None

    def delivered(self, node: NodeId, topic: str) -> None:
        """`node` was the first to bring a valid message (P2, P3)."""
        if found := self._counters(node, topic):
            counters, rule = found
            cap = rule.first_message_deliveries_cap
            counters.first = min(counters.first + 1, cap)
            self._in_mesh(counters, rule)

    def repeated(self, node: NodeId, topic: str) -> None:
        """`node` brought a valid message too, in time (P3)."""
        if found := self._counters(node, topic):
            self._in_mesh(*found)

    @staticmethod
    def _in_mesh(counters: TopicCounters, rule: TopicScore) -> None:
        if counters.grafted_at is not None:
            cap = rule.mesh_message_deliveries_cap
            counters.meshed = min(counters.meshed + 1, cap)

    def window_s(self, topic: str) -> float | None:
        """How long after validation a copy counts for P3; None if P3 is off."""
        rule = self._rule_of(topic)
        if rule is None or not rule.mesh_message_deliveries_weight:
            return None
        return rule.mesh_message_deliveries_window_s

    def invalid(self, node: NodeId, topic: str) -> None:
        """`node` brought an invalid message (P4)."""
        if found := self._counters(node, topic):
            found[0].invalid += 1
            self._troubled[node] = None

    def penalise(self, node: NodeId, count: float = 1) -> None:
        """`node` broke a rule (P7); unknown nodes are fine."""
        stats = self._stats.get(node)
        if stats is not None:
            self._bring(stats)
            stats.penalty += count
            if stats.connected:
                self._troubled[node] = None

    def set_app(self, node: NodeId, value: float) -> None:
        """What the owner thinks of `node` (P5)."""
        stats = self._stats.get(node)
        if stats is not None:
            stats.app = value
            if value < 0:
                self._troubled[node] = None

    def penalty(self, node: NodeId) -> float:
        """The behaviour counter of `node` (P7), faded up to now."""
        stats = self._stats.get(node)
        if stats is None:
            return 0.0
        self._bring(stats)
        return stats.penalty

    def _bring(self, stats: Stats) -> None:
        ticks = self._tick - stats.tick
        if ticks and stats.connected:
            stats.penalty = faded(
                stats.penalty,
                self._rule.behaviour_penalty_decay,
                ticks,
                self._rule.decay_to_zero,
            )
            stats.tick = self._tick

    def of(self, node: NodeId) -> float:
        """The score of `node`; 0 for a stranger."""
        stats = self._stats.get(node)
        if stats is None:
            return 0.0
        rule, total = self._rule, 0.0
        for topic in stats.topics:
            if found := self._counters(node, topic):
                counters, topic_rule = found
                total += topic_rule.topic_weight * counters.score(topic_rule, self._at)
        if rule.topic_score_cap > 0:
            total = min(total, rule.topic_score_cap)
        total += stats.app * rule.app_specific_weight
        for address in stats.addresses:
            surplus = self._surplus(address)
            total += surplus * surplus * rule.ip_colocation_factor_weight
        self._bring(stats)
        excess = stats.penalty - rule.behaviour_penalty_threshold
        if excess > 0:
            total += excess * excess * rule.behaviour_penalty_weight
        return total

    def below(self, node: NodeId, threshold: float) -> bool:
        """Whether the score is below a threshold that is not positive."""
        if node not in self._troubled:
            return False
        score = self.of(node)
        if score >= 0 and self._blameless(self._stats[node]):
            del self._troubled[node]
        return score < threshold

    def _blameless(self, stats: Stats) -> bool:
        if stats.penalty or stats.app < 0 or any(map(self._surplus, stats.addresses)):
            return False
        return all(
            rule is None or counters.blameless(rule)
            for topic, counters in stats.topics.items()
            for rule in (self._rule_of(topic),)
        )
