"""Cuts: both ways, one way, and only some of the pairs."""

from __future__ import annotations

from itertools import product

from meshsim.partition import cut


def test_a_cut_stops_what_crosses_it_in_both_directions() -> None:
    halves = cut("halves", 6, [0, 1, 2])
    for src, dst in product(range(6), repeat=2):
        assert halves.stops(src, dst) == ((src < 3) != (dst < 3))


def test_a_one_way_cut_stops_only_what_the_inside_sends() -> None:
    mute = cut("mute", 4, [1], one_way=True)
    assert mute.stops(1, 0)
    assert not mute.stops(0, 1)
    assert not mute.stops(0, 2)


def test_a_partial_cut_stops_its_share_of_pairs_in_both_directions() -> None:
    partial = cut("partial", 200, range(100), share=0.3, salt=7)
    crossing = [(a, b) for a in range(100) for b in range(100, 200)]
    stopped = [pair for pair in crossing if partial.stops(*pair)]
    assert 0.27 < len(stopped) / len(crossing) < 0.33
    assert all(partial.stops(b, a) for a, b in stopped)


def test_which_pairs_a_partial_cut_stops_belongs_to_its_salt() -> None:
    one, same, other = (
        cut("p", 100, range(50), share=0.5, salt=salt) for salt in (1, 1, 2)
    )
    pairs = [(a, b) for a in range(50) for b in range(50, 100)]
    assert [one.stops(*p) for p in pairs] == [same.stops(*p) for p in pairs]
    assert [one.stops(*p) for p in pairs] != [other.stops(*p) for p in pairs]
