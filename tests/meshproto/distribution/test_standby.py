"""The second parent: who fits, who is best, when it is sought again."""

from __future__ import annotations

from itertools import pairwise

from meshproto.distribution import above, standby
from meshproto.distribution.events import StandbyChosen
from meshproto.forwarding.relay_table import Second, SetLeg, SetSecond
from meshproto.ids import NodeId, StreamId, short_id
from meshproto.wire.control import distribution as w
from support.tree_bench import (
    ORIGIN,
    STREAM,
    Bench,
    accept,
    demand,
    join,
    node,
    path,
    peer_record,
)


def tell(bench: Bench, who: NodeId, *above: NodeId, slots: int = 4) -> None:
    """Answer the last question to `who`."""
    asked = [q for n, q in bench.sent if n == who and isinstance(q, w.Query)]
    line = path(who, 0.01, above)
    bench.hear(
        who,
        w.Tell(STREAM, asked[-1].token, 0.01, slots, line.path, line.delays, ()),
    )


def unreachable(bench: Bench, who: NodeId) -> None:
    """It is known, but nobody can link to it."""
    bench.peers[who] = peer_record(who)
    bench.lost_sight.add(who)


def looking(*numbers: int, rtt_s: float = 0.02) -> Bench:
    """An attached bench that has asked some neighbours in the tree."""
    bench = Bench()
    unreachable(bench, ORIGIN)
    bench.attach(node(2), above=(ORIGIN, node(2)))
    for number in numbers:
        bench.offer(bench.link(node(number), rtt_s))
    bench.pass_time(bench.config.standby_after_s + 0.01)
    return bench


def test_nobody_below_the_parent_or_below_us_fits() -> None:
    bench = looking()
    shared, tree = bench.brain._shared, bench.tree
    me, parent = shared.short, short_id(node(2))
    origin, other = short_id(ORIGIN), short_id(node(8))
    assert standby.fits(shared, tree, node(8), (origin, other))
    assert not standby.fits(shared, tree, node(8), (origin, parent, other))
    assert not standby.fits(shared, tree, node(8), (origin, me, other))
    assert not standby.fits(shared, tree, node(2), (origin, parent))
    bench.child(5)
    assert not standby.fits(shared, tree, node(5), (origin,))


def test_shared_ancestors_count_thirty_ms_but_not_the_origin() -> None:
    bench = Bench()
    bench.attach(node(2), above=(ORIGIN, node(3), node(2)))
    shared, tree = bench.brain._shared, bench.tree
    bench.link(node(8), 0.01)
    alone = (short_id(ORIGIN), short_id(node(8)))
    under = (short_id(ORIGIN), short_id(node(3)), short_id(node(8)))
    one = standby.score_s(shared, tree, node(8), alone, 0.0)
    other = standby.score_s(shared, tree, node(8), under, 0.0)
    assert abs(other - one - bench.config.shared_ancestor_s) < 1e-9


def test_half_of_the_extra_delay_counts() -> None:
    bench = looking()
    shared, tree = bench.brain._shared, bench.tree
    bench.link(node(8), 0.01)
    line = (short_id(ORIGIN), short_id(node(8)))
    near = standby.score_s(shared, tree, node(8), line, 0.1)
    far = standby.score_s(shared, tree, node(8), line, 0.3)
    assert abs(far - near - 0.1) < 1e-9


def test_the_nearest_is_taken_and_shown_to_the_plane() -> None:
    bench = looking(8, 9)
    bench.links[node(9)] = 0.001
    tell(bench, node(8), ORIGIN)
    tell(bench, node(9), ORIGIN)
    who, wish = bench.one(w.Join)
    assert (who, wish.use) == (node(9), w.Use.STANDBY)
    bench.hear(who, accept(wish.serial, who))
    assert bench.happened(StandbyChosen) == [StandbyChosen(STREAM, node(9))]
    assert bench.told(SetSecond) == [
        SetSecond(STREAM, node(9), Second.STANDBY, 7000, 50)
    ]


