"""Constants of directory and presence (RFC 0009 section 8).

The directory is told to everybody, so its price is what every node pays: intervals grow
with what is known, and what a stranger can make us carry or keep is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PresenceConfig:
    """The list of nodes that want to be listed; times in seconds."""

    # a sample: enough for a map, 360 kB at the largest record
    listed_max: int = 512
    # before the first word: until neighbours know that we joined the topic, and we them
    first_s: float = 4.0
    refresh_s: float = 600.0
    refresh_jitter: float = 0.1
    refreshes_missed: int = 3
    # a map is worth a quarter of the directory
    budget_octets_per_s: float = 1_000.0
    copies: float = 6.0
    # a usual record and its envelope
    record_octets: int = 450
    authors_max: int = 2_048
    # twice what an honest node sends when few are listed, and restarts
    author_messages_per_s: float = 1 / 300
    author_messages_burst: float = 4.0


@dataclass(frozen=True, slots=True)
class DirectoryConfig:
    """Sizes, intervals in seconds, and rates of the stream directory."""

    # off: simulations of other parts, whose figures must not hold ours
    enabled: bool = True

    # 16 MB at 1 kB each; a larger network wants a directory per region
    streams_max: int = 16_384
    # a node that publishes more is a gateway and can run several identities
    streams_per_origin_max: int = 256
    # watchers of this node whose stream is followed through the directory
    watched_max: int = 4_096

    # one message in so long on average
    announce_gap_s: float = 2.0
    # more at first, fewer than receivers take: two members of a room, each with tracks
    announce_burst: int = 8
    # between two of a burst: what changes together is told together
    announce_pause_s: float = 0.2
    # four streams of a usual size, and four datagrams at most on any path
    message_octets_max: int = 4_096
    refresh_s: float = 300.0
    refresh_jitter: float = 0.1
    refreshes_missed: int = 3
    lifetime_max_s: float = 86_400.0
    # what a node may send for refreshes on average, however many streams there are
    budget_octets_per_s: float = 4_000.0
    # each message leaves a node about as often as its mesh has members
    copies: float = 6.0
    # author, number, topic, signature and frames around a message
    envelope_octets: int = 160

    authors_max: int = 4_096
    # an honest origin sends one in 2 s; queues on the way may bunch them
    author_messages_per_s: float = 1.0
    author_messages_burst: float = 10.0
    # as long as publishers need to come back after a node restarted
    leftover_grace_s: float = 30.0
    # clocks of people are wrong by hours, rarely by a day
    clock_slack_s: float = 86_400.0

    sync_s: float = 60.0
    # after the first comparison over a link: gossip grafts it within two heartbeats
    sync_new_s: float = 3.0
    # after one that taught us a little, or much, others are asked sooner: a rumour must
    # reach more than one on average or it dies out, and gossip under way is no rumour
    sync_few_s: float = 15.0
    sync_few_rounds: int = 2
    sync_many_s: float = 2.0
    sync_many_rounds: int = 6
    sync_many: int = 8
    # how long a record that was asked for is not asked for elsewhere
    want_s: float = 5.0
    # what has less left is not told on: it would come back where it just went
    rest_min_s: float = 60.0
    summary_entries_max: int = 256
    # what one neighbour can make us send in anti-entropy: a newcomer has twelve
    sync_octets_per_s: float = 4_000.0
    sync_octets_burst: float = 64_000.0
    # what one neighbour can make us verify
    heard_octets_per_s: float = 16_000.0
    heard_octets_burst: float = 256_000.0
    # wrong signatures and malformed records after which a neighbour is not synced with
    faults_max: int = 8

    presence: PresenceConfig = PresenceConfig()
