"""Turns: who could be a better parent."""

from __future__ import annotations

from meshproto.distribution import above
from meshproto.distribution.swap import Deal
from meshproto.distribution.tree import Alarm
from meshproto.wire.control import distribution as w
from support.tree_bench import ORIGIN, STREAM, Bench, accept, node, path, peer_record
from support.tree_moves import settled, to_turn


def test_a_turn_comes_about_once_a_minute() -> None:
    bench = Bench()
    bench.attach(node(2), delay_s=0.02, above=(ORIGIN, node(2)))
    bench.offer(bench.link(node(8), 0.3), 0.3)
    bench.tree.second_retry_s = 60.0
    bench.pass_time(5.0)
    bench.sent.clear()
    bench.pass_time(300.0)
    assert 4 <= len([1 for who, _ in bench.take(w.Query) if who == node(8)]) <= 16


def test_a_small_gain_moves_nobody() -> None:
    bench = Bench()
    bench.attach(node(2), delay_s=0.2, above=(ORIGIN, node(2)))
    bench.offer(bench.link(node(8), 0.02), 0.192)
    bench.tree.second_retry_s = 60.0
    bench.pass_time(200.0)
    assert all(wish.use is not w.Use.MOVE for _, wish in bench.take(w.Join))


def test_whom_a_node_only_stands_by_for_may_be_its_better_parent() -> None:
    bench = settled()
    bench.child(8, w.Use.STANDBY)
    bench.tree.children[node(8)].lease_at += 1000
    to_turn(bench)
    who, wish = bench.one(w.Join)
    assert (who, wish.use) == (node(8), w.Use.MOVE)


def test_a_node_with_children_sees_a_gain_for_five_seconds_first() -> None:
    bench = settled()
    bench.child(5)
    child_serial = bench.tree.children[node(5)].serial
    bench.tree.children[node(5)].lease_at += 1000
    assert child_serial
    bench.tree.second_retry_s = 60.0
    to_turn(bench)
    assert all(wish.use is not w.Use.MOVE for _, wish in bench.take(w.Join))
    bench.sent.clear()
    bench.pass_time(bench.config.gain_held_s + 0.01)
    assert bench.one(w.Join)[1].use is w.Use.MOVE


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


def test_a_path_that_got_a_hundred_ms_worse_calls_a_turn_after_a_while() -> None:
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


def test_what_is_above_the_parent_has_longer_to_mend_itself() -> None:
    bench = settled(0.02)
    bench.offered.clear()
    bench.offer(node(8), 0.03)
    bench.pass_time(31.0)
    bench.hear(node(2), path(node(2), 0.2, (ORIGIN, node(9))))
    bench.sent.clear()
    # nor is the turn of every minute taken meanwhile
    bench.brain._shared.hasten(bench.tree, Alarm.TURN, bench.now + 5.0)
    bench.pass_time(bench.config.worse_above_s - 1.0)
    assert not bench.take(w.Query)
    bench.pass_time(1.1)
    assert bench.take(w.Query)


def test_a_parent_that_mended_itself_is_not_left() -> None:
    bench = settled(0.02)
    bench.pass_time(31.0)
    bench.hear(node(2), path(node(2), 0.2, (ORIGIN, node(9))))
    bench.pass_time(5.0)
    assert bench.brain._shared.waits(bench.tree, Alarm.WORSE)
    bench.hear(node(2), path(node(2), 0.02, (ORIGIN, node(9))))
    assert not bench.brain._shared.waits(bench.tree, Alarm.WORSE)


def test_the_own_link_that_gets_worse_meanwhile_is_not_waited_for() -> None:
    bench = settled(0.02)
    bench.pass_time(31.0)
    bench.hear(node(2), path(node(2), 0.5, (ORIGIN, node(9))))
    bench.links[node(2)] = 0.25
    bench.do("cost_moved", node(2))
    at = bench.brain._shared.timers.at((STREAM, Alarm.WORSE))
    assert at is not None
    assert at - bench.now <= bench.config.worse_held_s + 1e-9


def test_an_orphan_that_took_a_much_worse_place_looks_around_soon() -> None:
    bench = settled(0.02)
    bench.pass_time(31.0)
    edges = {}
    for number, delay_s in ((50, 0.021), (51, 0.3)):
        answer = accept(number, bench.link(node(number), 0.02), delay_s)
        edges[number] = above.upper(node(number), w.Use.REPAIR, answer)
    shared, tree = bench.brain._shared, bench.tree
    above.attach(shared, tree, edges[50], "repair", bench.now)
    assert not shared.waits(tree, Alarm.WORSE)
    above.attach(shared, tree, edges[51], "repair", bench.now)
    at, least_s = shared.timers.at((STREAM, Alarm.WORSE)), bench.config.worse_repaired_s
    assert at is not None
    assert least_s <= at - bench.now <= 1.5 * least_s
    above.attach(shared, tree, edges[51], "move", bench.now)
    assert not shared.waits(tree, Alarm.WORSE)