def test_a_full_node_counts_forty_ms() -> None:
    bench = looking(8, 9)
    bench.links[node(9)] = 0.001
    tell(bench, node(8), ORIGIN)
    tell(bench, node(9), ORIGIN, slots=0)
    assert bench.one(w.Join)[0] == node(8)


def test_who_hangs_below_the_parent_is_not_asked() -> None:
    bench = looking(8, 9)
    tell(bench, node(8), ORIGIN, node(2))
    tell(bench, node(9), ORIGIN)
    assert bench.one(w.Join)[0] == node(9)


def test_a_path_that_changed_meanwhile_is_seen_at_the_accept() -> None:
    bench = looking(8)
    tell(bench, node(8), ORIGIN)
    wish = bench.one(w.Join)[1]
    bench.hear(node(8), accept(wish.serial, node(8), above=(ORIGIN, node(2))))
    assert bench.brain.standby(STREAM) is None
    assert bench.one(w.Leave)[0] == node(8)


def test_it_is_sought_again_when_its_path_does_not_fit_any_more() -> None:
    bench = looking(8, 9)
    tell(bench, node(8), ORIGIN)
    tell(bench, node(9), ORIGIN)
    who, wish = bench.one(w.Join)
    bench.hear(who, accept(wish.serial, who))
    bench.sent.clear()
    bench.hear(who, path(who, 0.0, (ORIGIN, node(2))))
    bench.pass_time(bench.config.report_s + 0.01)
    assert bench.one(w.Leave)[0] == who
    assert bench.told(SetSecond)[-1].parent is None
    assert bench.take(w.Query)


def test_it_is_sought_again_when_it_is_lost() -> None:
    bench = looking(8)
    tell(bench, node(8), ORIGIN)
    who, wish = bench.one(w.Join)
    bench.hear(who, accept(wish.serial, who))
    bench.sent.clear()
    serial = bench.tree.second.serial if bench.tree.second else 0
    bench.offer(bench.link(node(9)))
    bench.hear(who, w.Drop(STREAM, serial, w.Why.LEAVING))
    bench.pass_time(bench.config.report_s + 0.01)
    assert bench.brain.standby(STREAM) is None
    assert node(9) in [n for n, _ in bench.take(w.Query)]


def test_without_anybody_it_looks_ever_more_rarely() -> None:
    bench = looking()
    times = []
    for _ in range(4):
        at = bench.brain._shared.timers.at((STREAM, standby.Alarm.SECOND))
        assert at is not None
        times.append(at - bench.now)
        bench.pass_time(at - bench.now + 0.01)
    assert times[0] < times[1]  # the second look asks nodes outside the tree, too
    assert times[1] >= bench.config.standby_retry_s - 1
    assert times[-1] > 1.2 * times[1]
    assert max(times) <= bench.config.standby_retry_max_s * 1.5


def test_refusals_of_all_do_not_start_over_at_once() -> None:
    bench = looking(8)
    tell(bench, node(8), ORIGIN)
    who, wish = bench.one(w.Join)
    bench.sent.clear()
    bench.hear(who, w.Refuse(STREAM, wish.serial, w.Why.FULL))
    bench.pass_time(5.0)
    assert not bench.take(w.Query)


def test_a_dual_feed_is_asked_for_when_it_is_wanted() -> None:
    bench = Bench()
    parent = bench.link(node(2))
    bench.hops[ORIGIN] = parent
    bench.do("subscribe", STREAM, ORIGIN, 1, 1, dual=True)
    bench.hear(parent, accept(bench.one(w.Join)[1].serial, parent))
    bench.offer(bench.link(node(8)))
    bench.pass_time(bench.config.standby_after_s + 0.01)
    tell(bench, node(8), ORIGIN)
    who, wish = bench.one(w.Join)
    assert wish.use is w.Use.DUAL
    bench.hear(who, accept(wish.serial, who))
    assert bench.told(SetSecond)[-1].use is Second.DUAL
    # it carries packets, so it is given leases too
    bench.sent.clear()
    bench.pass_time(bench.config.lease_s + 0.2)
    assert {n for n, _ in bench.take(w.Interest)} == {node(2), node(8)}


