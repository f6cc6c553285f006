"""Moves: make before break."""

from __future__ import annotations

from meshproto.distribution import moves
from meshproto.distribution.events import Moved, MoveFailed, Orphaned
from meshproto.forwarding.relay_table import (
    FirstNew,
    NothingNew,
    Second,
    SetActive,
    SetSecond,
    Silent,
)
from meshproto.wire.control import distribution as w
from support.tree_bench import STREAM, Bench, accept, node
from support.tree_moves import moving, proving, settled, verdict


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


def test_a_pause_lasts_until_packets_above_it_can_have_come_the_longer_way() -> None:
    bench = settled()
    proving(bench)
    bench.pass_time(0.5)
    # ten packets a second: the new edge is 0.7 s late, so it brings the first packet
    # above the pause 15 packets from now
    bench.do("plane_notice", NothingNew(STREAM, node(8), 35, 7))
    assert bench.one(w.Pause)[1].after == 42
    bench.pass_time(1.5)
    assert not bench.take(w.Resume)
    bench.do("plane_notice", FirstNew(STREAM, node(8), 43))
    verdict(bench)
    assert bench.brain.parent(STREAM) == node(8)


def pausing() -> Bench:
    """The old parent was told to stop, and the plane says that nothing comes."""
    bench = settled()
    proving(bench)
    bench.pass_time(0.5)
    bench.do("plane_notice", NothingNew(STREAM, node(8), 35, 7))
    bench.do("plane_notice", Silent(STREAM, True))
    return bench


def test_a_silence_that_was_asked_for_is_no_reason_to_look_elsewhere() -> None:
    bench = pausing()
    bench.pass_time(2 * bench.config.hold_s)
    assert not bench.take(w.Join)
    bench.do("plane_notice", FirstNew(STREAM, node(8), 43))
    verdict(bench)
    assert bench.brain.parent(STREAM) == node(8)
    assert not bench.happened(Orphaned)


def test_a_parent_that_stays_silent_after_the_pause_is_no_longer_waited_for() -> None:
    bench = pausing()
    bench.pass_time(1.75)
    assert bench.happened(MoveFailed)[0].reason == "nothing-new"
    bench.pass_time(bench.config.hold_s)
    assert bench.happened(Orphaned)[0].parent == node(2)
    assert bench.one(w.Join)[1].use is w.Use.REPAIR


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


def test_no_second_move_within_thirty_seconds() -> None:
    bench = settled()
    proving(bench)
    bench.do("plane_notice", FirstNew(STREAM, node(8), 31))
    verdict(bench)
    shared, tree = bench.brain._shared, bench.tree
    assert not moves.may_move(shared, tree, bench.now + 29)
    assert moves.may_move(shared, tree, bench.now + 31)


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


def wins_from(bench: Bench, age_s: float, nodes: int, *, urgent: bool = False) -> int:
    """The least gain in ms that is worth a move to who is here for so long, with so
    many nodes below and itself.
    """
    shared, tree, now = bench.brain._shared, bench.tree, bench.now
    tree.delay_s, tree.placed_at = 0.1, now - age_s
    tree.children.clear()
    if nodes > 1:
        bench.child(5)
        tree.children[node(5)].subtree = nodes - 1
    gains = (
        ms for ms in range(100) if moves.tempting(shared, tree, ms / 1e3, now, urgent)
    )
    return next(gains)


def test_who_has_its_place_for_long_wants_more_for_another() -> None:
    bench = settled(0.02)
    cool_s = bench.config.cool_s
    assert [wins_from(bench, n * cool_s, 1) for n in (0, 1, 2, 9)] == [6, 11, 16, 16]
    assert wins_from(bench, 9 * cool_s, 1, urgent=True) == 6


def test_those_below_win_too() -> None:
    bench = settled(0.02)
    old = 2 * bench.config.cool_s
    assert [wins_from(bench, old, nodes) for nodes in (1, 2, 3, 9)] == [16, 8, 6, 6]


def test_a_move_does_not_make_young_but_a_loss_does() -> None:
    bench = settled()
    bench.tree.placed_at = joined = bench.now - 1000.0
    proving(bench)
    bench.do("plane_notice", FirstNew(STREAM, node(8), 38))
    verdict(bench)
    assert bench.brain.parent(STREAM) == node(8)
    assert bench.tree.placed_at == joined
    bench.offer(bench.link(node(9), 0.02), 0.01)
    bench.sent.clear()
    bench.unlink(node(8))
    who, wish = bench.one(w.Join)
    bench.hear(who, accept(wish.serial, who, 0.01))
    assert bench.brain.parent(STREAM) == who
    assert bench.tree.placed_at == bench.now
