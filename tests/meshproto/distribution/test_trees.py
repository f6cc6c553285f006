"""Trees come and go."""

from __future__ import annotations

from meshproto.distribution import OffersToTell, trees
from meshproto.forwarding.relay_table import CloseLeg, CloseStream, SetActive
from meshproto.wire.control import distribution as w
from support.tree_bench import ORIGIN, STREAM, Bench, accept, node


def test_a_discarded_tree_leaves_nothing_behind() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.child(5)
    bench.child(6, w.Use.STANDBY)
    bench.deltas.clear()
    shared = bench.brain._shared
    trees.discard(shared, bench.tree, bench.now, w.Why.LEAVING)
    bench.drain()
    assert [type(delta) for delta in bench.deltas] == [
        SetActive,
        CloseLeg,
        CloseLeg,
        CloseStream,
    ]
    assert (shared.trees, shared.by_origin, shared.uses) == ({}, {}, {})
    assert (shared.used_bps, shared.timers.next()) == (0, None)
    last = [c for c in bench.changes if isinstance(c, OffersToTell)][-1]
    assert last == OffersToTell(ORIGIN, ())


def test_a_tree_that_is_wanted_is_not_collected() -> None:
    bench = Bench()
    bench.attach(node(2))
    trees.collect(bench.brain._shared, bench.tree, bench.now)
    assert list(bench.brain.streams()) == [STREAM]


def test_a_move_ends_with_its_tree() -> None:
    from meshproto.distribution import moves
    from meshproto.distribution.candidates import Candidate

    bench = Bench()
    bench.attach(node(2), delay_s=0.2, above=(ORIGIN, node(2)))
    bench.link(node(8))
    shared = bench.brain._shared
    target = [Candidate(node(8))]
    moves.begin(shared, bench.tree, target, 0.1, "", bench.now)
    bench.drain()
    wish = bench.one(w.Join)[1]
    bench.hear(node(8), accept(wish.serial, node(8), 0.01))
    bench.do("unsubscribe", STREAM)
    assert {who for who, _ in bench.take(w.Leave)} == {node(2), node(8)}
    assert shared.uses == {}


def test_who_is_counted_on_stays_in_the_tree_until_it_is_let_go() -> None:
    bench = Bench()
    bench.attach(node(2))
    standby = bench.child(6, w.Use.STANDBY)
    bench.do("unsubscribe", STREAM)
    bench.pass_time(bench.config.collect_s + 1)
    assert bench.brain.parent(STREAM) == node(2)
    bench.hear(standby, w.Leave(STREAM, 6))
    bench.pass_time(bench.config.collect_s + 0.1)
    assert not list(bench.brain.streams())
