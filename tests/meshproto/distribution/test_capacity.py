"""Slots, reserve, burst, in bit/s."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshproto.config.distribution import DistributionConfig
from meshproto.distribution import capacity
from meshproto.forwarding.relay_table import LegActivated
from meshproto.wire.control import distribution as w
from support.tree_bench import ME, ORIGIN, RATE_BPS, STREAM, Bench, join, node


def publisher(slots: float, rates_bps: tuple[int, ...] = (RATE_BPS,)) -> Bench:
    bench = Bench(slots)
    bench.publish(rates_bps)
    return bench


def free(bench: Bench) -> capacity.Slots:
    return capacity.slots(bench.brain._shared, bench.tree)


def test_one_slot_in_six_is_for_orphans_and_a_quarter_above_for_a_burst() -> None:
    assert free(publisher(12)) == capacity.Slots(10, 12, 15, 12)
    assert free(publisher(5)) == capacity.Slots(5, 5, 6, 5)


def test_an_origin_has_one_slot_whatever_its_uplink_and_a_relay_has_none() -> None:
    bench = publisher(0.4)
    assert free(bench) == capacity.Slots(1, 1, 1, 1)
    child = bench.child(2)
    assert bench.brain.children(STREAM) == (child,)
    assert free(bench).burst == 0
    bench.pass_time(bench.config.burst_s + 0.1)
    assert not bench.take(w.Release)  # it is no burst
    relay = Bench(0.4)
    relay.attach(node(2))
    assert free(relay) == capacity.Slots(0, 0, 0, 0)


def test_a_volunteer_of_nothing_does_not_feed_its_own_stream_either() -> None:
    bench = Bench(4, DistributionConfig(copies_max=0))
    bench.publish((RATE_BPS,))
    assert free(bench).burst == 0


def test_no_tree_has_more_than_sixteen() -> None:
    assert free(publisher(400)).orphan == 16


def test_three_quarters_of_the_uplink_are_spent() -> None:
    bench = publisher(8)
    bench.up_bps = 4.1 * RATE_BPS
    assert free(bench).total == 3


def test_ordinary_joiners_leave_the_reserve_to_orphans() -> None:
    bench = publisher(6)
    for number in range(2, 8):
        bench.child(number)
    assert len(bench.brain.children(STREAM)) == 5
    bench.child(20, w.Use.REPAIR)
    bench.child(21, w.Use.REPAIR)
    assert len(bench.brain.children(STREAM)) == 7
    bench.take(w.Refuse)
    bench.child(22, w.Use.REPAIR)
    assert bench.one(w.Refuse)[1].reason is w.Why.FULL


def test_the_starved_get_the_reserve_but_no_burst() -> None:
    bench = publisher(6)
    for number in range(2, 7):
        bench.child(number)
    for number in (20, 21):
        bench.child(number, w.Use.STARVED)
    assert len(bench.brain.children(STREAM)) == 6


def test_a_child_costs_the_layers_it_gets() -> None:
    bench = publisher(6, (RATE_BPS, 2 * RATE_BPS, 4 * RATE_BPS))
    assert free(bench).total == 1  # the origin's own
    bench = publisher(21, (RATE_BPS, 2 * RATE_BPS, 4 * RATE_BPS))
    assert free(bench).total == 3
    bench.child(2, layers=0b001)
    assert bench.brain._shared.used_bps == RATE_BPS
    bench.child(3, layers=0b110)
    assert bench.brain._shared.used_bps == 7 * RATE_BPS


def test_trees_share_one_uplink() -> None:
    bench = publisher(4)
    other = w.Join(type(STREAM)(b"another, sixteen"), 9, ME, w.Use.NEW, join().demand)
    bench.do("publish", other.stream, (RATE_BPS,))
    for number in (2, 3, 4):
        bench.link(node(number))
        bench.hear(node(number), other)
    assert free(bench).ordinary == 1


def test_standbys_cost_nothing_but_are_counted_by_twos() -> None:
    bench = publisher(2)
    for number in range(2, 8):
        bench.child(number, w.Use.STANDBY)
    assert bench.brain._shared.used_bps == 0
    assert len(bench.take(w.Accept)) == 4
    assert {r.reason for _, r in bench.take(w.Refuse)} == {w.Why.FULL}


def test_an_activated_standby_costs_like_a_child() -> None:
    bench = publisher(2)
    child = bench.child(2, w.Use.STANDBY)
    bench.do("plane_notice", LegActivated(STREAM, child, 1))
    assert bench.brain._shared.used_bps == RATE_BPS


def test_books_are_even_after_everybody_left() -> None:
    bench = publisher(12)
    uses = [w.Use.NEW, w.Use.STANDBY, w.Use.REPAIR, w.Use.MOVE, w.Use.DUAL]
    for number, use in enumerate(uses, 2):
        bench.child(number, use)
    for number in range(2, 2 + len(uses)):
        bench.hear(node(number), w.Leave(STREAM, number))
    assert bench.brain._shared.used_bps == 0
    assert bench.brain._shared.uses == {}


def test_an_unknown_rate_is_taken_for_a_usual_one() -> None:
    bench = Bench(5)
    bench.hops[node(1)] = bench.link(node(2))
    bench.link(node(3))
    bench.hear(node(3), join(3))
    assert free(bench).total == int(5 * RATE_BPS / bench.config.rate_unknown_bps)


VECTORS = Path(__file__).resolve().parents[3] / "rfcs/vectors/distribution/slots.json"


@pytest.mark.parametrize("case", json.loads(VECTORS.read_text())["cases"])
def test_vectors_of_slots(case: dict[str, Any]) -> None:
    bench = Bench()
    bench.up_bps = float(case["uplink_bps"])
    bench.publish(tuple(case["rates_bps"]))
    layers = (1 << len(case["rates_bps"])) - 1
    for number, use in enumerate(case["children"], 2):
        bench.child(number, w.Use[use.upper()], layers=layers)
    assert len(bench.take(w.Accept)) == len(case["children"])
    told = free(bench)
    assert [told.ordinary, told.orphan, told.burst] == case["free"]


def test_a_volunteer_may_bound_the_copies_of_all_trees_together() -> None:
    bench = Bench(16, DistributionConfig(copies_max=2))
    bench.publish((RATE_BPS,))
    assert free(bench).ordinary == 2
    for number in (2, 3, 4):
        bench.child(number)
    assert len(bench.brain.children(STREAM)) == 2
    assert free(bench).burst == 0


def test_a_stream_that_the_operator_forbids_gets_no_slot_and_no_relay() -> None:
    bench = Bench(8)
    bench.hops[ORIGIN] = bench.link(node(2))
    joiner = bench.link(node(3))
    bench.do("judge", lambda stream: stream != STREAM)
    bench.hear(joiner, join(3))
    assert bench.one(w.Refuse)[1].reason is w.Why.FULL
    assert STREAM not in bench.brain.streams()


def test_a_stream_that_becomes_forbidden_asks_its_children_to_move() -> None:
    bench = Bench(8)
    bench.hops[ORIGIN] = bench.link(node(2))
    bench.attach(node(2))
    bench.child(3)
    bench.do("judge", lambda stream: False)
    assert [n for n, _ in bench.take(w.Release)] == [node(3)]
    bench.pass_time(bench.config.leave_s + 0.1)
    assert STREAM not in bench.brain.streams()


def test_own_streams_are_not_judged() -> None:
    bench = publisher(8)
    bench.do("judge", lambda stream: False)
    assert free(bench).ordinary > 0
