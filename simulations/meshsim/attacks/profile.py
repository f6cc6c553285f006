"""What honest routers are configured with: the set-up's degrees, and whose scores.

Three answers to "whose": those of the set-up; none at all, to see what scoring is
worth; or our own, with which a node is shipped (RFC 0008 section 6).
"""

from __future__ import annotations

from dataclasses import replace
from enum import Enum

from meshproto.config.gossip import GossipConfig, PeerScore, Thresholds, TopicScore
from meshsim.attacks.setups import TOPIC_SCORE, Setup

_SEEN_MARGIN = 1.2
_CACHE_OCTETS_MAX = 64 << 20
_PEERS_MAX = 8192
"""Tables are never what stops an attack here, nor what breaks under it."""


class Scoring(Enum):
    """Whose scores honest nodes use."""

    SETUP = "setup"
    OURS = "ours"
    OFF = "off"


def profile(setup: Setup, scoring: Scoring, messages_per_s: float) -> GossipConfig:
    """The configuration of all honest routers in a run."""
    bare = GossipConfig(
        degree=setup.mesh_degree,
        degree_low=setup.mesh_low,
        degree_high=setup.mesh_high,
        degree_score=setup.mesh_score,
        degree_lazy=setup.mesh_lazy,
        heartbeat_s=setup.heartbeat_s,
        flood_publish=setup.flood_publish,
        offer_peers=False,
        opportunistic_graft_ticks=setup.opportunistic_ticks,
        peers_max=_PEERS_MAX,
        seen_max=max(4096, int(messages_per_s * 120.0 * _SEEN_MARGIN)),
        cache_octets_max=_CACHE_OCTETS_MAX,
        queue_max=setup.queue_max,
    )
    match scoring:
        case Scoring.SETUP:
            return replace(
                bare,
                score=_score(setup),
                thresholds=_thresholds(setup),
                topic_score=_topic(setup),
            )
        case Scoring.OFF:
            return replace(
                bare,
                score=replace(_score(setup), ip_colocation_factor_weight=0.0),
                thresholds=_thresholds(setup),
                topic_score=_blind(),
            )
        case Scoring.OURS:
            ours = GossipConfig()
            return replace(
                bare, opportunistic_graft_ticks=ours.opportunistic_graft_ticks
            )


def _score(setup: Setup) -> PeerScore:
    # why no P7: the evaluated version had none, and its sybils keep back-offs
    return PeerScore(
        topic_score_cap=0.0,
        app_specific_weight=0.0,
        ip_colocation_factor_weight=setup.colocation_weight,
        ip_colocation_factor_threshold=setup.colocation_threshold,
        behaviour_penalty_weight=0.0,
        decay_interval_s=setup.decay_interval_s,
        decay_to_zero=setup.decay_to_zero,
        retain_score_s=setup.retain_score_s,
    )


def _thresholds(setup: Setup) -> Thresholds:
    return Thresholds(
        gossip=setup.gossip_threshold,
        publish=setup.publish_threshold,
        graylist=setup.graylist_threshold,
        accept_px=setup.exchange_threshold,
        opportunistic_graft=setup.opportunistic_threshold,
    )


def _topic(setup: Setup) -> TopicScore:
    after_s = TOPIC_SCORE.mesh_message_deliveries_activation_s + setup.warm_s
    return replace(TOPIC_SCORE, mesh_message_deliveries_activation_s=after_s)


def _blind() -> TopicScore:
    return TopicScore(
        time_in_mesh_weight=0.0,
        first_message_deliveries_weight=0.0,
        invalid_message_deliveries_weight=0.0,
    )
