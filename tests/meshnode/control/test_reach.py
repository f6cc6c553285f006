"""The verdict on how others reach this node, from what they saw of it."""

from __future__ import annotations

from meshnode.control.reach import SEEN_MAX, WORDS, Reachability, media_addresses
from meshproto.wire.control.peer import Reach

OWN = ("10.0.0.5", 5_000)
OUTSIDE = ("198.51.100.7", 41_000)
FAR = [(f"8.8.8.{number}", 5_000) for number in range(1, 40)]


def seen(*pairs: tuple[tuple[str, int], tuple[str, int]]) -> Reachability:
    reach = Reachability([OWN])
    for address, by in pairs:
        reach.mapped(address, by)
    return reach


def test_nothing_is_known_at_first_and_a_caller_is_a_sign() -> None:
    reach = Reachability([OWN])
    assert reach.verdict is None
    reach.called()
    assert reach.verdict is Reach.DIRECT


def test_who_is_seen_at_its_own_address_is_reached_directly() -> None:
    reach = seen((OWN, FAR[0]))
    assert reach.verdict is Reach.DIRECT
    assert reach.mapped_addresses == ()


def test_one_address_for_all_far_ends_lets_holes_be_punched() -> None:
    reach = seen((OUTSIDE, FAR[0]), (OUTSIDE, FAR[1]))
    assert reach.verdict is Reach.PUNCHED
    assert reach.mapped_addresses == (OUTSIDE,)


def test_who_is_called_behind_a_nat_is_mapped() -> None:
    reach = seen((OUTSIDE, FAR[0]))
    reach.called()
    assert reach.verdict is Reach.MAPPED


def test_another_port_for_each_far_end_needs_a_relay() -> None:
    reach = seen(*(((OUTSIDE[0], 40_000 + n), FAR[n]) for n in range(3)))
    assert reach.verdict is Reach.RELAYED


def test_a_far_end_inside_cannot_vouch_for_the_outside() -> None:
    reach = Reachability([OWN])
    assert not reach.mapped(("8.8.4.4", 5_000), ("10.0.0.9", 5_000))
    assert reach.verdict is None


def test_neighbours_inside_the_network_do_not_hide_the_nat() -> None:
    reach = seen((OWN, ("10.0.0.9", 5_000)), (OUTSIDE, FAR[0]), (OUTSIDE, FAR[1]))
    assert reach.verdict is Reach.PUNCHED


def test_what_is_remembered_is_bounded_and_news_is_told_once() -> None:
    reach = Reachability([OWN])
    assert reach.mapped(OUTSIDE, FAR[0])
    assert not reach.mapped(OUTSIDE, FAR[1])
    for number in range(3 * SEEN_MAX):
        reach.mapped((OUTSIDE[0], 50_000 + number), (FAR[0][0], 6_000 + number))
    assert len(reach.mapped_addresses) == SEEN_MAX


def test_a_nat_that_restarted_has_only_its_new_address() -> None:
    new = ("198.51.100.8", 41_000)
    reach = seen((OUTSIDE, FAR[0]), (OUTSIDE, FAR[1]))
    assert reach.mapped(new, FAR[0])
    assert set(reach.mapped_addresses) == {OUTSIDE, new}
    reach.mapped(new, FAR[1])
    assert reach.mapped_addresses == (new,)
    assert reach.verdict is Reach.PUNCHED


def test_every_verdict_has_words_and_records_hold_four_addresses() -> None:
    assert set(WORDS) == set(Reach)
    found = media_addresses([OWN, ("::1", 5_000), *FAR])
    assert [len(address.ip) for address in found] == [4, 16, 4, 4]


def test_what_the_router_granted_counts_at_once_and_comes_first() -> None:
    reach = Reachability([OWN])
    granted = ("11.77.0.1", 5_000)
    reach.granted(granted)
    assert reach.verdict is Reach.MAPPED
    reach.mapped(OUTSIDE, FAR[0])
    reach.mapped(OUTSIDE, FAR[1])
    assert reach.verdict is Reach.MAPPED
    assert reach.mapped_addresses == (granted, OUTSIDE)
    reach.granted(None)
    assert reach.verdict is Reach.PUNCHED
    assert reach.mapped_addresses == (OUTSIDE,)


def test_a_grant_that_others_see_too_is_named_once() -> None:
    reach = seen((OUTSIDE, FAR[0]))
    reach.granted(OUTSIDE)
    assert reach.mapped_addresses == (OUTSIDE,)
    assert reach.verdict is Reach.MAPPED


def test_who_is_seen_at_its_own_address_needs_no_grant() -> None:
    reach = seen((OWN, FAR[0]))
    reach.granted(OUTSIDE)
    assert reach.verdict is Reach.DIRECT
