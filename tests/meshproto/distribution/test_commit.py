"""Commits pass up, lock, and decide who goes first."""

from __future__ import annotations

import pytest

from meshproto.distribution import commit
from meshproto.ids import NodeId, short_id
from meshproto.wire.control import distribution as w
from support.tree_bench import ME, ORIGIN, STREAM, Bench, node, path
from support.tree_moves import committing


def ask(bench: Bench, by: NodeId, mover: NodeId, token: int = 7) -> None:
    bench.hear(by, w.MoveCommit(STREAM, token, mover, 0))


def test_the_origin_grants_with_its_path() -> None:
    bench = Bench()
    bench.publish()
    child = bench.child(5)
    ask(bench, child, node(50))
    said = bench.one(w.MoveVerdict)[1]
    assert said.granted
    assert said.path == (short_id(ME),)


def test_a_relay_locks_hands_on_and_brings_the_verdict_down() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    child = bench.child(5)
    ask(bench, child, node(50))
    assert commit.locked(bench.tree, bench.now)
    who, onward = bench.one(w.MoveCommit)
    assert (who, onward.hops, onward.mover) == (parent, 1, node(50))
    line = path(parent, 0.0, (ORIGIN,)).path
    bench.hear(parent, w.MoveVerdict(STREAM, 7, node(50), True, line))
    who, said = bench.one(w.MoveVerdict)
    assert (who, said.granted) == (child, True)
    assert said.path == bench.brain.root_path(STREAM)


def test_a_lock_ends_by_itself() -> None:
    bench = Bench()
    bench.attach(node(2))
    ask(bench, bench.child(5), node(50))
    assert commit.locked(bench.tree, bench.now + bench.config.commit_s - 0.1)
    assert not commit.locked(bench.tree, bench.now + bench.config.commit_s + 0.1)


def test_a_refusal_from_above_unlocks() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    child = bench.child(5)
    ask(bench, child, node(50))
    bench.hear(parent, w.MoveVerdict(STREAM, 7, node(50), False, ()))
    assert not bench.one(w.MoveVerdict)[1].granted
    assert not commit.locked(bench.tree, bench.now)


def test_a_mover_in_the_root_path_is_refused() -> None:
    bench = Bench()
    bench.attach(node(2), above=(ORIGIN, node(50), node(2)))
    ask(bench, bench.child(5), node(50))
    assert not bench.one(w.MoveVerdict)[1].granted


def test_ones_own_move_coming_back_is_a_cycle() -> None:
    bench = Bench()
    bench.attach(node(2))
    ask(bench, bench.child(5), ME)
    assert not bench.one(w.MoveVerdict)[1].granted


def test_without_media_nothing_passes() -> None:
    bench = Bench()
    bench.attach(node(2))
    child = bench.child(5)
    bench.tree.live = False
    ask(bench, child, node(50))
    assert not bench.one(w.MoveVerdict)[1].granted


def test_a_stranger_cannot_lock() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.link(node(6))
    ask(bench, node(6), node(50))
    assert not commit.locked(bench.tree, bench.now)
    assert not bench.take(w.MoveCommit)


def test_a_parent_that_changed_under_the_lock_makes_the_verdict_void() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    child = bench.child(5)
    ask(bench, child, node(50))
    bench.tree.live = False
    line = path(parent, 0.0, (ORIGIN,)).path
    bench.hear(parent, w.MoveVerdict(STREAM, 7, node(50), True, line))
    assert not bench.one(w.MoveVerdict)[1].granted


def test_a_locked_node_does_not_commit_its_own_move() -> None:
    bench = Bench()
    bench.attach(node(2))
    ask(bench, bench.child(5), node(50))
    from meshproto.distribution import moves

    assert not moves.may_move(bench.brain._shared, bench.tree, bench.now)


@pytest.mark.parametrize(("mover", "passes"), [(50, False), (250, False)])
def test_of_two_crossing_moves_the_lower_goes_first(mover: int, passes: bool) -> None:
    bench, child = committing()
    ask(bench, child, node(mover))
    verdicts = bench.take(w.MoveVerdict)
    if node(mover) > ME:
        # ours is lower: theirs is refused, ours goes on
        assert [v.granted for _, v in verdicts] == [passes]
        assert bench.tree.move is not None
    else:
        # theirs is lower: ours is given up, theirs is handed on
        assert not verdicts
        assert bench.tree.move is None
        assert bench.one(w.MoveCommit)[1].mover == node(mover)


def test_locks_are_bounded() -> None:
    bench = Bench()
    bench.publish()
    child = bench.child(5)
    for number in range(bench.config.locks_max + 2):
        ask(bench, child, NodeId(b"mover" + number.to_bytes(6, "big")), number)
    refused = [v for _, v in bench.take(w.MoveVerdict) if not v.granted]
    assert len(refused) == 2


def test_passing_commits_are_bounded() -> None:
    bench = Bench()
    bench.attach(node(2))
    child = bench.child(5)
    for number in range(2 * bench.config.locks_max):
        ask(bench, child, node(50), number)
    assert len(bench.tree.commits) <= bench.config.locks_max
