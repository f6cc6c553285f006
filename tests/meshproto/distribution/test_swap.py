"""Changing places, at each of the three nodes."""

from __future__ import annotations

from meshproto.distribution.events import Swapped
from meshproto.forwarding.relay_table import FirstNew, OpenLeg
from meshproto.ids import NodeId, ShortId, short_id
from meshproto.wire.control import distribution as w
from support.tree_bench import (
    ME,
    ORIGIN,
    STREAM,
    Bench,
    accept,
    demand,
    join,
    node,
    peer_record,
)

OLD = node(40)


def place(
    gain_s: float = 0.1, delay_s: float = 0.1, path: tuple[ShortId, ...] = ()
) -> w.Place:
    return w.Place(OLD, delay_s, gain_s, path, peer_record(OLD, 0.02))


def full(children: int = 2) -> Bench:
    """An origin whose slots are taken by children 2, 3, ..."""
    bench = Bench(children)
    bench.publish()
    for number in range(2, 2 + children):
        bench.peers[node(number)] = peer_record(node(number), 0.02)
        bench.child(number, subtree=number)
    bench.sent.clear()
    return bench


def wish(bench: Bench, subtree: int = 10, where: w.Place | None = None) -> None:
    bench.link(node(9))
    bench.hear(
        node(9),
        join(90, w.Use.MOVE, ME, place=where or place(), subtree=subtree),
    )


def agree(bench: Bench, who: NodeId, token: int, *, agreed: bool = True) -> None:
    bench.hear(who, w.SwapAnswer(STREAM, token, agreed))


# --- at the better parent


def test_a_full_parent_asks_the_child_that_loses_least() -> None:
    bench = full()
    wish(bench)
    who, asked = bench.one(w.SwapAsk)
    assert who == node(2)
    assert abs(asked.weight_s - 1.0) < 1e-9
    assert bench.one(w.Stalled)[0] == node(9)


def test_a_mover_that_wins_less_than_they_lose_is_redirected_or_refused() -> None:
    bench = full()
    wish(bench, subtree=1, where=place(gain_s=0.004))
    assert not bench.take(w.SwapAsk)
    assert bench.one(w.Refuse)[1].reason is w.Why.FULL


def test_a_swap_that_wins_next_to_nothing_is_not_made() -> None:
    for more_s, asked in ((0.009, False), (0.011, True)):
        bench = full(1)
        loss_s = 0.1 + bench.config.hop_cost_s - bench.brain._shared.hop_s(node(2))
        wish(bench, subtree=1, where=place(gain_s=2 * loss_s + more_s))
        assert bool(bench.take(w.SwapAsk)) is asked


def test_a_child_above_the_mover_is_not_asked() -> None:
    bench = full(1)
    wish(bench, where=place(path=(short_id(node(2)),)))
    assert not bench.take(w.SwapAsk)


def test_with_a_free_slot_nobody_is_asked() -> None:
    bench = Bench(3)
    bench.publish()
    bench.child(2)
    bench.sent.clear()
    wish(bench)
    assert bench.one(w.Accept)[0] == node(9)


def test_the_mover_comes_first_and_then_the_child_goes() -> None:
    bench = full()
    wish(bench)
    token = bench.one(w.SwapAsk)[1].token
    agree(bench, node(2), token)
    who, said = bench.one(w.Accept)
    assert who == node(9)
    assert said.heir == node(2)
    # one more than slots, for a moment
    assert len(bench.brain.children(STREAM)) == 3
    assert not bench.take(w.SwapGo)
    bench.hear(node(9), w.Interest(STREAM, 90, demand(subtree=10)))
    assert bench.one(w.SwapGo) == (node(2), w.SwapGo(STREAM, token))


def test_no_swap_where_orphans_came_meanwhile() -> None:
    bench = full(4)
    wish(bench)
    token = bench.one(w.SwapAsk)[1].token
    orphan = bench.child(50, w.Use.REPAIR)
    assert bench.take(w.Accept)[-1][0] == orphan
    agree(bench, node(2), token)
    assert not bench.take(w.Accept)
    assert bench.one(w.Refuse)[0] == node(9)
    assert len(bench.brain.children(STREAM)) == 5
    assert bench.tree.promise is None


def test_a_child_that_does_not_agree_stays() -> None:
    bench = full()
    wish(bench)
    agree(bench, node(2), bench.one(w.SwapAsk)[1].token, agreed=False)
    assert bench.one(w.Refuse)[0] == node(9)
    assert len(bench.brain.children(STREAM)) == 2


def test_a_child_that_never_answers_stays() -> None:
    bench = full()
    wish(bench)
    bench.pass_time(bench.config.swap_wait_s + 0.01)
    assert bench.one(w.Refuse)[0] == node(9)
    assert bench.tree.promise is None


def test_one_swap_at_a_time() -> None:
    bench = full()
    wish(bench)
    bench.take(w.SwapAsk)
    bench.link(node(10))
    bench.hear(node(10), join(91, w.Use.MOVE, ME, place=place(), subtree=30))
    assert not bench.take(w.SwapAsk)


def test_an_answer_from_somebody_else_is_nothing() -> None:
    bench = full()
    wish(bench)
    agree(bench, node(3), bench.one(w.SwapAsk)[1].token)
    assert not [leg for leg in bench.told(OpenLeg) if leg.child == node(9)]


def test_a_lost_mover_frees_the_promise() -> None:
    bench = full()
    wish(bench)
    bench.unlink(node(9))
    assert bench.tree.promise is None


# --- at the child that gives its place away


