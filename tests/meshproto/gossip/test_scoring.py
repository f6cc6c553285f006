"""The lazy scores against a model that does everything on every tick, as the
specification says it; and what only exists because they are lazy.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.config.gossip import PeerScore, TopicScore
from meshproto.gossip.scoring import Scores
from meshproto.ids import NodeId
from support.gossip import OTHER, TOPIC, node_id

A, B, C = node_id(1), node_id(2), node_id(3)
TOPIC_RULE = TopicScore(
    topic_weight=0.5,
    time_in_mesh_weight=0.3,
    time_in_mesh_quantum_s=2.0,
    time_in_mesh_cap=8.0,
    first_message_deliveries_weight=1.5,
    first_message_deliveries_decay=0.8,
    first_message_deliveries_cap=5.0,
    mesh_message_deliveries_weight=-2.0,
    mesh_message_deliveries_decay=0.7,
    mesh_message_deliveries_cap=6.0,
    mesh_message_deliveries_threshold=3.0,
    mesh_message_deliveries_activation_s=4.0,
    mesh_failure_penalty_weight=-1.0,
    mesh_failure_penalty_decay=0.9,
    invalid_message_deliveries_weight=-10.0,
    invalid_message_deliveries_decay=0.95,
)
RULE = PeerScore(
    topic_score_cap=4.0,
    behaviour_penalty_weight=-3.0,
    behaviour_penalty_threshold=2.0,
    behaviour_penalty_decay=0.9,
    ip_colocation_factor_threshold=1,
    ip_colocation_factor_weight=-5.0,
)


class Model:
    """One neighbour, with a loop over all counters on every tick."""

    def __init__(self) -> None:
        self.topics: dict[str, dict[str, Any]] = {}
        self.penalty = self.app = 0.0

    def of(self, topic: str) -> dict[str, Any]:
        fresh = {"at": None, "time": 0.0, "active": False}
        counts = {"first": 0.0, "meshed": 0.0, "failed": 0.0, "invalid": 0.0}
        return self.topics.setdefault(topic, fresh | counts)

    def deficit(self, one: dict[str, Any]) -> float:
        short = TOPIC_RULE.mesh_message_deliveries_threshold - one["meshed"]
        return max(0.0, short) ** 2 if one["at"] is not None and one["active"] else 0.0

    def tick(self, now: float) -> None:
        decays = {
            "first": TOPIC_RULE.first_message_deliveries_decay,
            "meshed": TOPIC_RULE.mesh_message_deliveries_decay,
            "failed": TOPIC_RULE.mesh_failure_penalty_decay,
            "invalid": TOPIC_RULE.invalid_message_deliveries_decay,
        }
        for one in self.topics.values():
            for name, factor in decays.items():
                one[name] *= factor
                if one[name] < RULE.decay_to_zero:
                    one[name] = 0.0
            if one["at"] is not None:
                one["time"] = now - one["at"]
                activation = TOPIC_RULE.mesh_message_deliveries_activation_s
                one["active"] = one["time"] > activation
        self.penalty *= RULE.behaviour_penalty_decay
        if self.penalty < RULE.decay_to_zero:
            self.penalty = 0.0

    def score(self) -> float:
        total = 0.0
        for one in self.topics.values():
            part = one["first"] * TOPIC_RULE.first_message_deliveries_weight
            if one["at"] is not None:
                quanta = one["time"] / TOPIC_RULE.time_in_mesh_quantum_s
                capped = min(quanta, TOPIC_RULE.time_in_mesh_cap)
                part += capped * TOPIC_RULE.time_in_mesh_weight
            part += self.deficit(one) * TOPIC_RULE.mesh_message_deliveries_weight
            part += one["failed"] * TOPIC_RULE.mesh_failure_penalty_weight
            part += one["invalid"] ** 2 * TOPIC_RULE.invalid_message_deliveries_weight
            total += part * TOPIC_RULE.topic_weight
        total = min(total, RULE.topic_score_cap) + self.app
        excess = max(0.0, self.penalty - RULE.behaviour_penalty_threshold)
        return total + excess**2 * RULE.behaviour_penalty_weight


def scores(rule: PeerScore = RULE, retained: int = 10) -> Scores:
    made = Scores(rule, TOPIC_RULE, {}, retained)
    made.advance(0.0)
    return made


topics = st.sampled_from([TOPIC, OTHER])
steps = st.one_of(
    st.tuples(st.just("tick"), st.integers(1, 40)),
    st.tuples(st.just("graft"), topics),
    st.tuples(st.just("prune"), topics),
    st.tuples(st.just("deliver"), topics),
    st.tuples(st.just("repeat"), topics),
    st.tuples(st.just("invalid"), topics),
    st.tuples(st.just("penalty"), st.integers(1, 3)),
    st.tuples(st.just("app"), st.integers(-5, 5)),
)


class Both:
    """The lazy scores and the model, side by side."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lazy, self.model = scores(), Model()
        self.lazy.peer_up(A, (), self.now)

    def tick(self, ticks: int) -> None:
        for _ in range(ticks):
            self.now += RULE.decay_interval_s
            self.model.tick(self.now)
        self.lazy.advance(self.now + 0.5)

    def graft(self, topic: str) -> None:
        one = self.model.of(topic)
        if one["at"] is None:
            one |= {"at": self.now, "time": 0.0, "active": False}
            self.lazy.grafted(A, topic, self.now)

    def prune(self, topic: str) -> None:
        one = self.model.of(topic)
        one["failed"] += self.model.deficit(one)
        one["at"] = None
        self.lazy.pruned(A, topic)

    def repeat(self, topic: str) -> None:
        one = self.model.of(topic)
        if one["at"] is not None:
            cap = TOPIC_RULE.mesh_message_deliveries_cap
            one["meshed"] = min(one["meshed"] + 1, cap)
        self.lazy.repeated(A, topic)

    def deliver(self, topic: str) -> None:
        one = self.model.of(topic)
        cap = TOPIC_RULE.first_message_deliveries_cap
        one["first"] = min(one["first"] + 1, cap)
        if one["at"] is not None:
            cap = TOPIC_RULE.mesh_message_deliveries_cap
            one["meshed"] = min(one["meshed"] + 1, cap)
        self.lazy.delivered(A, topic)

    def invalid(self, topic: str) -> None:
        self.model.of(topic)["invalid"] += 1
        self.lazy.invalid(A, topic)

    def penalty(self, times: int) -> None:
        self.model.penalty += times
        self.lazy.penalise(A, times)

    def app(self, value: int) -> None:
        self.model.app = value
        self.lazy.set_app(A, value)


