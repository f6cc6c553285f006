"""Whose scores a honest router has."""

from __future__ import annotations

import pytest

from meshproto.config.gossip import GossipConfig, check
from meshsim.attacks.profile import Scoring, profile
from meshsim.attacks.setups import SETUPS


@pytest.mark.parametrize("scoring", Scoring)
@pytest.mark.parametrize("name", SETUPS)
def test_a_router_can_run_with_any_of_them(name: str, scoring: Scoring) -> None:
    made = profile(SETUPS[name], scoring, 6.0)
    check(made)
    assert (made.degree_low, made.degree, made.degree_high) == (6, 8, 12)


def test_the_activation_waits_for_the_warming_too() -> None:
    made = profile(SETUPS["dawn"], Scoring.SETUP, 6.0)
    assert made.topic_score.mesh_message_deliveries_activation_s == 90


def test_switched_off_scores_see_neither_deliveries_nor_addresses() -> None:
    made = profile(SETUPS["colocation"], Scoring.OFF, 6.0)
    assert made.score.ip_colocation_factor_weight == 0
    score = made.topic_score
    assert not score.first_message_deliveries_weight
    assert not score.mesh_message_deliveries_weight
    assert not score.time_in_mesh_weight
    seen = profile(SETUPS["colocation"], Scoring.SETUP, 6.0)
    assert seen.score.ip_colocation_factor_weight == -10


def test_ours_are_those_a_node_is_shipped_with() -> None:
    made, ours = profile(SETUPS["dawn-graft"], Scoring.OURS, 6.0), GossipConfig()
    assert made.score == ours.score
    assert made.topic_score == ours.topic_score
    assert made.thresholds == ours.thresholds
    assert made.opportunistic_graft_ticks == ours.opportunistic_graft_ticks


def test_two_minutes_of_messages_fit_the_table_of_seen_ones() -> None:
    assert profile(SETUPS["dawn"], Scoring.SETUP, 120.0).seen_max >= 120 * 120
