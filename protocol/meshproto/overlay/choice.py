"""Which peer to link next and which link to give up: pure rules (RFC 0007 section 6).

Capacity was decided before: candidates are capable, unless too few are known.  Of the
target, half go to the nearest, and the others are spread: two at random, then one per
RTT ring that has none.  Path lengths so stay near the direct distance at every scale.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from meshproto.chance import Chance
from meshproto.config.overlay import OverlayConfig
from meshproto.ids import NodeId
from meshproto.overlay.book import Entry
from meshproto.overlay.links import Kind, Link

Choice = tuple[Entry, Kind]


def ring_of(rtt_s: float, bounds_s: Sequence[float]) -> int:
    """The index of the RTT ring that holds `rtt_s`."""
    return bisect_right(bounds_s, rtt_s)


def next_link(
    rtts_s: Sequence[float],
    randoms: int,
    target: int,
    candidates: Sequence[Entry],
    config: OverlayConfig,
    chance: Chance,
) -> Choice | None:
    """The next peer to dial, given the sorted round trips of capable links so far."""
    if not candidates:
        return None
    half = target // 2
    measured = [entry for entry in candidates if entry.rtt_s is not None]
    if measured:
        nearest = min(measured, key=_rtt)
        if len(rtts_s) < half or _rtt(nearest) < rtts_s[half - 1]:
            return nearest, Kind.NEAR
    if randoms < config.random_links:
        return chance.choice(candidates), Kind.RANDOM
    bounds = config.ring_bounds_s
    taken = {ring_of(rtt_s, bounds) for rtt_s in rtts_s}
    free = [e for e in measured if ring_of(_rtt(e), bounds) not in taken]
    if free:
        return chance.choice(free), Kind.RING
    return chance.choice(measured or candidates), Kind.RING


def gains(better_s: float, worse_s: float, config: OverlayConfig) -> bool:
    """Whether a trade saves the larger of 20 % and 10 ms."""
    least = max(config.trade_share * worse_s, config.trade_s)
    return worse_s - better_s >= least


def victim(
    links: Sequence[tuple[float, Link]],
    gained_s: float,
    config: OverlayConfig,
    carries_tree: Callable[[NodeId], bool],
) -> tuple[float, Link] | None:
    """The link to give up for one of `gained_s`: the longest that may be traded.

    `links` are (round trip, link), sorted.  Only links that this node dialled are its
    to give up: the others are their dialler's choice.
    """
    bounds = config.ring_bounds_s
    rings = [ring_of(rtt_s, bounds) for rtt_s, _ in links]
    for (rtt_s, link), ring in zip(reversed(links), reversed(rings), strict=True):
        if not gains(gained_s, rtt_s, config):
            return None
        if not link.outbound or link.kind is Kind.RANDOM or rings.count(ring) == 1:
            continue
        if not carries_tree(link.node):
            return rtt_s, link
    return None


def _rtt(entry: Entry) -> float:
    assert entry.rtt_s is not None
    return entry.rtt_s
