"""The overlay that an all-knowing builder would draw (tree study, section 2).

Links go to capable nodes only, half of them to the nearest, half one per ring of
distance; a thin node has fewer.  The ancestor, which assumes that an overlay exists, is
given this one, and oracles measure against it.
"""

from __future__ import annotations

import math
import random
from bisect import bisect
from collections.abc import Sequence

from meshsim.paths import Paths, round_trip

RINGS_S = (0.008, 0.016, 0.032, 0.064, 0.128, 0.256)
"""Upper bounds of the rings of distance (round trip)."""

CAPABLE_COPIES = 4
LINKS = 12
LINKS_THIN = 8
ACCEPT_MAX = 24


def ideal(
    paths: Paths, copies: Sequence[int], chance: random.Random
) -> list[list[int]]:
    """Neighbours of every node, ascending and mutual.

    Where only some pairs can reach each other the links are all of those.
    """
    if paths.reachable(0) is not None:
        return [list(paths.reachable(node) or ()) for node in range(paths.size)]
    capable = [node for node, n in enumerate(copies) if n >= CAPABLE_COPIES]
    if len(capable) <= LINKS:
        capable = list(range(paths.size))
    links: list[dict[int, None]] = [{} for _ in range(paths.size)]
    order = list(range(paths.size))
    chance.shuffle(order)
    for node in order:
        wanted = LINKS if copies[node] >= CAPABLE_COPIES else LINKS_THIN
        _link(node, wanted, links, _ranked(node, capable, paths, wanted, chance))
    return [sorted(row) for row in links]


def _ranked(
    node: int, capable: Sequence[int], paths: Paths, wanted: int, chance: random.Random
) -> list[int]:
    """Candidates in the order of wish: near and ring ones in turn, then outwards."""
    far = sorted((round_trip(paths, node, peer), peer) for peer in capable)
    near = [peer for rtt, peer in far if peer != node and rtt < math.inf]
    rings: list[list[int]] = [[] for _ in range(len(RINGS_S) + 1)]
    for rtt, peer in far:
        if peer != node and rtt < math.inf:
            rings[bisect(RINGS_S, rtt)].append(peer)
    spread = [chance.choice(ring) for ring in rings if ring]
    half = wanted // 2
    return list(dict.fromkeys([*near[:half], *spread[:half], *near]))


def _link(
    node: int, wanted: int, links: list[dict[int, None]], candidates: Sequence[int]
) -> None:
    for peer in candidates:
        if len(links[node]) >= wanted:
            return
        if len(links[peer]) < ACCEPT_MAX:
            links[node][peer] = links[peer][node] = None
