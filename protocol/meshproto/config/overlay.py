"""Every number of the overlay that is a choice (RFC 0007 section 11), in one value.

"Swept" marks what the tree study or the simulator varied; the rest is judgement.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OverlayConfig:
    """Bounds in items, times in seconds; the defaults are the ones of the RFC."""

    links_target: int = 12
    """Swept: 8 is clearly worse, 16 changes the trees little."""

    links_floor: int = 8
    """Swept: below it the worst paths double; what a search fills at once."""

    links_accept: int = 24
    """Twice the target: bounds hubs without starving newcomers."""

    thin_links: int = 6
    """A node that relays for nobody needs choice, not transit.  With 60 % thin nodes, 8
    would fill every capable node to its last place (0.6 x 8 / 0.4 + 12 = 24), and a
    newcomer would find no room: measured."""

    thin_accept: int = 8
    """What such a node accepts, for meshes that have few others."""

    random_links: int = 2
    """Never traded, so that the graph holds together whatever the distances are."""

    links_over: int = 4
    """How far a far better neighbour may push a node over its target."""

    guests: int = 32
    """Full nodes still answer a newcomer's question over a link that will not last."""

    guest_stay_s: float = 2.0
    """Several round trips round the globe."""

    tree_links: int = 128
    """Links of trees and standbys; many times the copies that a node can feed."""

    tree_idle_s: float = 30.0
    """A tree link that no tree uses any more is adopted or closed after this."""

    links_per_prefix: int = 2
    links_per_operator: int = 3
    """One network or family must not be able to surround a node (12 links)."""

    tree_links_per_prefix: int = 16
    """Viewers' nodes share carriers' addresses; still far below the 128."""

    quota_private: bool = False
    """Whether private and loopback addresses count as one network: they are a
    laboratory's, and out of reach for everybody else."""

    near_peers: int = 24
    random_peers: int = 48
    """Swept: what the answer to a ring question is chosen from."""

    peers_per_prefix: int = 4
    peers_per_operator: int = 12
    """Shares of one network or family in the memory."""

    peer_expiry_s: float = 1800.0
    """Heard nothing of for six refreshes: forgotten."""

    record_refresh_s: float = 300.0
    """How often an unchanged record is told again, so that ages stay small."""

    announce_s: float = 2.0
    """Changes of the own record within this are told together."""

    announce_free_s: float = 10.0
    """The same for changes of `free` alone: joins move it all the time."""

    coordinate_moved_s: float = 0.01
    """A coordinate that moved less needs no new record: it only ranks."""

    coordinate_young_s: float = 5.0
    coordinate_settled_s: float = 180.0
    """Pause between records for coordinates alone, while searching and afterwards: it
    wanders for ever, and at a minute a third of all control frames told of it."""

    capable_copies: int = 4
    """Swept: who feeds fewer copies is no transit (the capacity rule)."""

    capable_few: int = 8
    """With fewer capable peers known, anybody will do."""

    unmeasured_copies: int = 4
    """What a claim is worth before any delivery was seen."""

    grant_step_s: float = 10.0
    """Proven delivery for this long doubles the grant."""

    evidence_nodes: int = 256
    """Nodes with evidence of our own; the longest untouched is forgotten."""

    score_floor: float = 0.25
    """Under it a peer is neither chosen nor accepted; a blameless one has 1."""

    score_half_life_s: float = 600.0
    """Blame halves in this time: paths heal, and addresses change hands."""

    ring_bounds_s: tuple[float, ...] = (0.008, 0.016, 0.032, 0.064, 0.128, 0.256)
    """Upper ends of the RTT rings; the last ring is open."""

    ring_answer: int = 6
    """Swept: peers in an answer."""

    search_probes: int = 32
    """Swept: 24 land within 0-4 ms of the ideal; 8 more for answers that overlap."""

    search_parallel: int = 4
    """Swept: probes under way at once."""

    search_questions: int = 2
    """Questions under way at once."""

    search_s: float = 1.5
    """A search ends: what it has not found by then the rounds find.  2.5 s won 4 ms of
    excess in the tenth that is far from everybody, and kept their links waiting."""

    search_again_s: float = 60.0
    """Pause between searches of a node whose last link comes and goes."""

    question_s: float = 1.0
    """A question without an answer counts no more."""

    explore_s: float = 1.0
    explore_max_s: float = 10.0
    explore_growth: float = 1.5
    """After the search: a round a second while rounds find better neighbours, slower
    by the factor after each that does not, down to one probe in ten seconds."""

    explore_probes: int = 4
    """Probes of a round that follows a success."""

    probes_outstanding: int = 32

    trade_share: float = 0.2
    trade_s: float = 0.01
    trade_held_s: float = 5.0
    """Swept: a trade must gain the larger of 20 % and 10 ms, and still after 5 s."""

    rtt_weight: float = 0.125
    """Swept: weight of a new sample in the smoothed RTT of a remembered peer."""

    shuffle_entries: int = 6
    shuffle_start_s: float = 1.0
    shuffle_young_s: float = 20.0
    shuffle_s: float = 60.0
    """Six entries a second for the first 20 s, later six a minute: one every 10 s."""

    dials_parallel: int = 6
    """Links being set up at once, far under the 50 handshakes a second of a node."""

    dial_patience_s: float = 30.0
    """A dial of which the driver never told the end is forgotten."""

    full_s: float = 60.0
    """A full node is not asked again sooner; doubles while it stays full, for where
    room is scarce every node would dial all that it knows once a minute."""

    full_max_s: float = 900.0
    """Room comes when somebody leaves, and somebody does."""

    retry_s: float = 20.0
    """The first pause after a failed dial; doubles."""

    failures_max: int = 3
    """Failed dials or probes in a row after which a peer is forgotten."""

    isolated_links: int = 2
    """With fewer links a node suspects isolation."""

    redial_s: float = 2.0
    redial_max_s: float = 60.0
    redial_peers: int = 3
    """An isolated node dials this many, pausing twice as long each time."""

    bootstrap_peers: int = 16
    lost_peers: int = 16
    """Given at start, or lost without a goodbye: kept for healing."""

    heal_s: float = 30.0
    """One lost peer is probed this often, for ever: partitions end late."""

    requests_per_s: float = 4.0
    requests_burst: int = 24
    """Questions, shuffles and records taken from one neighbour."""
