"""What happens after a burst, and when a node goes."""

from __future__ import annotations

from meshproto.distribution import shedding
from meshproto.distribution.events import LayersShed
from meshproto.forwarding.relay_table import FirstNew, SetLeg
from meshproto.ids import NodeId, short_id
from meshproto.wire.control import distribution as w
from support.tree_bench import (
    ME,
    ORIGIN,
    RATE_BPS,
    STREAM,
    Bench,
    accept,
    demand,
    join,
    node,
    peer_record,
)


def burst(rates_bps: tuple[int, ...] = (RATE_BPS,), layers: int = 1) -> Bench:
    """Four slots, five children: the last is an orphan."""
    bench = Bench(4 * sum(rates_bps) / RATE_BPS)
    bench.publish(rates_bps)
    for number in range(2, 6):
        bench.child(number, layers=layers, subtree=number)
    bench.child(9, w.Use.REPAIR, layers=layers)
    assert len(bench.brain.children(STREAM)) == 5
    bench.sent.clear()
    return bench


def renew(bench: Bench) -> None:
    for child in list(bench.tree.children.values()):
        said = demand(layers=child.wanted, subtree=child.subtree)
        bench.hear(child.node, w.Interest(STREAM, child.serial, said))


def test_a_burst_may_last_five_seconds() -> None:
    bench = burst()
    bench.pass_time(bench.config.burst_s - 0.1)
    assert not bench.take(w.Release)
    bench.pass_time(0.2)
    assert bench.take(w.Release)


def test_higher_layers_of_small_subtrees_go_before_children() -> None:
    bench = burst((RATE_BPS, RATE_BPS, RATE_BPS), 0b111)
    bench.pass_time(bench.config.burst_s + 0.1)
    shed = bench.happened(LayersShed)
    assert [event.child for event in shed] == [node(9), node(9), node(2)]
    assert [event.layers for event in shed] == [0b011, 0b001, 0b011]
    assert bench.told(SetLeg)[-1].layers == 0b011
    assert not bench.take(w.Release)
    assert len(bench.brain.children(STREAM)) == 5


def test_layers_come_back_when_there_is_room() -> None:
    bench = burst((RATE_BPS, RATE_BPS), 0b11)
    bench.pass_time(bench.config.burst_s + 0.1)
    assert bench.happened(LayersShed)
    renew(bench)
    bench.hear(node(5), w.Leave(STREAM, 5))
    bench.pass_time(2 * bench.config.shed_repeat_s + 0.1)
    assert all(child.layers == 0b11 for child in bench.tree.children.values())


def test_who_leaves_in_time_ends_the_burst() -> None:
    bench = burst()
    bench.hear(node(3), w.Leave(STREAM, 3))
    bench.pass_time(bench.config.burst_s + 0.1)
    assert not bench.take(w.Release)


def test_the_smallest_is_asked_to_move_to_where_there_is_room() -> None:
    bench = burst()
    bench.hear(node(4), w.Interest(STREAM, 4, demand(subtree=4, room=3)))
    bench.pass_time(bench.config.burst_s + 0.1)
    who, release = bench.one(w.Release)
    assert who == node(9)
    assert [target.node for target in release.targets] == [node(4)]


def test_who_was_asked_and_found_no_place_is_not_the_only_one_asked() -> None:
    bench = burst()
    bench.pass_time(bench.config.burst_s + 0.1)
    renew(bench)
    bench.pass_time(bench.config.shed_repeat_s)
    assert [to for to, _ in bench.take(w.Release)] == [node(9), node(2)]


def test_a_smaller_uplink_starts_the_same() -> None:
    bench = Bench(4)
    bench.publish()
    for number in range(2, 6):
        bench.child(number)
    bench.up_bps /= 2
    bench.do("uplink_changed")
    bench.pass_time(bench.config.burst_s + 0.1)
    assert bench.take(w.Release)


def passing_on(*below: int, viewers: int = 0) -> Bench:
    """A node that joined for others: parent 2, children as given."""
    bench = Bench()
    bench.attach(node(2), above=(ORIGIN, node(2)))
    bench.peers[node(2)] = peer_record(node(2))
    for number in below:
        bench.child(number)
    if viewers:
        bench.subscribe(viewers=viewers)
    else:
        bench.do("unsubscribe", STREAM)
    bench.sent.clear()
    return bench


