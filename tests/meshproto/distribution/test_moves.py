"""Turns and moves: make before break."""

from __future__ import annotations

from meshproto.distribution.events import Moved, MoveFailed
from meshproto.forwarding.relay_table import (
    FirstNew,
    NothingNew,
    Second,
    SetActive,
    SetSecond,
)
from meshproto.ids import NodeId
from meshproto.wire.control import distribution as w
from support.tree_bench import ORIGIN, STREAM, Bench, accept, node, path, peer_record


def settled(delay_s: float = 0.2) -> Bench:
    """Attached to node 2, far from the origin; node 8 is nearer to it."""
    bench = Bench()
    bench.attach(node(2), delay_s=delay_s, above=(ORIGIN, node(2)))
    bench.offer(bench.link(node(8), 0.02), 0.01)
    bench.tree.second_retry_s = 60.0
    return bench


def to_turn(bench: Bench) -> None:
    """Let time pass until the turn asks, and answer it."""
    bench.pass_time(20.0)
    bench.sent.clear()
    while not any(isinstance(r, w.Query) for _, r in bench.sent):
        bench.pass_time(1.0)
    asked = dict(bench.take(w.Query))
    line = path(node(8), 0.01, (ORIGIN,))
    token = asked[node(8)].token
    bench.hear(node(8), w.Tell(STREAM, token, 0.01, 4, line.path, (0.0, 0.01), ()))


def moving(bench: Bench) -> w.Join:
    to_turn(bench)
    who, wish = bench.one(w.Join)
    assert (who, wish.use) == (node(8), w.Use.MOVE)
    return wish


def proving(bench: Bench) -> NodeId:
    wish = moving(bench)
    bench.held = (10, 30)
    bench.hear(node(8), accept(wish.serial, node(8), 0.01))
    return node(8)


def verdict(bench: Bench, *, granted: bool = True, below: bool = False) -> None:
    commit = bench.one(w.MoveCommit)[1]
    line = path(node(8), 0.01, (ORIGIN, commit.mover) if below else (ORIGIN,)).path
    bench.hear(
        node(8), w.MoveVerdict(STREAM, commit.token, commit.mover, granted, line)
    )


def test_a_turn_comes_about_once_a_minute() -> None:
    bench = Bench()
    bench.attach(node(2), delay_s=0.02, above=(ORIGIN, node(2)))
    bench.offer(bench.link(node(8), 0.3), 0.3)
    bench.tree.second_retry_s = 60.0
    bench.pass_time(5.0)
    bench.sent.clear()
    bench.pass_time(300.0)
    assert 4 <= len([1 for who, _ in bench.take(w.Query) if who == node(8)]) <= 16


def test_a_better_parent_is_asked_with_what_we_win() -> None:
    bench = settled()
    wish = moving(bench)
    assert wish.place is not None
    assert wish.place.parent == node(2)
    assert 0.15 < wish.place.gain_s < 0.21


def test_packets_come_over_both_until_the_commit() -> None:
    bench = settled()
    proving(bench)
    assert bench.told(SetSecond)[-1].use is Second.JOINING
    assert bench.brain.parent(STREAM) == node(2)
    bench.do("plane_notice", FirstNew(STREAM, node(8), 31))
    assert bench.brain.parent(STREAM) == node(2)
    verdict(bench)
    assert bench.brain.parent(STREAM) == node(8)
    assert bench.told(SetActive)[-1].parent == node(8)
    assert bench.one(w.Leave)[0] == node(2)
    assert bench.take(w.Interest)[-1][0] == node(8)
    assert bench.happened(Moved)[0].new == node(8)


def test_the_link_book_is_even_after_a_move() -> None:
    bench = settled()
    proving(bench)
    bench.do("plane_notice", FirstNew(STREAM, node(8), 31))
    verdict(bench)
    assert bench.brain._shared.uses == {node(8): 1}


def test_without_a_new_packet_nothing_moves() -> None:
    bench = settled()
    proving(bench)
    bench.pass_time(bench.config.move_prove_s + 0.1)
    assert bench.brain.parent(STREAM) == node(2)
    assert bench.happened(MoveFailed)[0].reason == "nothing-new"
    assert bench.one(w.Leave)[0] == node(8)
    assert not bench.take(w.MoveCommit)


def test_a_faster_old_edge_is_paused_so_that_the_new_one_can_prove_itself() -> None:
    bench = settled()
    proving(bench)
    bench.pass_time(0.15)
    bench.do("plane_notice", NothingNew(STREAM, node(8), 34, 2))
    who, pause = bench.one(w.Pause)
    assert who == node(2)
    assert pause.after == 34 + bench.config.pause_lead
    bench.do("plane_notice", FirstNew(STREAM, node(8), 38))
    verdict(bench)
    assert bench.brain.parent(STREAM) == node(8)


def test_a_pause_that_proves_nothing_is_taken_back() -> None:
    bench = settled()
    proving(bench)
    bench.pass_time(0.15)
    bench.do("plane_notice", NothingNew(STREAM, node(8), 34, 2))
    bench.held = (10, 37)
    bench.take(w.Pause)
    bench.pass_time(1.0)
    who, resume = bench.one(w.Resume)
    assert (who, resume.after) == (node(2), 37)
    assert bench.brain.parent(STREAM) == node(2)


