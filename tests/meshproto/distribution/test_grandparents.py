"""The parent of the parent as second parent: how it is found, and who else is named."""

from __future__ import annotations

from meshproto.wire.control import distribution as w
from support.tree_bench import (
    ORIGIN,
    STREAM,
    Bench,
    accept,
    node,
    path,
    peer_record,
)


def above_parent() -> Bench:
    """No neighbour fits, and nobody knows the parent of the parent but the parent."""
    bench = Bench()
    bench.attach(node(2), above=(ORIGIN, node(2)))
    bench.knowing = [bench.link(node(8))]
    bench.pass_time(bench.config.standby_after_s + 0.01)
    assert not bench.take(w.Query)
    bench.pass_time(bench.config.outside_after_s + 0.01)
    who, query = bench.one(w.Query)
    assert who == node(2)
    kin = (w.Target(ORIGIN, 0.0, 0, peer_record(ORIGIN)), w.Target(node(7), 0.1, 3))
    line = path(node(2), 0.01, (ORIGIN,))
    bench.hear(who, w.Tell(STREAM, query.token, 0.01, 4, line.path, line.delays, kin))
    return bench


def test_the_grandparent_is_linked_to_before_anybody_outside_is_asked() -> None:
    bench = above_parent()
    assert bench.dialled == [(ORIGIN, node(2))]
    assert not bench.take(w.Join)
    bench.link(ORIGIN)
    who, wish = bench.one(w.Join)
    assert (who, wish.use) == (ORIGIN, w.Use.STANDBY)
    bench.hear(who, accept(wish.serial, who))
    assert bench.brain.standby(STREAM) == ORIGIN


def test_who_cannot_stand_by_names_others_who_are_asked() -> None:
    bench = above_parent()
    bench.link(ORIGIN)
    who, wish = bench.one(w.Join)
    uncle, own = (
        w.Target(node(6), 0.1, 2, peer_record(node(6))),
        w.Target(node(2), 0, 0),
    )
    bench.hear(who, w.Redirect(STREAM, wish.serial, (own, uncle)))
    assert bench.dialled[-1] == (node(6), ORIGIN)
    bench.link(node(6))
    who, wish = bench.one(w.Join)
    bench.hear(who, accept(wish.serial, who, above=(ORIGIN,)))
    assert bench.brain.standby(STREAM) == node(6)


def test_a_search_for_a_standby_does_not_walk_through_the_whole_tree() -> None:
    bench = above_parent()
    bench.link(ORIGIN)
    for number in range(20, 40):
        asked = bench.take(w.Join)
        if not asked:
            break
        bench.link(node(number))
        target = w.Target(node(number), 0.1, 2)
        bench.hear(asked[0][0], w.Redirect(STREAM, asked[0][1].serial, (target,)))
    assert number == 20 + bench.config.refusals_max
    assert bench.tree.second_search is None


def test_only_a_child_is_told_who_is_above_its_parent() -> None:
    bench = Bench()
    bench.attach(node(2), above=(ORIGIN, node(2)))
    bench.peers[node(2)] = peer_record(node(2))
    child = bench.child(5, subtree=3)
    bench.link(node(6))
    for who in (child, node(6)):
        bench.hear(who, w.Query(STREAM, 9))
    to_child, to_other = (tell.kin for _, tell in bench.take(w.Tell))
    assert to_child[0] == w.Target(node(2), 0.0, 0, peer_record(node(2)))
    assert [kin.node for kin in to_other] == [child]


def test_whoever_is_full_of_promises_names_its_children_and_its_parent() -> None:
    bench = Bench(1)
    bench.attach(node(2), above=(ORIGIN, node(2)))
    bench.child(5, room=2)
    for number in (20, 21, 22):
        bench.child(number, w.Use.STANDBY)
    who, said = bench.one(w.Redirect)
    assert who == node(22)
    assert [target.node for target in said.targets] == [node(5), node(2)]