def got_worse(
    children: int = 0,
    moved_s: float = 31.0,
    *,
    deal: bool = False,
    slots: int = 4,
    other_s: float = 0.04,
) -> Bench:
    """Attached to node 2, whose link is 100 ms longer for long enough; node 8, with so
    many slots, and node 9, with that delay, would be better and were asked where they
    stand.
    """
    bench = settled(0.02)
    bench.offer(node(8), 0.03, slots=slots)
    bench.offer(bench.link(node(9), 0.02), other_s)
    bench.pass_time(31.0)
    for number in range(children):
        bench.child(20 + number)
        bench.tree.children[node(20 + number)].lease_at += 1000
    bench.tree.moved_at = bench.now - moved_s
    if deal:
        place = w.Place(node(9), 0.0, 0.5, path(node(2), 0.0, (ORIGIN,)).path)
        bench.tree.deal = Deal(node(2), w.SwapAsk(STREAM, 7, 1.0, place))
        bench.tree.deal.agreed = True
    bench.sent.clear()
    bench.links[node(2)] = 0.25
    bench.do("cost_moved", node(2))
    bench.pass_time(bench.config.worse_held_s + 0.01)
    tell_places(bench, other_s)
    return bench


def tell_places(bench: Bench, other_s: float = 0.04) -> None:
    asked = dict(bench.take(w.Query))
    for who, delay_s in ((node(8), 0.03), (node(9), other_s)):
        line, token = path(who, delay_s, (ORIGIN,)), asked[who].token
        tell = w.Tell(STREAM, token, delay_s, 4, line.path, (0.0, delay_s), ())
        bench.hear(who, tell)


def test_a_worse_path_was_seen_long_enough_also_by_who_has_children() -> None:
    bench = got_worse(children=1)
    assert bench.one(w.Join)[0] == node(8)


def test_a_worse_path_is_left_soon_after_another_move() -> None:
    bench = got_worse(moved_s=6.0)
    assert bench.one(w.Join)[0] == node(8)


def test_a_worse_path_is_left_in_spite_of_a_swap_that_was_agreed_to() -> None:
    bench = got_worse(moved_s=31.0, deal=True)
    assert bench.one(w.Join)[0] == node(8)


def test_on_a_worse_path_who_has_a_slot_is_asked_first() -> None:
    assert got_worse(slots=0).one(w.Join)[0] == node(9)


def test_but_not_for_less_than_half_of_the_gain() -> None:
    assert got_worse(slots=0, other_s=0.1).one(w.Join)[0] == node(8)


def test_nor_where_it_is_what_is_above_that_got_worse() -> None:
    bench = settled(0.02)
    bench.offer(node(8), 0.03, slots=0)
    bench.offer(bench.link(node(9), 0.02), 0.04)
    bench.pass_time(31.0)
    bench.hear(node(2), path(node(2), 0.2, (ORIGIN, node(9))))
    bench.pass_time(bench.config.worse_above_s - 0.5)
    bench.sent.clear()
    bench.pass_time(0.6)
    tell_places(bench)
    assert bench.one(w.Join)[0] == node(8)


def test_who_found_no_place_on_a_worse_path_looks_again_at_once() -> None:
    bench = got_worse()
    for better in (node(8), node(9)):
        who, wish = bench.one(w.Join)
        assert who == better
        bench.hear(who, w.Refuse(STREAM, wish.serial, w.Why.NO_MEDIA))
    bench.tree.declined.clear()
    bench.pass_time(bench.config.worse_again_s + 0.01)
    tell_places(bench)
    assert bench.one(w.Join)[0] == node(8)


def test_a_worse_path_without_a_better_one_is_the_new_measure() -> None:
    bench = got_worse()
    for _ in (8, 9):
        who, wish = bench.one(w.Join)
        bench.hear(who, w.Refuse(STREAM, wish.serial, w.Why.NO_MEDIA))
    bench.pass_time(bench.config.worse_again_s + 0.01)
    tell_places(bench)
    assert bench.take(w.Join) == []
    assert bench.tree.settled_delay_s == bench.tree.delay_s > 0.12
    assert not bench.brain._shared.waits(bench.tree, Alarm.WORSE)


def test_a_path_that_recovers_is_kept() -> None:
    bench = settled(0.02)
    bench.pass_time(31.0)
    bench.sent.clear()
    bench.links[node(2)] = 0.25
    bench.do("cost_moved", node(2))
    bench.pass_time(2.0)
    bench.links[node(2)] = 0.02
    bench.do("cost_moved", node(2))
    assert not bench.brain._shared.waits(bench.tree, Alarm.WORSE)
