"""Leases and reports."""

from __future__ import annotations

from meshproto.distribution import interest
from meshproto.distribution.events import LeaseExpired
from meshproto.ids import NodeId
from meshproto.wire.control import distribution as w
from support.tree_bench import ORIGIN, STREAM, Bench, demand, join, node


def relay(bench: Bench, number: int = 5, **below: float) -> NodeId:
    """Make the bench a relay without viewers, with one child."""
    bench.attach(node(2))
    child = bench.child(number, **below)
    bench.do("unsubscribe", STREAM)
    bench.pass_time(bench.config.report_s + 0.01)
    bench.sent.clear()
    return child


def test_a_leaf_renews_its_lease_with_age_zero() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    bench.sent.clear()
    bench.pass_time(3 * bench.config.lease_s + 0.2)
    renewals = [i for who, i in bench.take(w.Interest) if who == parent]
    assert len(renewals) == 3
    assert all(i.demand.lease_s == 0 for i in renewals)


def test_a_relay_never_renews_by_its_own_clock() -> None:
    bench = Bench()
    relay(bench)
    bench.pass_time(8.0)
    assert not bench.take(w.Interest)


def test_a_relay_passes_the_youngest_lease_on_with_its_age() -> None:
    bench = Bench()
    child = relay(bench)
    bench.pass_time(4.0)
    bench.hear(child, w.Interest(STREAM, 5, demand(lease_s=1.5)))
    who, said = bench.one(w.Interest)
    assert who == node(2)
    # the age it came with, and the way it took
    assert 1.5 < said.demand.lease_s <= 1.5 + 0.02


def test_a_relay_passes_on_rarely_however_many_children_renew() -> None:
    bench = Bench()
    children = [relay(bench), *(bench.child(number) for number in range(6, 10))]
    bench.pass_time(4.0)
    bench.sent.clear()
    for _ in range(10):
        for child in children:
            serial = bench.tree.children[child].serial
            bench.hear(child, w.Interest(STREAM, serial, demand()))
        bench.pass_time(1.0)
    assert 3 <= len(bench.take(w.Interest)) <= 4


def test_an_old_lease_is_not_news() -> None:
    bench = Bench()
    child = relay(bench)
    bench.pass_time(4.0)
    bench.hear(child, w.Interest(STREAM, 5, demand(lease_s=6.0)))
    assert not bench.take(w.Interest)


def test_without_a_young_lease_the_child_is_dropped_and_the_parent_left() -> None:
    bench = Bench()
    child = relay(bench)
    bench.pass_time(bench.config.lease_life_s + 0.2)
    assert bench.one(w.Drop)[1].reason is w.Why.LEASE
    assert bench.one(w.Leave)[0] == node(2)
    assert child in [event.child for event in bench.happened(LeaseExpired)]
    assert not list(bench.brain.streams())


def test_a_joiner_without_a_young_lease_is_refused() -> None:
    bench = Bench()
    bench.publish()
    bench.child(5, lease_s=11.0)
    assert bench.one(w.Refuse)[1].reason is w.Why.LEASE


def test_a_queued_lease_ages() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(node(2))
    waiting = bench.link(node(5))
    bench.hear(waiting, join(5, lease_s=4.0))
    bench.pass_time(3.0)
    assert abs(bench.now - interest.youngest(bench.tree, bench.now) - 7.0) < 0.01
    bench.pass_time(4.0)
    assert not list(bench.brain.streams())


def test_layers_are_merged_upwards_and_shrink_again() -> None:
    bench = Bench()
    bench.attach(node(2))
    child = bench.child(5, layers=0b100)
    bench.pass_time(0.6)
    assert bench.take(w.Interest)[-1][1].demand.layers == 0b101
    bench.hear(child, w.Leave(STREAM, 5))
    bench.pass_time(0.6)
    assert bench.take(w.Interest)[-1][1].demand.layers == 0b001


def test_a_layer_that_nobody_had_is_asked_for_at_once_and_given_up_later() -> None:
    bench = Bench()
    bench.attach(node(2))
    child = bench.child(5)
    bench.pass_time(0.6)
    bench.sent.clear()
    bench.hear(child, w.Interest(STREAM, 5, demand(layers=0b011)))
    assert bench.one(w.Interest)[1].demand.layers == 0b011
    bench.hear(child, w.Interest(STREAM, 5, demand(layers=0b001)))
    assert not bench.take(w.Interest)
    bench.pass_time(bench.config.report_s)
    assert bench.one(w.Interest)[1].demand.layers == 0b001


def test_more_layers_are_told_in_a_hurry() -> None:
    bench = Bench()
    bench.attach(node(2))
    child = bench.child(5)
    bench.pass_time(0.6)
    bench.sent.clear()
    bench.hear(child, w.Interest(STREAM, 5, demand(layers=0b10)))
    bench.pass_time(bench.config.report_s + 0.01)
    assert bench.one(w.Interest)[1].demand.layers == 0b11


def test_counts_and_room_add_up() -> None:
    bench = Bench(slots=6)
    bench.attach(node(2))
    bench.child(5, subtree=7, viewers=9, room=3)
    said = interest.demand(bench.brain._shared, bench.tree, bench.now)
    assert (said.subtree, said.viewers) == (8, 10)
    assert (said.room, said.spare) == (4 + 3, 5 + 3)


def test_small_changes_wait_for_the_renewal() -> None:
    bench = Bench(slots=16)
    bench.attach(node(2))
    child = bench.child(5, subtree=100, room=100)
    bench.pass_time(1.0)
    bench.sent.clear()
    bench.hear(child, w.Interest(STREAM, 5, demand(subtree=105, room=95)))
    bench.pass_time(0.7)
    assert not bench.take(w.Interest)
    bench.hear(child, w.Interest(STREAM, 5, demand(subtree=180, room=95)))
    bench.pass_time(0.7)
    assert bench.one(w.Interest)[1].demand.subtree == 181


def test_an_interest_for_an_edge_that_ended_is_answered() -> None:
    bench = Bench()
    bench.publish()
    child = bench.child(5)
    bench.hear(child, w.Interest(STREAM, 4, demand()))
    assert bench.one(w.Drop) == (child, w.Drop(STREAM, 4, w.Why.UNKNOWN))
    assert bench.brain.children(STREAM) == (child,)


def test_a_settled_relay_wakes_seldom() -> None:
    bench = Bench()
    child = relay(bench)
    bench.link(node(9))
    wakes, end = 0, bench.now + 120
    while bench.now < end:
        at = bench.brain.next_timeout()
        step = min(end, bench.now + 4.0)
        if at is not None and at < step:
            bench.now = at
            bench.do("handle_timeout")
            wakes += 1
        else:
            bench.now = step
            bench.hear(child, w.Interest(STREAM, 5, demand()))
    assert wakes <= 30, wakes
