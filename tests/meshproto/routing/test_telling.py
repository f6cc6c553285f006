"""Who is told what, and when (RFC 0010 sections 5.5 and 6.2)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshproto.config.routing import RoutingConfig
from meshproto.routing.distance import INFINITY
from meshproto.routing.telling import offers_moved, ran_out_or_in
from meshproto.wire.control.offer import Offer
from meshproto.wire.control.routing import TableDigest, TableRequest, Update
from support.routing import EPOCH, OTHER_STREAM, Bench, node, offer, seal

CONFIG = RoutingConfig()


def settled(*names: str, **config: float) -> Bench:
    """A bench with neighbours and a route over "a" that everybody was told."""
    bench = Bench(**config)
    bench.up("a", *names)
    bench.hear("a", 100)
    bench.advance(0.2)
    bench.sent()
    return bench


def test_a_first_route_is_told_within_five_milliseconds() -> None:
    bench = Bench()
    bench.up("a", "b")
    bench.hear("a", 100)
    bench.advance(0.0049)
    assert bench.sent() == []
    bench.advance(0.0002)
    assert bench.told("b") == [200]


def test_an_update_carries_hops_and_the_signature_of_the_origin() -> None:
    bench = Bench()
    bench.up("a", "b")
    bench.hear("a", 100, seqno=9, hops=3)
    bench.advance(0.01)
    sealed = seal(node("o"), EPOCH, 9)
    assert bench.sent(Update) == [Update(node("o"), EPOCH, 9, 200, 4, (), sealed)]


def test_the_signature_is_sent_once_for_each_number() -> None:
    bench = settled("b")
    bench.hear("a", 300)
    bench.advance(0.2)
    bench.hear("a", 500, seqno=2)
    bench.advance(0.2)
    signed = [bool(update.signature) for update in bench.sent(Update, "b")]
    assert signed == [False, True]


def test_the_signature_comes_again_after_a_retraction() -> None:
    bench = settled("b")
    bench.retract("a")
    bench.advance(0.1)
    bench.hear("a", 90)
    bench.advance(0.1)
    updates = bench.sent(Update, "b")
    assert [update.refmetric for update in updates] == [INFINITY, 190]
    assert updates[1].signature


def test_who_told_of_a_number_needs_no_signature_of_it() -> None:
    bench = settled("b")
    bench.hear("b", 900, seqno=2)
    bench.hear("a", 500, seqno=2)
    bench.advance(0.2)
    (update,) = bench.sent(Update, "b")
    assert (update.seqno, update.refmetric, update.signature) == (2, 600, b"")
    bench.retract("b")
    bench.hear("a", 700, seqno=3)
    bench.advance(0.2)
    (update,) = bench.sent(Update, "b")
    assert update.signature == seal(node("o"), EPOCH, 3)


def test_who_wants_its_table_again_gets_every_signature() -> None:
    bench = settled("b")
    bench.hear("b", 900)
    bench.sent()
    bench.feed("b", TableRequest())
    bench.advance(0.2)
    (update,) = bench.sent(Update, "b")
    assert update.signature == seal(node("o"), EPOCH, 1)


def test_the_next_hop_is_told_nothing() -> None:
    bench = Bench()
    bench.up("a", "b")
    bench.hear("a", 100)
    bench.advance(1.0)
    assert set(bench.sent_to()) == {"b"}


def test_an_origin_is_not_told_the_way_to_itself() -> None:
    bench = Bench()
    bench.up("a", "o", "b")
    bench.hear("a", 100)
    bench.advance(1.0)
    assert set(bench.sent_to()) == {"b"}


def test_a_new_next_hop_is_told_no_route_and_the_old_one_a_metric() -> None:
    bench = settled("b")
    bench.hear("b", 20)
    bench.advance(0.2)
    assert bench.next_hop() == "b"
    records = [(name, record.refmetric) for name, record in bench.records]  # type: ignore[union-attr]
    assert sorted(records) == [("a", 120), ("b", INFINITY)]


def test_small_changes_are_not_told() -> None:
    bench = settled("b")
    bench.hear("a", 149)
    bench.advance(60.0)
    assert bench.sent(Update) == []


def test_larger_changes_are_told_after_a_tenth_of_a_second() -> None:
    bench = settled("b")
    bench.hear("a", 151)
    bench.advance(0.099)
    assert bench.sent() == []
    bench.advance(0.002)
    assert bench.told("b") == [251]


def test_changes_that_add_up_are_told() -> None:
    bench = settled("b")
    for refmetric in (120, 140, 160):
        bench.hear("a", refmetric)
    bench.advance(0.2)
    assert bench.told("b") == [260]


def test_many_changes_in_a_batch_are_one_update() -> None:
    bench = settled("b")
    for milliseconds in range(20, 200, 10):
        bench.rtt("a", milliseconds / 1000)
    bench.advance(0.2)
    assert bench.told("b") == [100 + 10 + 950]


def test_what_came_back_within_a_batch_is_not_told_at_all() -> None:
    bench = settled("b")
    bench.hear("a", 400)
    bench.hear("a", 100)
    bench.advance(0.2)
    assert bench.sent(Update) == []


def test_a_loss_is_told_at_once_and_overtakes_the_detour() -> None:
    bench = settled("b", "c")
    bench.hear("b", 199)
    bench.advance(0.2)
    bench.sent()
    bench.retract("a")
    assert bench.next_hop() == "b"  # a detour, to be told in 100 ms
    bench.advance(0.05)
    bench.retract("b")
    bench.advance(0.01)
    assert bench.told("c") == [INFINITY]
    bench.advance(1.0)
    assert bench.told("c") == []


def test_the_distance_is_lowered_when_a_metric_is_told_and_not_before() -> None:
    bench = Bench()
    bench.up("a", "b")
    bench.hear("a", 100)
    assert bench.router.distance(node("o")) is None
    bench.advance(0.01)
    assert bench.router.distance(node("o")) == ((EPOCH, 1), 200)


def test_without_listeners_no_distance_is_set() -> None:
    bench = Bench()
    bench.up("a")
    bench.hear("a", 100)
    bench.advance(1.0)
    assert bench.router.distance(node("o")) is None


def test_a_thin_node_keeps_routes_of_others_to_itself() -> None:
    bench = Bench()
    bench.call("relaying", False)
    bench.up("a", "b")
    bench.hear("a", 100)
    bench.advance(1.0)
    assert bench.next_hop() == "a"
    assert bench.sent(Update) == []
    bench.call("originate")
    bench.advance(1.0)
    assert {update.origin for update in bench.sent(Update)} == {bench.me}


def test_who_ceases_to_relay_retracts_and_who_begins_tells() -> None:
    bench = settled("b")
    bench.call("relaying", False)
    bench.advance(0.006)
    assert bench.told("b") == [INFINITY]
    bench.call("relaying", True)
    bench.advance(0.2)
    assert bench.told("b") == [200]


def test_a_new_neighbour_is_told_the_whole_table() -> None:
    bench = Bench()
    bench.up("a")
    for number in range(5):
        bench.hear("a", 100 + number, origin=f"o{number}")
    bench.advance(1.0)
    bench.sent()
    bench.up("b")
    assert bench.told("b") == [200, 201, 202, 203, 204]


def test_a_large_table_comes_in_portions() -> None:
    bench = Bench(table_updates=10)
    bench.up("a")
    for number in range(25):
        bench.hear("a", 100, origin=f"{number:03d}")
    bench.advance(1.0)
    bench.up("b")
    portions = []
    for _ in range(4):
        portions.append(len(bench.told("b")))
        bench.advance(0.1)
    assert portions == [10, 10, 5, 0]


def test_neighbours_that_are_told_the_same_share_one_record() -> None:
    bench = Bench()
    bench.up("a", "b", "c")
    bench.hear("a", 100)
    bench.advance(0.01)
    first, second = bench.sent(Update)
    assert first is second


def test_a_digest_follows_half_a_minute_after_a_change_and_only_then() -> None:
    bench = settled("b")
    bench.advance(45.0)
    assert len(bench.sent(TableDigest, "b")) == 1
    bench.advance(600.0)
    assert bench.sent() == []
    assert bench.router.next_timeout() is None


# -- offers ---------------------------------------------------------------------------


def test_an_offer_goes_to_everybody_even_the_next_hop() -> None:
    bench = settled("b")
    bench.call("offer", node("o"), (offer(),))
    bench.advance(0.006)
    told = {
        name: (record.refmetric, record.offers)  # type: ignore[union-attr]
        for name, record in bench.records
    }
    assert told == {"a": (INFINITY, (offer(),)), "b": (200, (offer(),))}


def test_an_offer_that_runs_out_is_withdrawn_at_once_and_the_route_stays() -> None:
    bench = settled("b")
    bench.call("offer", node("o"), (offer(slots=1),))
    bench.advance(0.2)
    bench.sent()
    bench.call("offer", node("o"), (offer(slots=0),))
    bench.advance(0.006)
    (update,) = bench.sent(Update, "b")
    assert (update.refmetric, update.offers[0].slots) == (200, 0)
    bench.call("offer", node("o"), ())
    bench.advance(0.006)
    (update,) = bench.sent(Update, "b")
    assert (update.refmetric, update.offers) == (200, ())


def test_small_changes_of_an_offer_are_not_told() -> None:
    bench = settled("b")
    bench.call("offer", node("o"), (offer(slots=8),))
    bench.advance(0.2)
    bench.sent()
    bench.call("offer", node("o"), (offer(slots=7),))
    bench.advance(60.0)
    assert bench.sent(Update) == []
    bench.call("offer", node("o"), (offer(slots=1),))
    bench.advance(60.0)
    assert bench.sent(Update) == []
    bench.call("offer", node("o"), (offer(slots=1, delay_s=0.2),))
    bench.advance(0.2)
    (update,) = bench.sent(Update, "b")
    assert update.offers == (offer(slots=1, delay_s=0.2),)


def test_a_thin_node_offers_without_being_a_way() -> None:
    bench = Bench()
    bench.call("relaying", False)
    bench.up("a", "b")
    bench.hear("a", 100)
    bench.call("offer", node("o"), (offer(),))
    bench.advance(0.2)
    (update,) = bench.sent(Update, "b")
    assert (update.refmetric, update.offers) == (INFINITY, (offer(),))
    assert update.signature


def test_an_offer_waits_for_the_first_signed_number_of_its_origin() -> None:
    bench = Bench()
    bench.up("a", "b")
    bench.call("offer", node("o"), (offer(),))
    bench.advance(0.2)
    assert bench.sent() == []
    bench.hear("a", 100)
    bench.advance(0.2)
    assert [update.offers for update in bench.sent(Update, "b")] == [(offer(),)]


@pytest.mark.parametrize(
    ("new", "expected"),
    [
        ((offer(slots=0),), True),
        ((), True),
        ((offer(in_tree=False),), True),
        ((offer(), offer(stream=OTHER_STREAM)), True),
        ((offer(slots=3),), False),
        ((offer(delay_s=5.0),), False),
    ],
)
def test_what_a_joiner_must_know_at_once(
    new: tuple[Offer, ...], expected: bool
) -> None:
    assert ran_out_or_in((offer(slots=4),), new) is expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"delay_s": 0.0549}, False),
        ({"delay_s": 0.056}, True),
        ({"slots": 5}, False),
        ({"slots": 8}, False),
        ({"slots": 2}, False),
        ({"room": 3}, False),
        ({"room": 9}, False),
        ({"room": 0}, False),
        ({"slots": 0}, True),
    ],
)
def test_which_changes_of_an_offer_are_told(
    change: dict[str, float], expected: bool
) -> None:
    new = replace(offer(), **change)  # type: ignore[arg-type]
    assert offers_moved((offer(),), (new,), CONFIG) is expected
