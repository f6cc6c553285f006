"""Constants of distribution trees (RFC 0011 section 10).

Swept in the tree study: slots, reserve, burst, hold, gains, probes.  By judgement:
standby weights, pause between moves, handshake cap, times of leases and reports.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DistributionConfig:
    """Times in seconds, rates in bit/s; every bound of the package is here."""

    # --- capacity (RFC 0011 section 5)
    uplink_share: float = 0.75
    """Of the measured uplink; the rest is control, repair and viewers' bursts."""
    carries_others: bool = True
    """False: this node feeds nobody but those who want what is published here."""
    children_max: int = 16
    """Per tree; more brings depth 1 less and serialisation 2 ms more (tree study 4)."""
    copies_max: int = 65_535
    """Whole copies to other nodes, of all trees together: what a volunteer allows."""
    reserve_one_in: int = 6
    """Slots kept for orphans: the study's best share of repairs within 150 ms."""
    burst_one_in: int = 4
    """25 % above the slots, for orphans only."""
    burst_s: float = 5.0
    """How long a burst may last before layers are shed."""
    rate_unknown_bps: int = 2_500_000
    """A copy of a stream whose rates nobody told yet."""
    standbys_per_slot: int = 2
    """Promises per slot: most parents do not die together."""
    shed_repeat_s: float = 2.0
    """Between two attempts to get rid of what a burst left."""
    accepts_per_s: int = 50
    """New edges a second; a DTLS handshake costs milliseconds, answers do not."""

    # --- bounds
    trees_max: int = 1_024
    queue_max: int = 64
    """Joiners that wait for media here, per tree."""
    standby_children_max: int = 48
    """Standby edges per tree, whatever the slots."""
    known_max: int = 24
    """Members of a tree that a node remembers for repair."""
    members_asked: int = 4
    """Random members that an orphan asks when nobody it knows takes it."""
    scouts_max: int = 12
    """Neighbours that an orphan asks at once where they stand: all it usually has."""
    dials_beside: int = 2
    """Links that an orphan makes besides the one it waits for."""
    candidates_max: int = 32
    """Parents that one search holds in mind."""
    locks_max: int = 256
    """Moves that may pass through one node at a time."""
    probes_max: int = 256

    names_pause_s: float = 1.0
    """Between two questions for the names of one root path."""

    # --- messages of data channels (RFC 0011 section 8.3)
    message_octets_per_s: int = 131_072
    """To each neighbour; media must not notice it.  Twice that is taken in."""
    message_burst_octets: int = 262_144
    """At once: four of the largest."""
    message_cost_octets: int = 256
    """What a message costs besides its octets: 512 empty ones a second."""
    message_waiting_max: int = 96
    """Segments that may wait for a link already: with the largest message (62) the
    queue that ends the link (256) is far."""
    messages_seen_max: int = 4_096
    """Messages that are recognised when they come again: seconds at the full rate of a
    node's links, and a ring turns faster."""
    message_kept_s: float = 2.0
    """For children that had another parent: longer than a repair or a move takes."""
    message_kept_octets: int = 2**20
    """Of all streams together."""

    # --- joining (RFC 0011 section 4)
    hop_cost_s: float = 0.001
    """What a relay adds: 0.3 ms of work and 0.5-2 ms of serialisation (study 1)."""
    ask_patience_s: float = 0.2
    """Added to two round trips for a first join: a frame may be lost once."""
    repair_factor: float = 1.3
    repair_patience_s: float = 0.025
    """An orphan waits RTT x 1.3 + 25 ms before it asks the next."""
    dial_rtts: float = 4.0
    dial_patience_s: float = 0.05
    """Link set-up through an introducer is 3 round trips (mesh-protocol 11), and the
    way of the descriptors by the introducer."""
    dial_alone_rtts: float = 6.0
    """Without one TCP, Noise and the link stream come before: with 4, as many as the
    others have, whoever was more than 50 ms away was never waited for long enough."""
    rtt_unknown_s: float = 0.25
    """Patience for a node that nobody measured."""
    queued_s: float = 1.5
    """How long a newcomer waits in the queue of a node that joins itself."""
    refusals_max: int = 8
    """Then the origin is asked, which descends by room."""
    rest_s: float = 0.2
    """Before a new round, x (1 to 2), doubling."""
    rest_max_s: float = 5.0
    alone_rounds: int = 2
    """Rounds without anybody to ask before a newcomer is starved: 1.4-2.8 s, in which
    a search for neighbours ends (RFC 0007 section 7) and their offers come."""

    # --- leases and reports (RFC 0011 section 7)
    lease_s: float = 4.0
    """A leaf renews: twice in the life of a lease, 10 octets a second per edge."""
    lease_pass_s: float = 3.0
    """A relay passes on at most this often; less than `lease_s`, or ages pile up."""
    lease_life_s: float = 10.0
    """No younger lease: the edge ends."""
    lease_hop_s: float = 0.001
    """Least ageing per hop, so that no ring keeps a lease young."""
    report_s: float = 0.1
    """Changes are collected this long before they are told upwards."""
    report_gap_s: float = 0.5
    """Between two reports that no new layer hurries."""
    report_share: float = 0.25
    """Change of subtree or room that is worth a report of its own."""
    delay_share: float = 0.1
    delay_step_s: float = 0.005
    """Delay that moved by both is told to children and in offers."""
    collect_s: float = 2.0
    """A relay without children stays this long: who moved may come back."""

    # --- silence and repair (RFC 0011 section 7)
    hold_s: float = 0.3
    hold_spread: float = 0.3
    """A parent that is alive but stalled is waited for, x (1 to 1.3)."""
    packet_life_s: float = 2.0
    """Without a new packet of the origin the edge ends."""
    pulse_s: float = 0.8
    """While a publisher is silent; two fit into `packet_life_s`."""
    linger_s: float = 5.0
    """Viewers wait so long for a publisher that went."""
    leave_s: float = 1.5
    """A node that goes serves its children so long while they move away."""

    # --- standby (RFC 0011 section 6.4)
    standby_after_s: float = 0.3
    """After the parent was found; paths of neighbours settle meanwhile."""
    standby_retry_s: float = 10.0
    """When nobody would be one; doubled up to a minute."""
    standby_retry_max_s: float = 60.0
    standby_again_s: float = 2.5
    """The same after a link came up: what was in vain before may work now."""
    aside_s: float = 10.0
    """A node without viewers has few children so long before it asks one to go."""
    aside_children_max: int = 3
    """With more of them a copy is saved at the cost of too many moves."""
    aside_max_s: float = 600.0
    """Asked in vain, it waits twice as long each time: perhaps there is no way."""
    shared_ancestor_s: float = 0.030
    full_s: float = 0.040
    outside_s: float = 0.100
    """Counted against a standby that would join the tree for it: a copy for nobody."""
    outside_after_s: float = 2.0
    """Before nodes outside are asked: in a flash crowd they are inside by then."""
    outside_asks: int = 2
    """So many of them at once: each joins for it, and next hops join for them."""
    outside_pause_s: float = 5.0
    """Before others are asked, as long as the parent is the same; doubles."""
    outside_pause_max_s: float = 120.0
    standby_link_s: float = 1.0
    """After a link came up, when a second parent is missing: offers come meanwhile."""
    standby_asks_max: int = 6

    # --- maintenance (RFC 0011 section 6)
    turn_s: float = 60.0
    turn_spread: float = 0.25
    turn_asks: int = 4
    """Members asked where they stand, per turn."""
    turn_wait_s: float = 0.6
    """For their answers."""
    probes: int = 4
    probe_wait_s: float = 1.0
    gain_share: float = 0.05
    gain_s: float = 0.003
    gain_held_s: float = 5.0
    """A node with children sees a gain that long before it moves."""
    cool_s: float = 300.0
    """After so long in the tree, counted anew when the parent was lost, a gain must be
    twice as much, after twice that three times ..."""
    cool_max: float = 3.0
    """... and never more; divided by the nodes of the subtree."""
    declined_s: float = 180.0
    """Whoever declined a move is not asked again: three turns.  Without it every turn
    of every node ended in vain dials (measured: nine of ten)."""
    move_pause_s: float = 30.0
    """Between two moves of one node in one tree."""
    worse_share: float = 0.2
    worse_s: float = 0.010
    worse_held_s: float = 3.0
    """A path that became so much worse calls a turn: left after 6-8 s, of which
    two to four pass until its round trip is believed (RFC 0005 section 6.2)."""
    worse_above_s: float = 30.0
    """The same where not the own link but what is above got worse: who is there looks
    for a better place itself, and takes everybody below along."""
    worse_repaired_s: float = 10.0
    """An orphan took what it found: where that is much worse it looks around so soon, x
    (1 to 1.5), before those below do."""
    worse_again_s: float = 1.0
    """Before it is looked at again, as long as somebody better is known."""
    move_prove_s: float = 2.0
    """For the joining leg to bring something new."""
    pause_lead: int = 3
    """Packets between the newest and the pause, at least."""
    pause_s: float = 0.1
    """Nothing new that long after the pause: the old parent resumes."""
    pause_max_s: float = 2.0
    """At most so long for the packets before the pause: who must go to a place that is
    0.7 s later waits for twice that, at the slowest packet clock."""
    commit_s: float = 2.0
    """For the verdict, and for a lock."""
    move_s: float = 10.0
    """For a whole search of a better parent, dialling included."""
    swap_gain_s: float = 0.010
    """What both must win together, over all nodes below: a swap is two moves."""
    swap_wait_s: float = 3.0
    """For the child of the better parent to measure and agree."""
    heir_s: float = 5.0
    """A slot left to an heir is kept that long."""
