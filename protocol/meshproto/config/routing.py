"""Constants of routing (RFC 0010), each with its unit, limit and reason.

"Study" is the tree study whose sweeps chose a value; "judgement" has not been swept.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CostConfig:
    """What one link costs its receiver (RFC 0010 section 3)."""

    hop_s: float = 0.001
    """Own forwarding of a middle node; strong ones 0.5 ms, slow ones 2 ms (study)."""

    load_s: float = 0.005
    """Added at full load; spreads trees before queues do it (judgement)."""

    repair_s: float = 0.020
    """What a lost packet costs beside a round trip: a NACK's delay (judgement)."""

    loss_weight: float = 4.0
    """Late media hurts more than the mean delay says (judgement)."""

    delivery_floor: float = 0.05
    """Below this share delivered every link is equally bad; keeps the sum finite."""

    suspect_s: float = 0.200
    """A link with two missed checks: worse than any detour, better than no route."""


@dataclass(frozen=True, slots=True)
class RoutingConfig:
    """Limits and times of a `Router`."""

    cost: CostConfig = CostConfig()

    batch_s: float = 0.100
    """Changes wait this long for company (study: 100 ms)."""

    urgent_s: float = 0.005
    """Losses, first routes and offers that ran out wait only this long (study)."""

    update_share: float = 0.10
    """A metric is told again when it moved by this share and by the floor (study:
    40 % less traffic than 5 % and 2 ms, the same healing)."""

    update_floor_s: float = 0.005
    """See `update_share`."""

    switch_share: float = 0.10
    """Another route is taken when it is better by this share and by the floor."""

    switch_floor_s: float = 0.005
    """See `switch_share` (study, section 6: 10 % and 5 ms on a smoothed RTT)."""

    hop_limit: int = 24
    """Longest route; the same as the root path and the media's hop limit."""

    request_fanout: int = 3
    """Neighbours asked for a newer number at once (study)."""

    request_wait_s: float = 0.300
    """First repetition of a request; doubles (study)."""

    request_wait_max_s: float = 10.0
    """A starved node keeps asking at this pace, as the answer may have been lost."""

    request_tries: int = 6
    """A node that is not starved gives up after these (19 s)."""

    request_again_s: float = 0.250
    """The same request is not passed on twice within this; under `request_wait_s`."""

    request_hops: int = 24
    """Hop limit of a request."""

    request_memory_s: float = 10.0
    """Who asked is remembered this long for the answer."""

    bump_interval_s: float = 1.0
    """An origin raises its number at most this often: bounds what a flood of requests
    can cause."""

    source_keep_s: float = 600.0
    """Feasibility distances outlive their routes by this (10 min at least)."""

    digest_interval_s: float = 30.0
    """At most one digest per link in this time, and only after a change."""

    table_wait_max_s: float = 600.0
    """Longest back-off between requests for a whole table."""

    table_updates: int = 64
    """Updates of a whole table that are sent per `batch_s` and neighbour: about ten
    frames, so that a table never fills the queue of a link."""

    origins_max: int = 1_000
    """Active origins with routes; beyond, only wanted ones (study)."""

    sources_max: int = 4_000
    """Origins remembered at all, those without a route included."""

    local_max: int = 1_000
    """Places beyond `sources_max` for what this node itself originates, offers or
    wants: strangers that fill the table cannot keep it from its own work."""

    neighbours_max: int = 256
    """Links: overlay (24) and trees (128) with room for those that close."""

    want_interval_s: float = 60.0
    """How often a node repeats that it wants an origin beyond `origins_max`."""

    want_keep_s: float = 150.0
    """A neighbour's want holds this long: two repetitions may be missing."""

    epoch_ahead_ms: int = 86_400_000
    """An epoch further in the future than a day is a broken clock or a lie."""
