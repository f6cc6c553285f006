"""Who the nodes are: classes of uplink and access delay (RFC 0012 section 4.2).

Shares are met exactly, not by luck: of 1,000 nodes of the study's mix 600 are thin.
What luck decides is who is which, and the numbers within a class.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshsim.errors import ScenarioError

COPY_BPS = 2_500_000
"""The stream that a slot is counted in (bit/s)."""

UTILISATION = 0.75
"""The share of an uplink that slots may use: the rest is for bursts and repair."""

ACCESS_MAX_S = 0.2  # round trip; the exponential's own tail has no end


@dataclass(frozen=True, slots=True)
class NodeClass:
    """A kind of node: `share` of all; copies of a 2.5 Mb/s stream it can feed, from
    `copies_min` to `copies_max`; mean access delay (round trip) and what a relay of
    this class adds to a packet on its way (processing and mean serialisation).
    """

    name: str
    share: float
    copies_min: int
    copies_max: int
    access_s: float
    hop_s: float


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node: its class, its own access delay (round trip) and its uplink."""

    index: int
    kind: str
    copies: int
    access_s: float
    hop_s: float

    @property
    def uplink_bps(self) -> float:
        """The uplink that just feeds `copies`, or a third of a copy for none."""
        return max(self.copies, 1 / 3) * COPY_BPS / UTILISATION


THIN = NodeClass("thin", 0.6, 0, 2, 0.010, 0.0003)
MIDDLE = NodeClass("middle", 0.3, 4, 8, 0.005, 0.0023)
STRONG = NodeClass("strong", 0.1, 16, 16, 0.001, 0.0008)

MIXES: dict[str, tuple[NodeClass, ...]] = {
    "study": (THIN, MIDDLE, STRONG),
    "capped": (THIN, MIDDLE, replace(STRONG, copies_min=8, copies_max=8)),
    "strong": (replace(STRONG, share=1.0),),
    "middle": (replace(MIDDLE, share=1.0),),
    "plain": (NodeClass("plain", 1.0, 8, 8, 0.0, 0.0),),
}
"""Mixes by name; `plain` has no access delay, for topologies that state all delays."""


def draw(
    mix: Sequence[NodeClass],
    size: int,
    chance: random.Random,
    slots_per_node: float | None = None,
) -> tuple[NodeSpec, ...]:
    """`size` nodes of a mix, in random order.

    `slots_per_node` scales all copies so that their sum is that many times `size`: the
    study's scarce (1.87) and tight (1.06) cases.
    """
    kinds = [
        kind for kind, n in zip(mix, shares(mix, size), strict=True) for _ in [0] * n
    ]
    chance.shuffle(kinds)
    copies = [chance.randint(kind.copies_min, kind.copies_max) for kind in kinds]
    if slots_per_node is not None:
        copies = scaled(copies, round(slots_per_node * size), chance)
    return tuple(
        NodeSpec(
            index,
            kind.name,
            copies[index],
            min(chance.expovariate(1.0 / kind.access_s), ACCESS_MAX_S)
            if kind.access_s
            else 0.0,
            kind.hop_s,
        )
        for index, kind in enumerate(kinds)
    )


def shares(mix: Sequence[NodeClass], size: int) -> list[int]:
    """How many nodes of each class: largest remainders, the sum is `size`."""
    total = sum(kind.share for kind in mix)
    if not total > 0.0:
        raise ScenarioError("a mix of nodes needs at least one class with a share")
    exact = [kind.share * size / total for kind in mix]
    counts = [int(x) for x in exact]
    by_rest = sorted(range(len(mix)), key=lambda i: (counts[i] - exact[i], i))
    for i in by_rest[: size - sum(counts)]:
        counts[i] += 1
    return counts


def scaled(copies: Sequence[int], total: int, chance: random.Random) -> list[int]:
    """Copies in the same proportions whose sum is `total`; ties by luck."""
    factor = total / max(sum(copies), 1)
    exact = [c * factor for c in copies]
    result = [int(x) for x in exact]
    order = list(range(len(copies)))
    chance.shuffle(order)
    order.sort(key=lambda i: result[i] - exact[i])
    for i in order[: max(total - sum(result), 0)]:
        result[i] += 1
    return result