def after_a_while(bench: Bench, seconds: float) -> list[tuple[NodeId, w.Release]]:
    """Time passes, everybody renews."""
    for _ in range(int(seconds)):
        bench.pass_time(1.0)
        renew(bench)
    return bench.take(w.Release)


def test_without_viewers_the_only_child_is_asked_to_move_to_our_parent() -> None:
    bench = passing_on(5)
    (who, release), *more = after_a_while(bench, bench.config.aside_s + 1)
    assert (who, more) == (node(5), [])
    target = release.targets[0]
    assert (target.node, target.peer) == (node(2), peer_record(node(2)))
    assert release.aside
    # it stays where it is served until it moved; it is asked ever more rarely
    assert bench.brain.children(STREAM) == (node(5),)
    assert len(after_a_while(bench, 40.0)) == 1


def test_with_viewers_or_with_many_children_nobody_is_asked() -> None:
    most = passing_on(5).config.aside_children_max
    assert not after_a_while(passing_on(*range(5, 6 + most)), 30.0)
    assert not after_a_while(passing_on(5, viewers=1), 30.0)


def test_one_of_few_children_is_asked_to_go_up_or_below_another_that_views() -> None:
    bench = passing_on(5, 6, 7)
    leaf = {node(n): bench.tree.children[node(n)] for n in (5, 6, 7)}
    leaf[node(6)].subtree, leaf[node(6)].room = 4, 9  # perhaps there for others alone
    leaf[node(5)].room, leaf[node(7)].room = 2, 0
    for _ in range(20):
        shedding.step_aside(bench.brain._shared, bench.tree, bench.now)
    bench.drain()
    asked = bench.take(w.Release)
    assert {who for who, _ in asked} == set(leaf)
    for who, release in asked:
        wanted = [node(2)] if who == node(5) else [node(2), node(5)]
        assert [target.node for target in release.targets] == wanted
        assert release.aside


def test_when_the_last_child_went_nobody_is_stood_by_for() -> None:
    bench = passing_on(5)
    bench.child(6, w.Use.STANDBY)
    bench.hear(node(5), w.Leave(STREAM, 5))
    bench.pass_time(bench.config.collect_s + 0.1)
    assert bench.one(w.Drop)[0] == node(6)
    assert not list(bench.brain.streams())


def test_one_that_asks_a_relay_that_lost_its_child_to_stand_by_keeps_it() -> None:
    bench = passing_on(5)
    bench.hear(node(5), w.Leave(STREAM, 5))
    bench.child(6, w.Use.STANDBY)
    bench.pass_time(bench.config.collect_s + 0.1)
    assert bench.brain.parent(STREAM) == node(2)


def asked_aside(delay_s: float) -> Bench:
    """Our parent 2 asks us to pass it by; below its parent 3 we have that delay."""
    bench = Bench()
    bench.attach(node(2), 0.1, above=(node(3), node(2)))
    bench.link(node(3), 0.0)
    bench.offer(bench.link(node(8)), 0.0)
    bench.sent.clear()
    target = w.Target(node(3), 0.09, 1)
    serial = bench.tree.parent.serial  # type: ignore[union-attr]
    bench.hear(node(2), w.Release(STREAM, serial, (target,), aside=True))
    who, wish = bench.one(w.Join)
    assert (who, wish.use) == (node(3), w.Use.MOVE)
    line = accept(wish.serial, who, delay_s - 0.001, above=(node(3),))
    bench.hear(who, line)
    return bench


def test_whoever_is_asked_to_pass_a_relay_by_does_so_if_it_costs_little() -> None:
    bench = asked_aside(0.13)
    bench.do("plane_notice", FirstNew(STREAM, node(3), 9))
    commit = bench.one(w.MoveCommit)[1]
    verdict = (commit.token, commit.mover, True, (short_id(node(3)),))
    bench.hear(node(3), w.MoveVerdict(STREAM, *verdict))
    assert bench.brain.parent(STREAM) == node(3)
    assert node(2) in bench.tree.declined


