from __future__ import annotations

from dataclasses import replace

import pytest

from meshproto.config.gossip import (
    GossipConfig,
    PeerScore,
    Thresholds,
    TopicScore,
    check,
    decay,
)
from meshproto.errors import StateError


def test_the_defaults_are_consistent() -> None:
    check(GossipConfig())


def test_a_decay_brings_one_to_its_floor_in_time() -> None:
    assert decay(600) ** 600 == pytest.approx(0.01)
    assert decay(10, interval_s=2.0, to_zero=0.5) ** 5 == pytest.approx(0.5)


@pytest.mark.parametrize(
    "options",
    [
        {"degree_low": 7},
        {"degree": 13},
        {"degree_low": 0},
        {"degree_score": 7},
        {"degree_outbound": 4},
        {"degree_outbound": 5, "degree": 12},
        {"history_gossip": 6},
        {"history_gossip": 0},
        {"heartbeat_s": 0.0},
        {"thresholds": Thresholds(graylist=-1.0)},
        {"thresholds": Thresholds(gossip=float("nan"))},
        {"score": PeerScore(app_specific_weight=-1.0)},
        {"score": PeerScore(ip_colocation_factor_weight=1.0)},
        {"score": PeerScore(behaviour_penalty_decay=1.0)},
        {"topic_score": TopicScore(topic_weight=-1.0)},
        {"topic_score": TopicScore(time_in_mesh_quantum_s=0.0)},
        {"topic_scores": {"t": TopicScore(mesh_message_deliveries_weight=1.0)}},
        {
            "topic_score": TopicScore(
                mesh_message_deliveries_weight=-1.0,
                mesh_message_deliveries_activation_s=0.5,
            )
        },
    ],
    ids=str,
)
def test_contradictions_are_named(options: dict[str, object]) -> None:
    with pytest.raises(StateError, match="gossip configuration: "):
        check(replace(GossipConfig(), **options))  # type: ignore[arg-type]


def test_what_the_comments_promise_holds() -> None:
    config = GossipConfig()
    score, limits = config.topic_score, config.thresholds
    in_mesh = score.time_in_mesh_weight * score.time_in_mesh_cap
    assert in_mesh < limits.accept_px
    assert score.invalid_message_deliveries_weight * 25 < limits.graylist
    assert score.invalid_message_deliveries_weight * 16 > limits.graylist
    slips = config.score.behaviour_penalty_threshold
    assert slips == 6
    assert config.history_gossip * config.heartbeat_s < config.iwant_followup_s + 1