def test_a_dual_child_costs_the_lowest_layer_and_no_slot() -> None:
    bench = Bench(9)
    bench.publish((1_000_000, 2_000_000))
    bench.child(5, w.Use.DUAL, layers=0b11)
    assert bench.brain._shared.used_bps == 1_000_000
    assert bench.tree.children[node(5)].layers == 1
    assert not bench.tree.children[node(5)].full


def outside(*, inside: bool = False, rtt_s: float = 0.02) -> Bench:
    """A neighbour outside the tree knows a way; perhaps a far one is in the tree."""
    bench = Bench()
    unreachable(bench, ORIGIN)
    bench.attach(node(2), above=(ORIGIN, node(2)))
    bench.knowing = [node(2), bench.link(node(8), rtt_s)]
    bench.pass_time(bench.config.standby_after_s + 0.01)
    assert not bench.take(w.Join)
    wait_s = bench.config.outside_after_s
    if inside:
        bench.offer(bench.link(node(9), 0.09))
        wait_s = bench.config.standby_link_s
    bench.pass_time(wait_s + 0.01)
    return bench


def test_a_neighbour_outside_the_tree_is_asked_where_nobody_inside_fits() -> None:
    bench = outside()
    assert not bench.take(w.Query)
    who, wish = bench.one(w.Join)
    assert (who, wish.use) == (node(8), w.Use.STANDBY)
    # it joins meanwhile
    bench.hear(who, w.Stalled(STREAM, wish.serial))
    bench.pass_time(0.5)
    bench.hear(who, accept(wish.serial, who))
    assert bench.brain.standby(STREAM) == who


def test_one_inside_is_asked_first_though_it_is_farther_away() -> None:
    bench = outside(inside=True)
    tell(bench, node(9), ORIGIN)
    who, wish = bench.one(w.Join)
    assert who == node(9)
    bench.hear(who, w.Refuse(STREAM, wish.serial, w.Why.FULL))
    assert bench.one(w.Join)[0] == node(8)


def test_whoever_joined_for_us_below_our_parent_is_let_go() -> None:
    bench = outside()
    who, wish = bench.one(w.Join)
    bench.hear(who, accept(wish.serial, who, above=(ORIGIN, node(2))))
    assert bench.one(w.Leave)[0] == who
    assert bench.brain.standby(STREAM) is None


def test_one_outside_that_was_asked_in_vain_twice_is_left_alone() -> None:
    bench = outside()
    asked = []
    for _ in range(60):
        for who, wish in bench.take(w.Join):
            asked.append(bench.now)
            bench.hear(who, accept(wish.serial, who, above=(ORIGIN, node(2))))
        # whatever comes up elsewhere shortens the wait for a look, not for this one
        bench.link(node(20 + len(asked) + int(bench.now) % 7))
        bench.pass_time(2.0)
    assert 3 <= len(asked) <= 6
    pauses = [after - before for before, after in pairwise(asked)]
    assert pauses[0] < bench.config.standby_retry_s
    assert all(after > 1.5 * before for before, after in pairwise(pauses[1:]))
    # its own link is news about it
    bench.unlink(node(8))
    bench.link(node(8))
    bench.pass_time(bench.config.standby_link_s + 0.1)
    assert bench.take(w.Join)


