"""Taking and leaving parents."""

from __future__ import annotations

from meshproto.distribution import above
from meshproto.distribution.events import Joined, ParentChanged, Repaired
from meshproto.distribution.tree import Alarm
from meshproto.forwarding.relay_table import SetActive
from meshproto.wire.control import distribution as w
from support.tree_bench import ORIGIN, STREAM, Bench, accept, node


def edge(number: int, use: w.Use = w.Use.REPAIR) -> above.Upper:
    return above.upper(node(number), use, accept(number, node(number), 0.01))


def test_an_accept_becomes_an_edge() -> None:
    made = edge(4)
    assert (made.node, made.serial, made.alias, made.base) == (node(4), 4, 7000, 50)
    assert made.path[-1] == node(4)[-8:]


def test_a_join_is_told_with_how_long_it_took() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(node(2))
    bench.subscribe()
    bench.now += 0.125
    bench.hear(node(2), accept(bench.one(w.Join)[1].serial, node(2)))
    event = bench.happened(Joined)[0]
    assert (event.parent, event.took_s) == (node(2), 0.125)


def test_the_plane_learns_alias_and_base() -> None:
    bench = Bench()
    bench.attach(node(2))
    assert bench.told(SetActive) == [SetActive(STREAM, node(2), 7000, 50)]


def test_a_new_parent_and_the_farewell_are_one_step() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.link(node(4))
    bench.sent.clear()
    above.attach(bench.brain._shared, bench.tree, edge(4), "repair", bench.now)
    bench.drain()
    assert bench.brain.parent(STREAM) == node(4)
    assert bench.one(w.Leave)[0] == node(2)
    assert bench.happened(ParentChanged)[-1] == ParentChanged(
        STREAM, node(2), node(4), "repair"
    )
    assert bench.brain._shared.uses == {node(4): 1}


def test_a_second_parent_that_accepts_as_parent_is_counted_once() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.link(node(4))
    shared, tree = bench.brain._shared, bench.tree
    tree.second = edge(4, w.Use.STANDBY)
    shared.use(node(4))
    above.attach(shared, tree, edge(4), "repair", bench.now)
    assert tree.second is None
    assert shared.uses == {node(4): 1}


def test_a_repair_tells_the_gap() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.link(node(4))
    bench.tree.lost_at = bench.now - 0.2
    above.attach(bench.brain._shared, bench.tree, edge(4), "repair", bench.now)
    bench.drain()
    assert abs(bench.happened(Repaired)[0].gap_s - 0.2) < 1e-9
    assert bench.tree.lost_at is None


def test_without_a_parent_nothing_is_waited_for_upwards() -> None:
    bench = Bench()
    bench.attach(node(2))
    shared, tree = bench.brain._shared, bench.tree
    shared.set(tree, Alarm.REPORT, bench.now + 1)
    above.detach(shared, tree, "lost", bench.now)
    assert not shared.waits(tree, Alarm.REPORT)
    above.detach(shared, tree, "lost", bench.now)
    bench.drain()
    assert len(bench.take(w.Leave)) == 1


def test_a_farewell_is_not_sent_where_it_cannot_be_heard() -> None:
    bench = Bench()
    bench.attach(node(2))
    del bench.links[node(2)]
    above.detach(bench.brain._shared, bench.tree, "lost", bench.now)
    bench.drain()
    assert not bench.take(w.Leave)