@settings(deadline=None)
@given(st.lists(steps, max_size=40))
def test_the_lazy_score_is_the_score_of_the_specification(taken: list[Any]) -> None:
    both = Both()
    for name, argument in taken:
        getattr(both, name)(argument)
        expected = both.model.score()
        # looked at now and then only: not looking must not matter
        if name == "tick":
            assert both.lazy.of(A) == pytest.approx(expected, rel=1e-9, abs=0.05)
            for threshold in (0.0, -5.0, -100.0):
                if abs(expected - threshold) > 0.1:
                    assert both.lazy.below(A, threshold) == (expected < threshold)


def test_a_stranger_has_no_score_and_leaves_no_trace() -> None:
    made = scores()
    made.penalise(A)
    made.invalid(A, TOPIC)
    made.delivered(A, TOPIC)
    made.set_app(A, -5)
    assert made.of(A) == 0
    assert made.penalty(A) == 0
    assert not made.below(A, 0)
    assert len(made) == 0


def test_a_topic_without_a_rule_does_not_count() -> None:
    made = Scores(RULE, None, {OTHER: TOPIC_RULE}, 10)
    made.peer_up(A, (), 0.0)
    made.invalid(A, TOPIC)
    assert made.of(A) == 0
    made.invalid(A, OTHER)
    assert made.of(A) == -5


def test_who_is_out_of_trouble_is_answered_without_arithmetic() -> None:
    made = scores()
    made.peer_up(A, (), 0.0)
    assert not made._troubled
    made.penalise(A, 3)
    assert made.below(A, 0)
    assert A in made._troubled
    made.advance(500.0)
    assert not made.below(A, 0)
    assert A not in made._troubled


