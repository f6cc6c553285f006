"""Counters, timers, and the book of links."""

from __future__ import annotations

from meshproto.distribution.changes import Active, TreeUse
from meshproto.distribution.tree import Alarm, Tree
from meshproto.events import Refused
from support.tree_bench import ORIGIN, STREAM, Bench, node


def test_serials_and_aliases_do_not_repeat() -> None:
    shared = Bench().brain._shared
    serials = [shared.next_serial() for _ in range(1000)]
    aliases = [shared.next_alias() for _ in range(1000)]
    assert len(set(serials)) == len(set(aliases)) == 1000


def test_probe_tokens_are_odd() -> None:
    shared = Bench().brain._shared
    assert all(shared.next_token() % 2 for _ in range(10))


def test_hastening_never_delays() -> None:
    shared, tree = Bench().brain._shared, Tree(STREAM, ORIGIN)
    shared.hasten(tree, Alarm.SECOND, 5.0)
    shared.hasten(tree, Alarm.SECOND, 9.0)
    assert shared.timers.next() == 5.0
    shared.hasten(tree, Alarm.SECOND, 2.0)
    assert shared.timers.next() == 2.0
    shared.set(tree, Alarm.SECOND, 9.0)
    assert shared.timers.next() == 9.0
    assert shared.waits(tree, Alarm.SECOND)
    shared.cancel(tree, Alarm.SECOND)
    assert not shared.waits(tree, Alarm.SECOND)


def test_a_link_is_in_use_from_the_first_edge_to_the_last() -> None:
    shared = Bench().brain._shared
    for _ in range(2):
        shared.use(node(2))
    for _ in range(2):
        shared.disuse(node(2))
    assert shared.changes == [TreeUse(node(2), True), TreeUse(node(2), False)]


def test_an_origin_is_active_from_the_first_tree_to_the_last() -> None:
    shared = Bench().brain._shared
    one, two = Tree(STREAM, ORIGIN), Tree(type(STREAM)(b"x" * 16), ORIGIN)
    shared.index(one)
    shared.index(two)
    shared.unindex(one)
    assert shared.changes == [Active(ORIGIN, True)]
    shared.unindex(two)
    assert shared.changes[-1] == Active(ORIGIN, False)


def test_a_refusal_is_an_event() -> None:
    bench = Bench()
    bench.brain._shared.refuse(node(2), "tree-edge")
    bench.drain()
    assert bench.events == [Refused(node(2), "tree-edge")]


def test_an_unmeasured_node_is_taken_for_a_slow_one() -> None:
    bench = Bench()
    shared = bench.brain._shared
    assert shared.rtt_s(node(9)) == bench.config.rtt_unknown_s
    bench.rtts[node(9)] = 0.04
    assert shared.hop_s(node(9)) == 0.02 + bench.config.hop_cost_s