def test_it_stays_where_that_costs_much() -> None:
    bench = asked_aside(0.14)
    assert bench.one(w.Leave)[0] == node(3)
    assert bench.tree.move is None or bench.tree.move.search is None


def test_it_goes_nowhere_else() -> None:
    bench = Bench()
    bench.attach(node(2), 0.1, above=(node(3), node(2)))
    for who in (3, 8):
        bench.offer(bench.link(node(who)), 0.0)
    bench.sent.clear()
    serial = bench.tree.parent.serial  # type: ignore[union-attr]
    target = w.Target(node(3), 0.09, 1)
    bench.hear(node(2), w.Release(STREAM, serial, (target,), aside=True))
    who, wish = bench.one(w.Join)
    elsewhere = w.Target(node(8), 0.0, 3)
    bench.hear(who, w.Redirect(STREAM, wish.serial, (elsewhere,)))
    assert not bench.take(w.Join)
    assert bench.brain.parent(STREAM) == node(2)


def test_a_released_child_moves_make_before_break() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    assert bench.tree.parent is not None
    serial = bench.tree.parent.serial
    bench.link(node(8))
    targets = (w.Target(node(8), 0.1, 2),)
    bench.hear(parent, w.Release(STREAM, serial, targets))
    who, wish = bench.one(w.Join)
    assert (who, wish.use) == (node(8), w.Use.MOVE)
    # worse than before, but asked for
    bench.hear(who, accept(wish.serial, who, 0.1))
    bench.do("plane_notice", FirstNew(STREAM, who, 5))
    commit = bench.one(w.MoveCommit)[1]
    line = (short_id(node(1)), short_id(node(8)))
    bench.hear(who, w.MoveVerdict(STREAM, commit.token, ME, True, line))
    assert bench.brain.parent(STREAM) == node(8)


def test_a_released_child_follows_redirects() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    assert bench.tree.parent is not None
    bench.link(node(8))
    bench.link(node(9))
    serial = bench.tree.parent.serial
    bench.hear(parent, w.Release(STREAM, serial, (w.Target(node(8), 0.1, 2),)))
    wish = bench.one(w.Join)[1]
    bench.hear(node(8), w.Redirect(STREAM, wish.serial, (w.Target(node(9), 0.1, 1),)))
    assert bench.one(w.Join)[0] == node(9)


def test_a_release_from_somebody_else_is_nothing() -> None:
    bench = Bench()
    bench.attach(node(2))
    assert bench.tree.parent is not None
    bench.link(node(8))
    serial = bench.tree.parent.serial
    bench.hear(node(8), w.Release(STREAM, serial, (w.Target(node(8), 0.1, 2),)))
    assert bench.tree.move is None


def test_a_node_that_goes_asks_its_children_to_move_first() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    one, two = bench.child(5), bench.child(6, room=2)
    bench.sent.clear()
    bench.do("leaving")
    told = dict(bench.take(w.Release))
    assert [t.node for t in told[one].targets] == [parent, two]
    assert bench.brain.parent(STREAM) == parent
    assert not bench.brain.gone
    bench.hear(one, w.Leave(STREAM, 5))
    bench.pass_time(bench.config.leave_s + 0.1)
    assert bench.one(w.Drop) == (two, w.Drop(STREAM, 6, w.Why.LEAVING))
    assert bench.one(w.Leave)[0] == parent
    assert bench.brain.gone


def test_a_leaf_goes_at_once() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.do("leaving")
    assert bench.brain.gone


def test_who_goes_takes_nobody_any_more() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.child(5)
    bench.do("leaving")
    bench.link(node(7))
    bench.hear(node(7), join(7))
    assert bench.one(w.Refuse)[1].reason is w.Why.LEAVING


def test_an_origin_that_goes_ends_its_streams() -> None:
    bench = Bench()
    bench.publish()
    child = bench.child(5)
    bench.do("leaving")
    assert bench.one(w.Drop) == (child, w.Drop(STREAM, 5, w.Why.GONE))
    assert bench.brain.gone
