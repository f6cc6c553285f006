"""Root path, delay, offers."""

from __future__ import annotations

from meshproto.distribution import OffersToTell
from meshproto.ids import short_id
from meshproto.wire.control import distribution as w
from support.tree_bench import ME, ORIGIN, STREAM, Bench, join, node, path


def offers(bench: Bench) -> list[OffersToTell]:
    found = [c for c in bench.changes if isinstance(c, OffersToTell)]
    bench.changes.clear()
    return found


def test_the_place_is_the_parents_and_half_a_round_trip_and_a_hop() -> None:
    bench = Bench()
    bench.attach(node(2), delay_s=0.030, above=(ORIGIN, node(2)), rtt_s=0.020)
    assert bench.brain.root_path(STREAM) == tuple(
        short_id(n) for n in (ORIGIN, node(2), ME)
    )
    delay_s = bench.brain.delay_s(STREAM)
    assert delay_s is not None
    assert abs(delay_s - 0.041) < 1e-9


def test_a_new_path_is_told_to_all_children_standbys_too() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    children = {bench.child(5), bench.child(6, w.Use.STANDBY)}
    bench.sent.clear()
    bench.hear(parent, path(parent, 0.02, (ORIGIN, node(9))))
    told = bench.take(w.Path)
    assert {who for who, _ in told} == children
    assert told[0][1].path == tuple(short_id(n) for n in (ORIGIN, node(9), parent, ME))


def test_a_delay_is_told_when_it_moved_by_a_tenth_and_five_ms() -> None:
    bench = Bench()
    parent = bench.attach(node(2), delay_s=0.1, above=(node(2),))
    bench.child(5)
    bench.sent.clear()
    bench.hear(parent, path(parent, 0.104))
    bench.hear(parent, path(parent, 0.109))
    assert not bench.take(w.Path)
    bench.hear(parent, path(parent, 0.125))
    assert bench.one(w.Path)[1].delay_s > 0.13


def test_an_offer_is_made_when_in_the_tree_and_taken_back_when_full() -> None:
    bench = Bench(2)
    bench.attach(node(2))
    first = offers(bench)[-1]
    assert first.origin == ORIGIN
    assert (first.offers[0].slots, first.offers[0].in_tree) == (2, True)
    bench.child(5)
    bench.child(6)
    assert offers(bench)[-1].offers[0].slots == 0
    bench.hear(node(6), w.Leave(STREAM, 6))
    assert offers(bench)[-1].offers[0].slots == 1


def test_who_is_there_for_no_viewer_makes_no_offer() -> None:
    bench = Bench(4)
    bench.attach(node(2))
    bench.child(5, w.Use.STANDBY)
    bench.do("unsubscribe", STREAM)
    assert offers(bench)[-1].offers == ()
    bench.child(6)
    assert offers(bench)[-1].offers[0].in_tree
    bench.hear(node(6), w.Leave(STREAM, 6))
    assert offers(bench)[-1].offers == ()


def test_offers_are_withdrawn_with_the_parent() -> None:
    bench = Bench()
    bench.attach(node(2))
    offers(bench)
    bench.unlink(node(2))
    assert offers(bench)[-1].offers == ()


def test_small_changes_of_slots_are_not_told() -> None:
    bench = Bench(16)
    bench.publish()
    offers(bench)
    bench.child(5)
    bench.child(6)
    assert not offers(bench)
    for number in range(7, 14):
        bench.child(number)
    assert not offers(bench)
    while bench.brain.offer(STREAM).slots:  # type: ignore[union-attr]
        number += 1
        bench.child(number)
    (told,) = offers(bench)
    assert told.offers[0].slots == 0


def test_several_trees_of_an_origin_are_told_together() -> None:
    bench = Bench()
    bench.publish()
    other = type(STREAM)(b"another, sixteen")
    bench.do("publish", other, (1000,))
    assert {o.stream for o in offers(bench)[-1].offers} == {STREAM, other}


def test_a_path_that_is_none_is_refused() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    before = bench.brain.root_path(STREAM)
    strange = w.Path(STREAM, 0.0, (short_id(node(66)),), (0.0,))
    bench.hear(parent, strange)
    uneven = w.Path(STREAM, 0.0, (short_id(parent),), (0.0, 0.0))
    bench.hear(parent, uneven)
    assert bench.brain.root_path(STREAM) == before


def test_a_waiting_joiner_makes_no_offer() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(node(2))
    bench.link(node(3))
    bench.hear(node(3), join(3))
    assert bench.brain.offer(STREAM) is not None
    assert not bench.brain.offer(STREAM).in_tree  # type: ignore[union-attr]
