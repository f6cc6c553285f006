"""The facts of every attack, as its authors ran it; nothing is scaled here.

Numbers are those of the configurations of libp2p/gossipsub-hardening; a conformance
test compares each with the public file.  `attackers` counts containers there, each with
many identities on one address: 250 x 16 are the 4,000 sybils of the report.

What a sybil does (the authors' `badboy.go`): it subscribes and grafts itself wherever
it hears a subscription, and after a PRUNE again, `regraft_backoff_s` plus up to
`regraft_delay_s` later, just late enough not to break the back-off.  It never tells
IHAVE and never answers IWANT.  Messages it passes on to everybody who did not prune it,
except those that it drops: a share `drop_share`, all of one author when it `censors`,
and none before `covert_s`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from meshproto.config.gossip import TopicScore
from meshsim.errors import ScenarioError

BASELINE = "baseline"


class Aim(Enum):
    """Whom sybils connect to."""

    EVERYBODY = "everybody"
    PUBLISHERS = "publishers"
    ONE = "one publisher"


@dataclass(frozen=True, slots=True)
class Setup:
    """One attack; the defaults are what most of them share.

    Times are seconds from the start; what is not in the file by name is explained.
    """

    name: str
    title: str
    # who: honest publishers and lurkers, containers of sybils, sybils in each
    publishers: int = 100
    lurkers: int = 900
    containers: int = 250
    per_container: int = 16
    # connections that each honest node, and each sybil, opens to honest nodes
    degree: int = 20
    attack_degree: int = 20
    aim: Aim = Aim.EVERYBODY
    # when: publishing starts after `warm_s` and goes on for `run_s`
    warm_s: float = 30.0
    run_s: float = 180.0
    cool_s: float = 30.0
    honest_connect_s: float = 0.0
    attack_connect_s: float = 0.0
    connect_jitter: float = 0.05
    # what sybils do
    censors: bool = False
    drop_share: float = 1.0
    covert_s: float = 0.0
    regraft_backoff_s: float = 60.0
    regraft_delay_s: float = 15.0
    seen_s: float = 120.0
    # messages and the network
    topic: str = "blocks"
    messages_per_s: float = 120.0
    message_octets: int = 2048
    latency_s: float = 0.025
    latency_jitter: float = 0.10
    # the mesh of honest nodes
    heartbeat_s: float = 1.0
    mesh_degree: int = 8
    mesh_low: int = 6
    mesh_high: int = 12
    mesh_score: int = 6
    mesh_lazy: int = 12
    flood_publish: bool = True
    opportunistic_ticks: int = 60
    queue_max: int = 128
    # the thresholds and weights of their scores
    gossip_threshold: float = -4000.0
    publish_threshold: float = -5000.0
    graylist_threshold: float = -10_000.0
    exchange_threshold: float = 0.0
    opportunistic_threshold: float = 0.0
    colocation_weight: float = 0.0
    colocation_threshold: int = 1
    decay_interval_s: float = 1.0
    decay_to_zero: float = 0.01
    retain_score_s: float = 30.0

    @property
    def sybils(self) -> int:
        """Hostile identities."""
        return self.containers * self.per_container

    @property
    def end_s(self) -> float:
        """When the run is over."""
        return self.warm_s + self.run_s + self.cool_s

    @property
    def attack_s(self) -> float:
        """When the first sybil can do harm, at the earliest."""
        return self.attack_connect_s + self.covert_s


TOPIC_SCORE = TopicScore(
    topic_weight=0.25,
    time_in_mesh_weight=0.0027,
    time_in_mesh_quantum_s=1.0,
    time_in_mesh_cap=3600.0,
    first_message_deliveries_weight=0.664,
    first_message_deliveries_decay=0.9916,
    first_message_deliveries_cap=1500.0,
    mesh_message_deliveries_weight=-0.25,
    mesh_message_deliveries_decay=0.997,
    mesh_message_deliveries_cap=400.0,
    mesh_message_deliveries_threshold=10.0,
    mesh_message_deliveries_window_s=0.005,
    mesh_message_deliveries_activation_s=60.0,
    mesh_failure_penalty_weight=-0.25,
    mesh_failure_penalty_decay=0.997,
    invalid_message_deliveries_weight=-99.0,
    invalid_message_deliveries_decay=0.9994,
)
"""P1 to P4 of all set-ups.  The authors' program adds `warm_s` to the activation."""

_BOOT = Setup("cold-boot", "sybils and honest nodes connect at the same time")
_DAWN = Setup("dawn", "sybils are there 10 s before the honest", honest_connect_s=10.0)
_LATE = Setup("late", "", attack_degree=100, attack_connect_s=60.0)
_FLASH = replace(
    _BOOT,
    name="covert-flash",
    title="sybils behave for two minutes, then drop everything",
    run_s=300.0,
    covert_s=120.0,
)

_ALL = (
    replace(_LATE, name=BASELINE, title="nobody attacks", containers=0),
    replace(
        _LATE,
        name="eclipse-single",
        title="1,000 sybils round one publisher",
        aim=Aim.ONE,
        per_container=4,
        attack_degree=1,
    ),
    replace(
        _LATE,
        name="eclipse-publishers",
        title="1,000 sybils round every publisher",
        aim=Aim.PUBLISHERS,
        per_container=4,
    ),
    replace(_LATE, name="eclipse-net", title="400 sybils round every honest node"),
    replace(
        _LATE,
        name="censor-single",
        title="2,000 sybils drop what one publisher says",
        per_container=8,
        censors=True,
        drop_share=0.0,
    ),
    replace(
        _LATE,
        name="degrade",
        title="2,000 sybils drop every other message",
        per_container=8,
        drop_share=0.5,
    ),
    _BOOT,
    replace(
        _BOOT,
        name="cold-boot-graft",
        title="cold-boot, opportunistic grafting every 10 heartbeats",
        opportunistic_ticks=10,
        opportunistic_threshold=1.0,
    ),
    _FLASH,
    replace(
        _FLASH,
        name="covert-flash-graft",
        title="covert-flash at dawn, opportunistic grafting every 10 heartbeats",
        honest_connect_s=10.0,
        opportunistic_ticks=10,
        opportunistic_threshold=10.0,
    ),
    _DAWN,
    replace(
        _DAWN,
        name="dawn-graft",
        title="dawn, opportunistic grafting every 10 heartbeats",
        opportunistic_ticks=10,
        opportunistic_threshold=10.0,
    ),
    replace(
        _BOOT,
        name="colocation",
        title="cold-boot from 25 addresses, which P6 sees",
        containers=25,
        per_container=160,
        colocation_weight=-10.0,
    ),
)

SETUPS = {setup.name: setup for setup in _ALL}
"""The baseline and the twelve attacks, by name."""


def named(name: str) -> Setup:
    """A set-up; `ScenarioError` for an unknown name."""
    found = SETUPS.get(name)
    if found is None:
        known = ", ".join(SETUPS)
        raise ScenarioError(f"attack {name!r} is unknown; known are {known}")
    return found
