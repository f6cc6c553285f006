"""Half to the nearest, two at random, one per empty ring; trades must pay."""

from __future__ import annotations

import random

import pytest

from meshproto.config.overlay import OverlayConfig
from meshproto.overlay.book import Entry
from meshproto.overlay.choice import gains, next_link, ring_of, victim
from meshproto.overlay.links import Kind, Link
from support.overlay_parts import node, record

CONFIG = OverlayConfig()
CHANCE = random.Random(1)


def peer(index: int, rtt_s: float | None) -> Entry:
    entry = Entry(record(index), ())
    entry.rtt_s = rtt_s
    return entry


def choose(
    rtts_s: list[float], randoms: int, candidates: list[Entry], target: int = 12
) -> tuple[Entry, Kind] | None:
    return next_link(sorted(rtts_s), randoms, target, candidates, CONFIG, CHANCE)


def linked(
    *rtts_s: float, kind: Kind = Kind.NEAR, outbound: bool = True
) -> list[tuple[float, Link]]:
    return [
        (rtt_s, Link(node(i), kind, outbound, 0.0))
        for i, rtt_s in enumerate(sorted(rtts_s))
    ]


@pytest.mark.parametrize(
    ("rtt_ms", "ring"),
    [(0, 0), (7.9, 0), (8, 1), (31, 2), (200, 5), (256, 6), (900, 6)],
)
def test_rings_double(rtt_ms: float, ring: int) -> None:
    assert ring_of(rtt_ms / 1000, CONFIG.ring_bounds_s) == ring


def test_the_first_half_goes_to_the_nearest() -> None:
    near, far = peer(1, 0.01), peer(2, 0.2)
    assert choose([], 0, [far, near]) == (near, Kind.NEAR)
    assert choose([0.005] * 5, 2, [far, near]) == (near, Kind.NEAR)


def test_a_peer_nearer_than_the_near_half_comes_first() -> None:
    near = peer(1, 0.01)
    chosen = choose([0.02] * 8, 2, [near])
    assert chosen == (near, Kind.NEAR)


def test_then_two_are_drawn_at_random_even_unmeasured() -> None:
    unknown = peer(3, None)
    assert choose([0.001] * 6, 0, [unknown]) == (unknown, Kind.RANDOM)
    drawn = {
        choose([0.001] * 6, 1, [peer(1, 0.1), peer(2, 0.2)])[0].peer.node  # type: ignore[index]
        for _ in range(20)
    }
    assert len(drawn) == 2


def test_then_empty_rings_are_filled() -> None:
    same, other = peer(1, 0.006), peer(2, 0.1)
    for _ in range(10):
        assert choose([0.001] * 6, 2, [same, other]) == (other, Kind.RING)


def test_with_all_rings_taken_any_measured_peer_will_do() -> None:
    measured = peer(1, 0.005)
    chosen = choose([0.001] * 6, 2, [peer(2, None), measured])
    assert chosen == (measured, Kind.RING)


def test_without_candidates_nobody_is_chosen() -> None:
    assert choose([], 0, []) is None


@pytest.mark.parametrize(
    ("better_ms", "worse_ms", "worth"),
    [(79, 100, True), (81, 100, False), (10, 21, True), (10, 19, False), (1, 5, False)],
)
def test_a_trade_saves_20_percent_and_10_ms(
    better_ms: float, worse_ms: float, worth: bool
) -> None:
    assert gains(better_ms / 1000, worse_ms / 1000, CONFIG) is worth


def never(_: object) -> bool:
    return False


def test_the_longest_link_goes_first() -> None:
    found = victim(linked(0.01, 0.04, 0.06), 0.001, CONFIG, never)
    assert found is not None
    assert found[0] == 0.06


def test_the_last_link_of_a_ring_stays() -> None:
    found = victim(linked(0.04, 0.05, 0.2), 0.001, CONFIG, never)
    assert found is not None
    assert found[0] == 0.05


def test_a_link_that_carries_a_tree_stays() -> None:
    links = linked(0.04, 0.05, 0.06)
    tree = links[-1][1].node
    found = victim(links, 0.001, CONFIG, lambda each: each == tree)
    assert found is not None
    assert found[0] == 0.05
    assert victim(links, 0.001, CONFIG, lambda _: True) is None


def test_random_links_and_those_dialled_from_the_other_end_stay() -> None:
    assert victim(linked(0.04, 0.05, kind=Kind.RANDOM), 0.001, CONFIG, never) is None
    assert victim(linked(0.04, 0.05, outbound=False), 0.001, CONFIG, never) is None


def test_no_link_goes_for_too_little() -> None:
    assert victim(linked(0.04, 0.045), 0.04, CONFIG, never) is None
