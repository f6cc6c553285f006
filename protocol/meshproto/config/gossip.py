"""Constants of the GossipSub router (RFC 0008 sections 5 and 6).

Degrees and histories are those of go-libp2p-pubsub, so that mixed meshes behave as its
measurements say.  The scores are our own, for topics where minutes pass without a
message: what a silent but honest neighbour cannot help is not scored.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from meshproto.errors import StateError

DIRECTORY_TOPIC = "/meshnode/1/directory"
"""Streams that can be played (RFC 0009)."""

PRESENCE_TOPIC = "/meshnode/1/presence"
"""Nodes that want to be listed (RFC 0009)."""


class Signing(Enum):
    """Which author fields a message must have, or must not have."""

    STRICT_SIGN = "StrictSign"
    STRICT_NO_SIGN = "StrictNoSign"


def decay(seconds: float, interval_s: float = 1.0, to_zero: float = 0.01) -> float:
    """The factor per interval that brings a counter to `to_zero` in `seconds`."""
    return float(to_zero ** (interval_s / seconds))


@dataclass(frozen=True, slots=True)
class TopicScore:
    """How neighbours earn and lose score in one topic (GossipSub 1.1, P1 to P4)."""

    topic_weight: float = 1.0
    # a neighbour that stayed 5 minutes in the mesh is worth more than a new one
    time_in_mesh_weight: float = 0.01
    time_in_mesh_quantum_s: float = 1.0
    time_in_mesh_cap: float = 300.0
    # first deliveries are what makes a neighbour useful; 10 min bridges quiet times
    first_message_deliveries_weight: float = 0.5
    first_message_deliveries_decay: float = decay(600)
    first_message_deliveries_cap: float = 20.0
    # off: at a message in minutes an expected rate would punish the honest
    mesh_message_deliveries_weight: float = 0.0
    mesh_message_deliveries_decay: float = decay(600)
    mesh_message_deliveries_cap: float = 20.0
    mesh_message_deliveries_threshold: float = 1.0
    mesh_message_deliveries_window_s: float = 0.1
    mesh_message_deliveries_activation_s: float = 60.0
    mesh_failure_penalty_weight: float = 0.0
    mesh_failure_penalty_decay: float = decay(600)
    # squared: one mistake is forgiven, five are the graylist for an hour
    invalid_message_deliveries_weight: float = -20.0
    invalid_message_deliveries_decay: float = decay(3600)


@dataclass(frozen=True, slots=True)
class PeerScore:
    """What counts apart from topics (P5 to P7), and how counters age."""

    topic_score_cap: float = 20.0
    app_specific_weight: float = 1.0
    # quotas per prefix are the overlay's (RFC 0007); this is the second line
    ip_colocation_factor_weight: float = -5.0
    ip_colocation_factor_threshold: int = 4
    ip_colocation_whitelist: tuple[bytes, ...] = ()
    # six slips in ten minutes are free: lost races look like bad behaviour
    behaviour_penalty_weight: float = -10.0
    behaviour_penalty_threshold: float = 6.0
    behaviour_penalty_decay: float = decay(600)
    decay_interval_s: float = 1.0
    decay_to_zero: float = 0.01
    # long enough that reconnecting does not wash a score clean
    retain_score_s: float = 3600.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores below which, or above which, a neighbour is treated otherwise."""

    gossip: float = -100.0
    publish: float = -200.0
    # five invalid messages: -20 x 25
    graylist: float = -400.0
    # addresses are taken only from who delivered: time in mesh alone gives 3
    accept_px: float = 5.0
    opportunistic_graft: float = 2.0


@dataclass(frozen=True, slots=True)
class GossipConfig:
    """Degrees of the mesh, times in seconds, and bounds on what a router keeps."""

    degree: int = 6
    degree_low: int = 5
    degree_high: int = 12
    degree_score: int = 4
    degree_outbound: int = 2
    degree_lazy: int = 6
    gossip_factor: float = 0.25
    # also the grid on which everything that is checked now and then is checked
    heartbeat_s: float = 1.0
    history_length: int = 5
    history_gossip: int = 3
    fanout_ttl_s: float = 60.0
    seen_ttl_s: float = 120.0
    flood_publish: bool = True
    signing: Signing = Signing.STRICT_SIGN

    prune_backoff_s: float = 60.0
    unsubscribe_backoff_s: float = 10.0
    # a neighbour may ask for any time up to 2^64 s; an hour is a lifetime here
    prune_backoff_max_s: float = 3600.0
    graft_flood_s: float = 10.0
    prune_peers: int = 16
    offer_peers: bool = True

    max_ihave_length: int = 5000
    max_ihave_messages: int = 10
    iwant_followup_s: float = 3.0
    gossip_retransmission: int = 3
    idontwant_threshold_octets: int = 1024
    max_idontwant_length: int = 10
    max_idontwant_messages: int = 1000
    idontwant_ttl_heartbeats: int = 3

    opportunistic_graft_ticks: int = 60
    opportunistic_graft_peers: int = 2
    direct_connect_ticks: int = 300

    # the mesh has two topics; a neighbour in other networks may have a few dozen
    topics_per_peer_max: int = 100
    # links 24 + tree links 128 (RFC 0007), and room for peers of libp2p only
    peers_max: int = 512
    # 34 messages a second for two minutes, far above what the directory may carry
    seen_max: int = 4096
    validations_max: int = 1024
    # five seconds of messages for IWANT
    cache_octets_max: int = 8 << 20
    backoffs_max: int = 8192
    promises_max: int = 4096
    retained_scores_max: int = 1024
    # addresses learned by exchange that the owner has not yet taken
    wanted_max: int = 64
    # RPCs that wait for a slow neighbour; control of the mesh is kept apart
    queue_max: int = 128
    rpc_octets_max: int = 1 << 20
    # a directory message is below 4 kB; the rest is room for other topics
    data_octets_max: int = 1 << 16

    score: PeerScore = PeerScore()
    thresholds: Thresholds = Thresholds()
    topic_score: TopicScore = TopicScore()
    topic_scores: Mapping[str, TopicScore] = field(default_factory=dict)


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise StateError(f"gossip configuration: {what}")