def test_two_outside_are_asked_at_a_time_and_ever_more_rarely() -> None:
    bench = outside()
    bench.knowing += [bench.link(node(number), 0.03) for number in range(60, 72)]
    asked: dict[float, int] = {}
    for _ in range(400):
        for who, wish in bench.take(w.Join):
            asked[bench.now] = asked.get(bench.now, 0) + 1
            bench.hear(who, accept(wish.serial, who, above=(ORIGIN, node(2))))
        bench.pass_time(1.0)
    assert 4 <= sum(asked.values()) <= 14
    assert bench.tree.outside_pause_s > 60.0
    answer = accept(7, bench.link(node(50)), 0.01)
    edge = above.upper(node(50), w.Use.REPAIR, answer)
    above.attach(bench.brain._shared, bench.tree, edge, "repair", bench.now)
    assert bench.tree.outside_pause_s == 0.0
    assert bench.tree.outside_at <= bench.now


def test_who_does_not_answer_was_asked_in_vain_too() -> None:
    bench = outside()
    bench.pass_time(3.0)
    assert bench.tree.vain[node(8)][0] == 1


def asked_from_outside(use: w.Use = w.Use.STANDBY) -> Bench:
    """Not in the tree, and asked to be a second parent."""
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(node(2))
    bench.link(node(5))
    bench.hear(node(5), join(5, use))
    return bench


def test_a_node_outside_the_tree_joins_to_stand_by() -> None:
    bench = asked_from_outside()
    assert bench.one(w.Stalled)[0] == node(5)
    who, wish = bench.one(w.Join)
    assert (who, wish.use, wish.demand.layers) == (node(2), w.Use.NEW, 1)
    bench.hear(who, accept(wish.serial, who))
    assert bench.one(w.Accept)[0] == node(5)
    bench.pass_time(5.0)
    assert bench.brain.parent(STREAM) == node(2)
    # it feeds nobody, so it needs no second parent
    assert not bench.take(w.Query)


def test_it_does_not_join_for_a_move() -> None:
    bench = asked_from_outside(w.Use.MOVE)
    assert bench.one(w.Refuse)[1].reason is w.Why.UNKNOWN
    assert not list(bench.brain.streams())


def test_it_does_not_join_below_the_one_that_asked() -> None:
    bench = asked_from_outside()
    bench.offer(node(5), delay_s=0.0)
    assert bench.one(w.Join)[0] == node(2)
    bench.pass_time(3.0)
    assert node(5) not in [who for who, _ in bench.take(w.Join)]


def test_it_leaves_when_nobody_watches_below_who_counts_on_it() -> None:
    bench = asked_from_outside()
    who, wish = bench.one(w.Join)
    bench.hear(who, accept(wish.serial, who))
    for _ in range(5):
        bench.pass_time(4.0)
        bench.hear(node(5), w.Rely(STREAM, 5, demand()))
    assert bench.brain.parent(STREAM) == node(2)
    assert bench.take(w.Interest)
    bench.pass_time(bench.config.lease_life_s + 1)
    assert not list(bench.brain.streams())
    assert bench.one(w.Drop)[0] == node(5)


def test_what_is_counted_on_follows_the_layers_of_the_child() -> None:
    bench = asked_from_outside()
    who, wish = bench.one(w.Join)
    bench.hear(who, accept(wish.serial, who))
    bench.hear(node(5), w.Rely(STREAM, 5, demand(layers=0b111)))
    assert bench.told(SetLeg)[-1].layers == 0b111
    bench.pass_time(bench.config.report_s + 0.01)
    assert bench.take(w.Interest)[-1][1].demand.layers == 0b111


def test_a_standby_hears_of_leases_and_layers_and_of_nothing_else() -> None:
    bench = looking(8)
    tell(bench, node(8), ORIGIN)
    who, wish = bench.one(w.Join)
    bench.hear(who, accept(wish.serial, who))
    for number in range(20, 26):
        bench.child(number)
    bench.pass_time(bench.config.report_gap_s + 0.1)
    assert bench.take(w.Interest)
    assert not bench.take(w.Rely)
    bench.child(26, layers=0b11)
    bench.pass_time(bench.config.report_s + 0.01)
    assert bench.one(w.Rely)[1].demand.layers == 0b11
    bench.pass_time(3 * bench.config.lease_s)
    assert len(bench.take(w.Rely)) == 3


