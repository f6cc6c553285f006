"""What one link costs (RFC 0010 section 3): always measured by the receiver.

The cost is an estimate of one-way delay in seconds: half of the smoothed round trip,
the receiver's own forwarding, what losses cost on average until they are repaired, and
penalties.  Nothing of it is taken from the neighbour, so a liar can only lie about what
lies behind it.
"""

from __future__ import annotations

from typing import Protocol

from meshproto.config.routing import CostConfig
from meshproto.ids import NodeId


class Surroundings(Protocol):
    """What routing asks about its links."""

    def rtt_s(self, node: NodeId, /) -> float:
        """Smoothed round trip to a neighbour, in seconds."""
        ...

    def loss(self, node: NodeId, /) -> float:
        """Share of checks to and from a neighbour that got lost, in [0, 1]."""
        ...

    def suspect(self, node: NodeId, /) -> bool:
        """Whether the neighbour missed its last two checks."""
        ...

    def penalty_s(self, node: NodeId, /) -> float:
        """Seconds to add: links over a relay, neighbours whose claims proved wrong."""
        ...


def expected_sends(delivered: float, floor: float = 0.0) -> float:
    """How often a packet is sent until it arrives, when a share of `delivered` does."""
    share = max(delivered, floor)
    return 1.0 / share if share > 0.0 else float("inf")


def link_cost_s(
    near: Surroundings,
    neighbour: NodeId,
    config: CostConfig,
    hop_s: float,
    load: float,
) -> float:
    """Cost in seconds of receiving from `neighbour`; `load` is ours, in [0, 1]."""
    rtt_s = near.rtt_s(neighbour)
    repeats = expected_sends(1.0 - near.loss(neighbour), config.delivery_floor) - 1.0
    cost_s = rtt_s / 2 + hop_s + load * config.load_s + near.penalty_s(neighbour)
    cost_s += repeats * config.loss_weight * (rtt_s + config.repair_s)
    return cost_s + (config.suspect_s if near.suspect(neighbour) else 0.0)