def test_a_bad_score_is_kept_unfaded_and_a_good_one_forgotten() -> None:
    made = scores()
    made.peer_up(A, (), 0.0)
    made.peer_up(B, (), 0.0)
    made.invalid(A, TOPIC)
    made.delivered(B, TOPIC)
    made.peer_down(A, 0.0)
    made.peer_down(B, 0.0)
    assert len(made) == 1
    made.advance(3000.0)
    made.peer_up(A, (), 3000.0)
    assert made.of(A) == -5
    assert made.below(A, 0)
    made.advance(3010.0)
    assert -5 < made.of(A) < 0


def test_a_good_score_is_forgotten_with_the_slips_in_it() -> None:
    made = scores()
    made.peer_up(A, (), 0.0)
    made.delivered(A, TOPIC)
    made.penalise(A, 2)
    assert made.of(A) > 0
    made.peer_down(A, 0.0)
    assert len(made) == 0


def test_first_deliveries_do_not_outlive_the_link() -> None:
    made = scores()
    made.peer_up(A, (), 0.0)
    made.delivered(A, TOPIC)
    made.invalid(A, TOPIC)
    made.peer_down(A, 0.0)
    made.peer_up(A, (), 1.0)
    assert made.of(A) == -5


def test_a_slip_below_the_threshold_is_kept_too() -> None:
    made = scores()
    made.peer_up(A, (), 0.0)
    made.penalise(A, 2)
    made.peer_down(A, 0.0)
    made.peer_up(A, (), 10.0)
    assert made.penalty(A) == 2


def test_penalties_reach_who_left_meanwhile() -> None:
    made = scores()
    made.peer_up(A, (), 0.0)
    made.penalise(A, 2)
    made.peer_down(A, 0.0)
    made.penalise(A, 1)
    made.peer_up(A, (), 10.0)
    assert made.of(A) == -3


def test_retention_ends() -> None:
    made = scores()
    made.peer_up(A, (b"x",), 0.0)
    made.invalid(A, TOPIC)
    made.peer_down(A, 0.0)
    made.peer_up(A, (b"x",), RULE.retain_score_s + 1)
    assert made.of(A) == 0
    assert list(made._hosts[b"x"]) == [A]


def test_retained_scores_are_bounded_and_expire_in_order() -> None:
    made = scores(retained=3)
    nodes = [node_id(number) for number in range(6)]
    for node in nodes:
        made.peer_up(node, (b"x",), 0.0)
        made.invalid(node, TOPIC)
        made.peer_down(node, 0.0)
    assert len(made) == 3
    assert list(made._hosts[b"x"]) == nodes[3:]
    made.peer_up(A, (), 4000.0)
    made.invalid(A, TOPIC)
    made.peer_down(A, 4000.0)
    assert len(made) == 1


def test_a_crowded_address_counts_against_all_there_until_they_go() -> None:
    made = scores()
    for node in (A, B, C):
        made.peer_up(node, (b"x", b"x", b""), 0.0)
    assert [made.of(node) for node in (A, B, C)] == [-20.0] * 3
    assert all(made.below(node, 0) for node in (A, B, C))
    made._forget(B)
    made._forget(C)
    assert made.of(A) == 0
    assert not made.below(A, 0)
    made._forget(A)
    assert not made._hosts


def test_who_sits_at_two_addresses_suffers_at_both() -> None:
    made = scores()
    made.peer_up(A, (b"x", b"y"), 0.0)
    made.peer_up(B, (b"x",), 0.0)
    made.peer_up(C, (b"y",), 0.0)
    assert made.of(A) == -10
    assert made.of(B) == -5


def test_p3_is_told_to_those_who_must_stay_awake() -> None:
    assert scores().volatile
    quiet = Scores(RULE, TopicScore(), {}, 10)
    assert not quiet.volatile
    assert quiet.window_s(TOPIC) is None
    assert scores().window_s(TOPIC) == TOPIC_RULE.mesh_message_deliveries_window_s


def test_time_only_goes_forward() -> None:
    made = scores()
    made.peer_up(A, (), 0.0)
    made.penalise(A, 5)
    made.advance(50.0)
    faded = made.penalty(A)
    made.advance(10.0)
    assert made.penalty(A) == faded
    assert faded == pytest.approx(5 * 0.9**50, abs=0.03)


def test_nodes_are_told_apart() -> None:
    made = scores()
    for node in (A, NodeId(b"another one")):
        made.peer_up(node, (), 0.0)
    made.penalise(A, 5)
    assert made.of(NodeId(b"another one")) == 0