def _decays(weight: float, factor: float, what: str) -> None:
    _require(not weight or 0.0 < factor < 1.0, f"{what} decay is between 0 and 1")


def check_thresholds(limits: Thresholds) -> None:
    """Raise `StateError` unless the thresholds are finite and in order."""
    values = (limits.gossip, limits.publish, limits.graylist)
    rewards = (limits.accept_px, limits.opportunistic_graft)
    _require(all(map(math.isfinite, (*values, *rewards))), "thresholds are finite")
    _require(limits.gossip <= 0, "gossip threshold is at most 0")
    _require(limits.publish <= min(0, limits.gossip), "publish <= gossip threshold")
    _require(limits.graylist <= min(0, limits.publish), "graylist <= publish threshold")
    _require(limits.accept_px >= 0, "accept_px threshold is at least 0")
    _require(limits.opportunistic_graft >= 0, "opportunistic_graft is at least 0")


def check_topic(score: TopicScore) -> None:
    """Raise `StateError` unless the weights have their signs and the decays decay."""
    _require(score.topic_weight >= 0, "topic weight is at least 0")
    _require(score.time_in_mesh_weight >= 0, "P1 weight is at least 0")
    _require(score.time_in_mesh_quantum_s > 0, "P1 quantum is positive")
    _require(
        not score.time_in_mesh_weight or score.time_in_mesh_cap > 0,
        "P1 cap is positive",
    )
    _require(score.first_message_deliveries_weight >= 0, "P2 weight is at least 0")
    if score.first_message_deliveries_weight:
        _decays(1, score.first_message_deliveries_decay, "P2")
        _require(score.first_message_deliveries_cap > 0, "P2 cap is positive")
    _require(score.mesh_message_deliveries_weight <= 0, "P3 weight is at most 0")
    if score.mesh_message_deliveries_weight:
        _decays(1, score.mesh_message_deliveries_decay, "P3")
        _require(score.mesh_message_deliveries_cap > 0, "P3 cap is positive")
        _require(score.mesh_message_deliveries_threshold > 0, "P3 threshold positive")
        _require(score.mesh_message_deliveries_window_s >= 0, "P3 window not negative")
        _require(score.mesh_message_deliveries_activation_s >= 1, "P3 activation >= 1")
    _require(score.mesh_failure_penalty_weight <= 0, "P3b weight is at most 0")
    _decays(score.mesh_failure_penalty_weight, score.mesh_failure_penalty_decay, "P3b")
    _require(score.invalid_message_deliveries_weight <= 0, "P4 weight is at most 0")
    _decays(
        score.invalid_message_deliveries_weight,
        score.invalid_message_deliveries_decay,
        "P4",
    )


def check(config: GossipConfig) -> None:
    """Raise `StateError` unless a router can run with `config`."""
    check_thresholds(config.thresholds)
    for score in (config.topic_score, *config.topic_scores.values()):
        check_topic(score)
    low, high = config.degree_low, config.degree_high
    _require(0 < low <= config.degree <= high, "degree_low <= degree <= degree_high")
    _require(config.degree_score <= config.degree, "degree_score <= degree")
    _require(
        config.degree_outbound < low and config.degree_outbound <= config.degree // 2,
        "degree_outbound < degree_low, at most half the degree",
    )
    _require(
        0 < config.history_gossip <= config.history_length,
        "history_gossip <= history_length",
    )
    _require(config.heartbeat_s > 0, "heartbeat_s is positive")
    _require(
        config.score.app_specific_weight >= 0
        and config.score.ip_colocation_factor_weight <= 0
        and config.score.behaviour_penalty_weight <= 0,
        "P5 weight is at least 0, P6 and P7 at most 0",
    )
    _decays(
        config.score.behaviour_penalty_weight,
        config.score.behaviour_penalty_decay,
        "P7",
    )