def asked(weight_s: float = 5.0, where: w.Place | None = None) -> Bench:
    bench = Bench()
    bench.attach(node(2), delay_s=0.0, above=(node(2),))
    bench.pass_time(40.0)
    bench.peers[OLD] = peer_record(OLD)
    bench.sent.clear()
    bench.probes.clear()
    bench.hear(node(2), w.SwapAsk(STREAM, 5, weight_s, where or place()))
    return bench


def test_it_measures_before_it_agrees() -> None:
    bench = asked()
    assert not bench.take(w.SwapAnswer)
    bench.do("probed", bench.probes[0].token, 0.05)
    assert bench.one(w.SwapAnswer)[1].agreed


def test_it_does_not_agree_to_a_loss_that_weighs_more() -> None:
    bench = asked(weight_s=0.05)
    bench.do("probed", bench.probes[0].token, 0.05)
    assert not bench.one(w.SwapAnswer)[1].agreed


def test_it_does_not_agree_to_what_it_cannot_measure() -> None:
    bench = asked()
    bench.pass_time(bench.config.probe_wait_s + 0.1)
    assert not bench.one(w.SwapAnswer)[1].agreed


def test_it_does_not_go_below_itself() -> None:
    bench = asked(where=place(path=(short_id(ME),)))
    assert not bench.one(w.SwapAnswer)[1].agreed


def test_only_the_parent_may_ask() -> None:
    bench = asked()
    bench.link(node(7))
    bench.sent.clear()
    bench.hear(node(7), w.SwapAsk(STREAM, 6, 5.0, place()))
    assert not bench.take(w.SwapAnswer)


def test_when_told_to_go_it_moves_make_before_break() -> None:
    bench = asked()
    bench.do("probed", bench.probes[0].token, 0.05)
    bench.hear(node(2), w.SwapGo(STREAM, 5))
    assert bench.dialled == [(OLD, None)]
    bench.link(OLD, 0.05)
    who, wanted = bench.one(w.Join)
    assert (who, wanted.use, wanted.place) == (OLD, w.Use.MOVE, None)
    bench.hear(OLD, accept(wanted.serial, OLD, 0.1, above=(node(1),)))
    bench.do("plane_notice", FirstNew(STREAM, OLD, 9))
    token = bench.one(w.MoveCommit)[1].token
    line = (short_id(node(1)), short_id(OLD))
    bench.hear(OLD, w.MoveVerdict(STREAM, token, ME, True, line))
    assert bench.brain.parent(STREAM) == OLD
    assert bench.happened(Swapped)[0].old == node(2)


def test_the_place_is_waited_for_as_long_as_a_link_without_introduction_takes() -> None:
    bench = asked()
    bench.do("probed", bench.probes[0].token, 0.05)
    bench.rtts[OLD] = 0.1
    bench.hear(node(2), w.SwapGo(STREAM, 5))
    # by libp2p it takes five round trips; the parent could not shorten that
    bench.pass_time(0.55)
    bench.link(OLD, 0.1)
    assert bench.one(w.Join)[0] == OLD


def locked(bench: Bench) -> None:
    """A move below us counts on our place when we are told to go."""
    bench.do("probed", bench.probes[0].token, 0.05)
    below = bench.child(5)
    bench.hear(below, w.MoveCommit(STREAM, 77, node(6), 0))
    bench.hear(node(2), w.SwapGo(STREAM, 5))


def test_it_goes_as_soon_as_nobody_s_move_counts_on_its_place() -> None:
    bench = asked()
    locked(bench)
    assert bench.tree.move is None
    assert not bench.dialled
    bench.pass_time(bench.config.commit_s + 0.01)
    assert bench.tree.move is not None
    assert bench.dialled == [(OLD, None)]


def test_it_does_not_go_later_when_it_has_another_parent_by_then() -> None:
    bench = asked()
    bench.link(node(8))
    bench.offer(node(8))
    locked(bench)
    bench.hear(node(2), w.Drop(STREAM, bench.tree.parent.serial, w.Why.LOOP, ()))  # type: ignore[union-attr]
    who, wanted = bench.take(w.Join)[-1]
    bench.hear(who, accept(wanted.serial, who, above=(ORIGIN,)))
    bench.pass_time(bench.config.commit_s + 0.01)
    assert bench.brain.parent(STREAM) == who
    assert (bench.tree.move, bench.tree.deal) == (None, None)


def test_it_does_not_go_without_having_agreed() -> None:
    bench = asked()
    bench.hear(node(2), w.SwapGo(STREAM, 5))
    assert bench.tree.move is None


# --- at the mover's old parent


def test_the_slot_is_kept_for_the_heir_for_a_while() -> None:
    bench = Bench(1)
    bench.publish()
    mover, heir = bench.child(5), bench.link(node(6))
    bench.hear(mover, w.Leave(STREAM, 5, heir))
    bench.child(7)
    assert bench.brain.children(STREAM) == ()
    bench.hear(heir, join(66, w.Use.MOVE, ME))
    assert bench.brain.children(STREAM) == (heir,)


def test_the_slot_is_free_again_when_the_heir_does_not_come() -> None:
    bench = Bench(1)
    bench.publish()
    mover = bench.child(5)
    bench.hear(mover, w.Leave(STREAM, 5, node(6)))
    bench.pass_time(bench.config.heir_s + 0.01)
    bench.child(7)
    assert bench.brain.children(STREAM) == (node(7),)


def test_a_swap_needs_an_origin_that_agrees() -> None:
    bench = full()
    bench.link(node(9))
    bench.hear(node(9), join(90, w.Use.MOVE, ORIGIN, place=place(), subtree=9))
    assert bench.one(w.Refuse)[1].reason is w.Why.ORIGIN
