"""Who could be a parent, in which order."""

from __future__ import annotations

from meshproto.distribution import candidates
from meshproto.wire.control import distribution as w
from support.tree_bench import ORIGIN, STREAM, Bench, node, peer_record


def test_distance_is_that_of_coordinates_and_heights() -> None:
    a, b = peer_record(node(2), 0.0), peer_record(node(3), 0.03)
    assert candidates.distance_s(a, b) == 0.03
    assert candidates.distance_s(a, None) is None


def test_records_go_along_as_long_as_they_fit() -> None:
    bench = Bench()
    bench.publish()
    for number in (2, 3, 4):
        bench.peers[node(number)] = peer_record(node(number))
    targets = [w.Target(node(number), 0.1, 1) for number in (2, 3, 4)]
    told = candidates.with_peers(bench.brain._shared, targets)
    assert [target.peer is not None for target in told] == [True, True, True]
    long = peer_record(node(3))
    import dataclasses

    bench.peers[node(3)] = dataclasses.replace(long, control=(b"x" * 96,) * 8)
    told = candidates.with_peers(bench.brain._shared, targets)
    assert [target.peer is not None for target in told] == [True, False, False]


def test_an_orphan_asks_grandparent_then_neighbours_then_members() -> None:
    bench = Bench()
    bench.peers[node(3)] = peer_record(node(3))
    bench.attach(node(2), above=(ORIGIN, node(3), node(2)))
    near, full = bench.link(node(8), 0.01), bench.link(node(9), 0.001)
    bench.offer(near)
    bench.offer(full, slots=0)
    bench.tree.remember(node(70), 0.1, 9)
    bench.tree.parent = None
    found = candidates.for_orphan(bench.brain._shared, bench.tree)
    order = [candidate.node for candidate in found]
    assert order == [node(3), near, full, node(70), node(2)]
    assert found[0].peer == peer_record(node(3))


def test_a_full_neighbour_at_hand_is_asked_before_one_with_slots_far_away() -> None:
    bench = Bench()
    bench.attach(node(2))
    far, full = bench.link(node(8), 0.2), bench.link(node(9), 0.1)
    bench.offer(far)
    bench.offer(full, slots=0)
    found = candidates.for_orphan(bench.brain._shared, bench.tree)
    assert [candidate.node for candidate in found[:2]] == [full, far]


def test_above_a_parent_that_lives_but_is_stalled_nobody_is_asked_first() -> None:
    bench = Bench()
    bench.peers[node(3)] = peer_record(node(3))
    bench.attach(node(2), above=(ORIGIN, node(3), node(2)))
    near = bench.link(node(8), 0.01)
    bench.offer(near)
    found = candidates.for_orphan(bench.brain._shared, bench.tree)
    assert [candidate.node for candidate in found[:2]] == [near, node(3)]


def test_who_is_starved_without_a_way_asks_members_of_the_mesh() -> None:
    bench = Bench()
    guest = bench.link(node(2))
    bench.members = [peer_record(node(number)) for number in range(20, 30)]
    bench.subscribe()
    shared, tree = bench.brain._shared, bench.tree
    assert candidates.for_newcomer(shared, tree) == []
    found = candidates.for_newcomer(shared, tree, starved=True)
    assert [c.node for c in found] == [node(n) for n in (20, 21, 22, 23)]
    assert {(c.through, c.peer is None) for c in found} == {(None, False)}
    bench.hops[ORIGIN] = guest
    found = candidates.for_newcomer(shared, tree, starved=True)
    assert [c.node for c in found] == [guest]


def test_the_second_parent_comes_first() -> None:
    bench = Bench()
    bench.attach(node(2))
    from meshproto.distribution.tree import Upper

    bench.tree.second = Upper(node(8), 1, w.Use.STANDBY)
    found = candidates.for_orphan(bench.brain._shared, bench.tree)
    assert found[0].node == node(8)


def test_candidates_are_bounded() -> None:
    bench = Bench()
    for number in range(2, 60):
        bench.offer(bench.link(node(number)))
    bench.subscribe()
    shared, tree = bench.brain._shared, bench.tree
    limit = bench.config.candidates_max
    assert len(candidates.for_newcomer(shared, tree)) <= limit
    assert len(candidates.for_orphan(shared, tree)) <= limit
    targets = tuple(w.Target(node(100 + k), 0.1, 1) for k in range(3))
    for _ in range(40):
        assert tree.search is not None
        from meshproto.distribution import upstream

        who = next(iter(tree.search.asked), node(2))
        upstream.redirected(shared, tree, tree.search, who, targets, bench.now)
    assert len(tree.search.left) <= limit
    assert len(tree.known) <= bench.config.known_max


def test_the_joiner_itself_is_never_a_target() -> None:
    bench = Bench(1)
    bench.publish()
    child = bench.child(2, room=3)
    shared, tree = bench.brain._shared, bench.tree
    assert candidates.elsewhere(shared, tree, child, w.Use.NEW) == ()
    assert STREAM in shared.trees