def test_a_refused_commit_leaves_everything_as_it_was() -> None:
    bench = settled()
    proving(bench)
    bench.do("plane_notice", FirstNew(STREAM, node(8), 31))
    verdict(bench, granted=False)
    assert bench.brain.parent(STREAM) == node(2)
    assert bench.one(w.Leave)[0] == node(8)
    assert bench.told(SetSecond)[-1].parent is None


def test_the_path_is_read_again_at_the_commit() -> None:
    bench = settled()
    proving(bench)
    bench.do("plane_notice", FirstNew(STREAM, node(8), 31))
    verdict(bench, below=True)
    assert bench.brain.parent(STREAM) == node(2)
    assert bench.happened(MoveFailed)[0].reason == "below"


def test_a_small_gain_moves_nobody() -> None:
    bench = Bench()
    bench.attach(node(2), delay_s=0.2, above=(ORIGIN, node(2)))
    bench.offer(bench.link(node(8), 0.02), 0.192)
    bench.tree.second_retry_s = 60.0
    bench.pass_time(200.0)
    assert all(wish.use is not w.Use.MOVE for _, wish in bench.take(w.Join))


def test_a_node_with_children_sees_a_gain_for_five_seconds_first() -> None:
    bench = settled()
    bench.child(5)
    child_serial = bench.tree.children[node(5)].serial
    bench.tree.children[node(5)].lease_at += 1000
    assert child_serial
    to_turn(bench)
    assert not bench.take(w.Join)
    bench.pass_time(bench.config.gain_held_s + 0.01)
    assert bench.one(w.Join)[1].use is w.Use.MOVE


def test_no_second_move_within_thirty_seconds() -> None:
    bench = settled()
    proving(bench)
    bench.do("plane_notice", FirstNew(STREAM, node(8), 31))
    verdict(bench)
    from meshproto.distribution import moves

    shared, tree = bench.brain._shared, bench.tree
    assert not moves.may_move(shared, tree, bench.now + 29)
    assert moves.may_move(shared, tree, bench.now + 31)


def test_a_better_parent_without_a_link_is_measured_first() -> None:
    bench = settled()
    far = node(9)
    bench.peers[far] = peer_record(far)
    bench.rtts[far] = 0.002
    bench.pass_time(20.0)
    bench.sent.clear()
    while not any(isinstance(r, w.Query) for _, r in bench.sent):
        bench.pass_time(1.0)
    line = path(node(8), 0.02, (ORIGIN, far))
    query = dict(bench.take(w.Query))[node(8)]
    delays = (0.0, 0.001, 0.02)
    bench.hear(node(8), w.Tell(STREAM, query.token, 0.02, 4, line.path, delays, ()))
    assert bench.probes[-1].token % 2 == 1
    bench.do("probed", bench.probes[-1].token, 0.004)
    assert bench.dialled == [(far, node(8))]


def test_a_probe_that_fails_leaves_the_measured_ones() -> None:
    bench = settled()
    far = node(9)
    bench.peers[far] = peer_record(far)
    bench.rtts[far] = 0.002
    bench.pass_time(20.0)
    bench.sent.clear()
    while not any(isinstance(r, w.Query) for _, r in bench.sent):
        bench.pass_time(1.0)
    line = path(node(8), 0.02, (ORIGIN, far))
    query = dict(bench.take(w.Query))[node(8)]
    bench.hear(
        node(8),
        w.Tell(STREAM, query.token, 0.02, 4, line.path, (0.0, 0.001, 0.02), ()),
    )
    bench.do("probed", bench.probes[-1].token, None)
    assert bench.one(w.Join)[0] == node(8)


def test_a_path_that_got_a_hundred_ms_worse_is_left_after_five_seconds() -> None:
    bench = settled(0.02)
    bench.offered.clear()
    bench.offer(node(8), 0.03)
    bench.pass_time(31.0)
    bench.sent.clear()
    bench.links[node(2)] = 0.25
    bench.do("cost_moved", node(2))
    bench.pass_time(bench.config.worse_held_s - 0.1)
    assert not bench.take(w.Query)
    bench.pass_time(0.2)
    assert bench.take(w.Query)


def test_a_path_that_recovers_is_kept() -> None:
    bench = settled(0.02)
    bench.pass_time(31.0)
    bench.sent.clear()
    bench.links[node(2)] = 0.25
    bench.do("cost_moved", node(2))
    bench.pass_time(2.0)
    bench.links[node(2)] = 0.02
    bench.do("cost_moved", node(2))
    from meshproto.distribution.tree import Alarm

    assert not bench.brain._shared.waits(bench.tree, Alarm.WORSE)


def test_the_old_parent_falls_while_moving_and_the_new_one_is_at_hand() -> None:
    bench = settled()
    proving(bench)
    bench.unlink(node(2))
    bench.pass_time(0.01)
    assert bench.brain.parent(STREAM) == node(8)
    assert bench.brain._shared.uses == {node(8): 1}


def test_the_new_parent_falls_while_moving_and_the_old_one_stays() -> None:
    bench = settled()
    proving(bench)
    bench.unlink(node(8))
    assert bench.brain.parent(STREAM) == node(2)
    assert bench.happened(MoveFailed)[0].reason == "link"
    assert bench.brain._shared.uses == {node(2): 1}


def test_an_accept_that_is_no_gain_any_more_is_declined() -> None:
    bench = settled()
    wish = moving(bench)
    bench.hear(node(8), accept(wish.serial, node(8), 0.5))
    assert bench.one(w.Leave)[0] == node(8)
    assert bench.brain.parent(STREAM) == node(2)
