"""Whom an orphan still reaches, asked all at once."""

from __future__ import annotations

import pytest

from meshproto.distribution import scouts
from meshproto.distribution.candidates import Candidate
from meshproto.forwarding.relay_table import Silent
from meshproto.ids import NodeId
from meshproto.wire.control import distribution as w
from support.tree_bench import (
    ME,
    ORIGIN,
    STREAM,
    Bench,
    accept,
    node,
    path,
    peer_record,
)


def orphan(*rtts_s: float) -> tuple[Bench, dict[NodeId, int]]:
    """Neighbours in the tree, 3 and up, at these round trips; the parent, 2, is dead.

    With the tokens of the questions that went out.
    """
    bench = Bench()
    bench.attach(node(2))
    bench.hops.clear()
    for number, rtt_s in enumerate(rtts_s, start=3):
        bench.offer(bench.link(node(number), rtt_s))
    bench.take(w.Query)
    bench.do("plane_notice", Silent(STREAM, False))
    return bench, {who: query.token for who, query in bench.take(w.Query)}


def tell(
    bench: Bench,
    tokens: dict[NodeId, int],
    number: int,
    *above: NodeId,
    slots: int = 4,
    inside: bool = True,
) -> None:
    line = path(node(number), 0.0, (ORIGIN, *above))
    where = (line.path, line.delays) if inside else ((), ())
    bench.hear(
        node(number), w.Tell(STREAM, tokens[node(number)], 0.0, slots, *where, ())
    )


def test_an_orphan_asks_all_neighbours_in_the_tree_where_they_stand() -> None:
    bench, tokens = orphan(0.1, 0.2, 0.3)
    assert set(tokens) >= {node(3), node(4), node(5)}
    assert bench.one(w.Join)[0] == node(3)


def test_it_asks_no_more_than_a_limit() -> None:
    _, tokens = orphan(*(0.01 * number for number in range(1, 30)))
    assert len(tokens) == Bench().config.scouts_max


def test_who_answers_is_asked_at_once_while_others_are_silent() -> None:
    bench, tokens = orphan(0.1, 0.11, 0.2)
    assert bench.one(w.Join)[0] == node(3)
    bench.pass_time(0.01)
    tell(bench, tokens, 5)
    asked, wish = bench.one(w.Join)
    assert asked == node(5)
    bench.hear(asked, accept(wish.serial, asked))
    assert bench.brain.parent(STREAM) == node(5)
    assert [who for who, _ in bench.take(w.Leave)] == [node(2), node(3)]


def test_who_has_said_the_same_is_waited_for() -> None:
    bench, tokens = orphan(0.1, 0.2)
    tell(bench, tokens, 3)
    tell(bench, tokens, 4)
    assert bench.one(w.Join)[0] == node(3)


def test_a_late_answer_changes_the_order_only() -> None:
    bench, tokens = orphan(0.1, 0.11, 0.2)
    tell(bench, tokens, 3)
    tell(bench, tokens, 5)
    asked, wish = bench.one(w.Join)
    assert asked == node(3)
    bench.hear(asked, w.Refuse(STREAM, wish.serial, w.Why.FULL))
    assert bench.one(w.Join)[0] == node(5)


def test_full_ones_come_behind_those_with_a_slot() -> None:
    bench, tokens = orphan(0.1, 0.11, 0.2)
    tell(bench, tokens, 3)
    tell(bench, tokens, 4, slots=0)
    tell(bench, tokens, 5)
    wish = bench.one(w.Join)[1]
    bench.hear(node(3), w.Refuse(STREAM, wish.serial, w.Why.FULL))
    assert bench.one(w.Join)[0] == node(5)


@pytest.mark.parametrize("inside", [True, False])
def test_who_hangs_below_the_dead_parent_or_has_no_media_is_not_preferred(
    inside: bool,
) -> None:
    bench, tokens = orphan(0.1, 0.11, 0.2)
    assert bench.one(w.Join)[0] == node(3)
    tell(bench, tokens, 5, node(2), inside=inside)
    assert not bench.take(w.Join)
    tell(bench, tokens, 4)
    assert bench.one(w.Join)[0] == node(4)


def test_who_hangs_below_us_is_not_asked_at_all() -> None:
    bench, tokens = orphan(0.1, 0.2)
    tell(bench, tokens, 4, node(2), ME)
    asked, wish = bench.one(w.Join)
    bench.hear(asked, w.Refuse(STREAM, wish.serial, w.Why.FULL))
    assert node(4) not in [who for who, _ in bench.take(w.Join)]


def test_an_answer_after_the_repair_is_nothing_and_no_error() -> None:
    bench, tokens = orphan(0.1, 0.2)
    asked, wish = bench.one(w.Join)
    bench.hear(asked, accept(wish.serial, asked))
    events = len(bench.events)
    tell(bench, tokens, 4)
    assert len(bench.events) == events
    assert not bench.take(w.Join)


def test_who_ought_to_have_answered_is_waited_for_no_longer() -> None:
    bench, _ = orphan(0.02, 0.03, 0.04, 0.2)
    asked = [bench.one(w.Join)[0]]
    due_s = 0.2 * bench.config.repair_factor + bench.config.repair_patience_s
    bench.pass_time(due_s - 0.01)
    asked += [who for who, _ in bench.take(w.Join)]
    # all were asked at once, so one patience is enough: the longest, for the last
    assert asked == [node(3), node(4), node(5), node(6)]
    bench.pass_time(0.02)
    assert not bench.take(w.Join)


def test_silent_ones_are_asked_behind_strangers_and_those_are_dialled_together() -> (
    None
):
    bench = Bench()
    bench.attach(node(2))
    bench.hops.clear()
    bench.offer(bench.link(node(3), 0.02))
    bench.offer(bench.link(node(4), 0.02))
    bench.peers = {node(n): peer_record(node(n)) for n in (7, 8, 9, 10)}
    bench.members = list(bench.peers.values())
    bench.take(w.Query)
    bench.do("plane_notice", Silent(STREAM, False))
    bench.pass_time(0.06)
    dialled = [who for who, _ in bench.dialled]
    assert dialled == [node(7), node(8), node(9)]
    assert [who for who, _ in bench.take(w.Join)] == [node(3)]
    bench.link(node(9))
    asked, wish = bench.one(w.Join)
    assert asked == node(9)
    bench.hear(asked, accept(wish.serial, asked))
    assert bench.brain.parent(STREAM) == node(9)


def test_nobody_answered_nobody_is_best() -> None:
    bench, _ = orphan(0.1)
    assert scouts.best(bench.tree, [Candidate(node(3))]) is None
    assert not scouts.sure(bench.tree, node(3))