def test_whoever_counts_on_an_edge_that_ended_is_told() -> None:
    bench = Bench()
    bench.publish()
    bench.link(node(5))
    bench.hear(node(5), w.Rely(STREAM, 5, demand()))
    bench.hear(node(5), w.Rely(StreamId(b"nobody knows it!"), 5, demand()))
    assert [r.reason for _, r in bench.take(w.Drop)] == [w.Why.UNKNOWN] * 2


def test_a_second_parent_is_let_go_when_nobody_is_fed_and_sought_when_one_is() -> None:
    bench = looking(8)
    tell(bench, node(8), ORIGIN)
    who, wish = bench.one(w.Join)
    bench.hear(who, accept(wish.serial, who))
    bench.child(6, w.Use.STANDBY)
    bench.do("unsubscribe", STREAM)
    bench.pass_time(1.0)
    assert bench.one(w.Leave)[0] == who
    assert bench.brain.parent(STREAM) == node(2)
    bench.child(7)
    bench.pass_time(bench.config.standby_after_s + 0.01)
    assert bench.take(w.Query)


def test_a_link_that_comes_up_ends_a_long_wait() -> None:
    bench = looking()
    bench.knowing = [bench.link(node(8))]
    bench.pass_time(bench.config.standby_link_s + 0.01)
    assert bench.one(w.Join)[0] == node(8)


def test_a_standby_is_not_given_without_media() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.tree.live = False
    bench.link(node(5))
    bench.hear(node(5), join(5, w.Use.STANDBY))
    assert bench.one(w.Refuse)[1].reason is w.Why.NO_MEDIA


def test_the_grandparent_is_asked_too() -> None:
    bench = Bench()
    bench.link(node(3))
    bench.peers[node(3)] = peer_record(node(3))
    bench.attach(node(2), above=(ORIGIN, node(3), node(2)))
    bench.pass_time(bench.config.standby_after_s + 0.01)
    assert [n for n, _ in bench.take(w.Query)] == [node(3)]


def test_nodes_that_stand_by_do_not_keep_second_parents_for_each_other() -> None:
    bench = looking(8)
    tell(bench, node(8), ORIGIN)
    who, wish = bench.one(w.Join)
    bench.hear(who, accept(wish.serial, who))
    # a node without viewers joins below us, to stand by for somebody
    bench.child(6, viewers=0)
    bench.do("unsubscribe", STREAM)
    bench.pass_time(1.0)
    assert bench.one(w.Leave)[0] == who
    assert not bench.tree.needed
    # now its packets are for somebody
    bench.hear(node(6), w.Interest(STREAM, 6, demand(viewers=2)))
    assert bench.tree.needed
    bench.pass_time(bench.config.standby_after_s + 0.01)
    assert bench.take(w.Query)


def test_who_joins_for_viewers_that_wait_says_how_many() -> None:
    bench = asked_from_outside(w.Use.NEW)
    assert bench.one(w.Join)[1].demand.viewers == 1


def test_a_new_link_starts_the_patience_over() -> None:
    bench = looking()
    for _ in range(4):
        at = bench.brain._shared.timers.at((STREAM, standby.Alarm.SECOND))
        assert at is not None
        bench.pass_time(at - bench.now + 0.01)
    assert bench.tree.second_retry_s >= bench.config.standby_retry_s
    # it came back, and learns the way only after the first look
    bench.link(node(8), 0.02)
    bench.pass_time(bench.config.standby_link_s + 0.01)
    assert not bench.take(w.Join)
    bench.knowing = [node(8)]
    bench.pass_time(bench.config.standby_again_s * 1.5 + 0.01)
    assert bench.one(w.Join)[0] == node(8)
