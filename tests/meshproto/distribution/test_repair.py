"""Silence and loss: hold, switch, look elsewhere, end."""

from __future__ import annotations

from meshproto.distribution.events import Orphaned, ParentChanged, Repaired, StreamEnded
from meshproto.forwarding.relay_table import (
    Activated,
    Flowing,
    LegActivated,
    SetActive,
    Silent,
)
from meshproto.ids import NodeId
from meshproto.wire.control import distribution as w
from support.tree_bench import ME, ORIGIN, STREAM, Bench, accept, join, node, path


def with_standby(bench: Bench, number: int = 8) -> NodeId:
    """Give the bench a second parent by the usual way."""
    second = bench.link(node(number), 0.03)
    bench.offer(second)
    bench.pass_time(bench.config.standby_after_s + 0.01)
    query = [q for who, q in bench.take(w.Query) if who == second][-1]
    line = path(second, 0.0, (ORIGIN,))
    tell = w.Tell(STREAM, query.token, 0.01, 4, line.path, line.delays, ())
    bench.hear(second, tell)
    wish = bench.one(w.Join)[1]
    bench.hear(second, accept(wish.serial, second, 0.01))
    assert bench.brain.standby(STREAM) == second
    return second


def test_a_stalled_parent_is_held_and_then_others_are_asked() -> None:
    bench = Bench()
    bench.attach(node(2))
    other = bench.link(node(3))
    bench.offer(other)
    bench.do("plane_notice", Silent(STREAM, True))
    bench.pass_time(bench.config.hold_s - 0.01)
    assert not bench.take(w.Join)
    bench.pass_time(bench.config.hold_s * bench.config.hold_spread + 0.02)
    asked, wish = bench.one(w.Join)
    assert (asked, wish.use) == (other, w.Use.REPAIR)
    # the stalled parent is kept until somebody else accepts
    assert bench.brain.parent(STREAM) == node(2)
    bench.hear(other, accept(wish.serial, other))
    assert bench.one(w.Leave)[0] == node(2)
    assert bench.happened(Repaired)[0].parent == other


def redirected_orphan() -> tuple[Bench, NodeId, NodeId]:
    """An orphan whose nearest neighbour names a node without a link, 9; with a second
    neighbour.
    """
    bench = Bench()
    bench.attach(node(2))
    full, other = bench.link(node(3), 0.01), bench.link(node(4))
    bench.hops.clear()
    bench.offer(full)
    bench.offer(other)
    bench.do("plane_notice", Silent(STREAM, False))
    asked, wish = bench.one(w.Join)
    assert asked == full
    targets = (w.Target(node(9), 0.02, 3), w.Target(node(10), 0.02, 3))
    bench.hear(full, w.Redirect(STREAM, wish.serial, targets))
    return bench, full, other


def test_an_orphan_asks_whom_it_has_a_link_to_and_dials_a_target_meanwhile() -> None:
    bench, full, other = redirected_orphan()
    assert bench.dialled == [(node(9), full)]
    asked, wish = bench.one(w.Join)
    assert asked == other
    bench.link(node(9))
    assert not bench.take(w.Join)  # one at a time
    refusal = w.Refuse(STREAM, wish.serial, w.Why.FULL)
    bench.hear(other, refusal)
    asked, wish = bench.one(w.Join)
    assert asked == node(9)
    bench.hear(asked, accept(wish.serial, asked))
    assert bench.brain.parent(STREAM) == node(9)


def test_a_target_that_cannot_be_dialled_is_not_waited_for() -> None:
    bench, _, other = redirected_orphan()
    wish = bench.one(w.Join)[1]
    bench.do("dial_failed", node(9))
    bench.hear(other, w.Refuse(STREAM, wish.serial, w.Why.FULL))
    assert bench.dialled[1:] == [(node(10), node(3))]


def test_a_target_dialled_ahead_is_waited_for_when_nobody_else_is_left() -> None:
    bench, _, other = redirected_orphan()
    wish = bench.one(w.Join)[1]
    bench.hear(other, w.Refuse(STREAM, wish.serial, w.Why.FULL))
    # the next one, too, for nobody knows whose link will stand first
    assert [who for who, _ in bench.dialled] == [node(9), node(10)]
    bench.link(node(9))
    assert bench.one(w.Join)[0] == node(9)


def test_media_that_returns_ends_the_hold() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.offer(bench.link(node(3)))
    bench.do("plane_notice", Silent(STREAM, True))
    assert not bench.brain.live(STREAM)
    bench.pass_time(0.2)
    bench.do("plane_notice", Flowing(STREAM, node(2), 9))
    assert bench.brain.live(STREAM)
    bench.take(w.Join)
    bench.pass_time(1.0)
    assert all(wish.use is not w.Use.REPAIR for _, wish in bench.take(w.Join))


def test_media_that_returns_calls_the_joins_back() -> None:
    bench = Bench()
    bench.attach(node(2))
    other = bench.link(node(3))
    bench.offer(other)
    bench.do("plane_notice", Silent(STREAM, True))
    bench.pass_time(0.4)
    wish = bench.one(w.Join)[1]
    bench.do("plane_notice", Flowing(STREAM, node(2), 9))
    assert bench.one(w.Leave) == (other, w.Leave(STREAM, wish.serial))


def test_a_stalled_node_queues_joiners_and_serves_them_later() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.do("plane_notice", Silent(STREAM, True))
    child = bench.child(5)
    assert bench.one(w.Stalled)[0] == child
    bench.do("plane_notice", Flowing(STREAM, node(2), 9))
    assert bench.one(w.Accept)[0] == child


def test_without_a_new_packet_for_two_seconds_the_edge_ends() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.do("plane_notice", Silent(STREAM, True))
    bench.pass_time(bench.config.packet_life_s - 0.01)
    assert bench.brain.parent(STREAM) == node(2)
    bench.pass_time(0.02)
    assert bench.brain.parent(STREAM) is None
    assert bench.told(SetActive)[-1].parent is None
    assert node(2) in [who for who, _ in bench.take(w.Leave)]


def test_a_dead_parent_is_left_at_once() -> None:
    bench = Bench()
    bench.attach(node(2))
    other = bench.link(node(3))
    bench.offer(other, slots=0)
    bench.do("plane_notice", Silent(STREAM, False))
    asked, wish = bench.one(w.Join)
    assert bench.brain.parent(STREAM) is None
    # full ones are asked too: they may have a reserved slot
    assert (asked, wish.use) == (other, w.Use.REPAIR)


def test_an_orphan_waits_a_third_more_than_a_round_trip() -> None:
    bench = Bench()
    bench.attach(node(2))
    one, two = bench.link(node(3), 0.1), bench.link(node(4), 0.2)
    bench.offer(one)
    bench.offer(two)
    bench.take(w.Query)
    bench.do("plane_notice", Silent(STREAM, False))
    assert bench.one(w.Join)[0] == one
    bench.pass_time(0.1 * 1.3 + 0.02)
    assert not bench.take(w.Join)
    bench.pass_time(0.01)
    assert bench.one(w.Join)[0] == two


def test_an_orphan_that_is_queued_asks_on() -> None:
    bench = Bench()
    bench.attach(node(2))
    one, two = bench.link(node(3), 0.1), bench.link(node(4), 0.2)
    bench.offer(one)
    bench.offer(two)
    bench.do("plane_notice", Silent(STREAM, False))
    first = bench.one(w.Join)[1]
    bench.hear(one, w.Stalled(STREAM, first.serial))
    assert bench.one(w.Join)[0] == two
    bench.hear(one, accept(first.serial, one))
    assert bench.brain.parent(STREAM) == one


def test_a_lost_link_activates_the_second_parent() -> None:
    bench = Bench()
    bench.attach(node(2))
    second = with_standby(bench)
    bench.unlink(node(2))
    assert bench.brain.parent(STREAM) == second
    assert bench.told(SetActive)[-1].parent == second
    assert bench.one(w.Interest)[0] == second
    assert [c.reason for c in bench.happened(ParentChanged)] == ["join", "standby"]


def test_a_second_parent_that_was_not_ahead_is_not_waited_for() -> None:
    bench = Bench()
    bench.attach(node(2))
    second = with_standby(bench)
    near = bench.link(node(9), 0.01)
    bench.offer(near)
    bench.sent.clear()
    bench.do("plane_notice", Silent(STREAM, False))
    bench.pass_time(0.0)
    asked = bench.take(w.Join)
    assert [who for who, _ in asked] == [second, near]
    # it may have fallen, too, or answer all the same: the first that accepts is taken
    bench.hear(second, accept(asked[0][1].serial, second))
    assert bench.brain.parent(STREAM) == second
    assert near in [who for who, _ in bench.take(w.Leave)]


def test_what_the_plane_switched_is_confirmed() -> None:
    bench = Bench()
    bench.attach(node(2))
    second = with_standby(bench)
    bench.do("plane_notice", Activated(STREAM, second, 77))
    assert bench.brain.parent(STREAM) == second
    assert bench.brain.standby(STREAM) is None
    assert bench.one(w.Leave)[0] == node(2)


def test_a_switch_to_a_node_that_is_not_the_second_is_turned_back() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.do("plane_notice", Activated(STREAM, node(66), 77))
    assert bench.told(SetActive)[-1].parent == node(2)
    assert bench.brain.parent(STREAM) == node(2)


def test_an_activated_leg_makes_an_active_child() -> None:
    bench = Bench()
    bench.publish()
    child = bench.child(5, w.Use.STANDBY)
    assert bench.brain.children(STREAM) == ()
    bench.do("plane_notice", LegActivated(STREAM, child, 4))
    assert bench.brain.children(STREAM) == (child,)


def test_a_drop_leads_to_the_targets_it_names() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    serial = bench.tree.parent.serial if bench.tree.parent else 0
    bench.link(node(6))
    targets = (w.Target(node(6), 0.01, 2),)
    bench.hear(parent, w.Drop(STREAM, serial, w.Why.LEAVING, targets))
    assert bench.one(w.Join)[0] == node(6)
    assert bench.happened(Orphaned)


def test_a_drop_for_an_older_edge_is_nothing() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    bench.hear(parent, w.Drop(STREAM, 999_999, w.Why.LEAVING))
    assert bench.brain.parent(STREAM) == parent


def test_a_stream_that_ended_is_passed_on_and_lingered_for() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    child = bench.child(5)
    serial = bench.tree.parent.serial if bench.tree.parent else 0
    bench.hear(parent, w.Drop(STREAM, serial, w.Why.GONE))
    assert bench.one(w.Drop) == (child, w.Drop(STREAM, 5, w.Why.GONE))
    assert not bench.take(w.Join)
    bench.pass_time(bench.config.linger_s - 0.1)
    assert not bench.happened(StreamEnded)
    bench.pass_time(0.2)
    assert bench.happened(StreamEnded)


def test_a_publisher_that_comes_back_elsewhere_is_joined_there() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    serial = bench.tree.parent.serial if bench.tree.parent else 0
    bench.hear(parent, w.Drop(STREAM, serial, w.Why.GONE))
    fresh = bench.link(node(44))
    bench.hops[fresh] = fresh
    bench.do("origin_moved", STREAM, fresh)
    asked, wish = bench.one(w.Join)
    assert (asked, wish.origin) == (fresh, fresh)
    bench.hear(fresh, accept(wish.serial, fresh, above=()))
    assert bench.brain.parent(STREAM) == fresh


def test_a_silent_publisher_is_told_by_pulses_of_the_origin() -> None:
    bench = Bench()
    bench.publish()
    child, standby = bench.child(5), bench.child(6, w.Use.STANDBY)
    bench.do("plane_notice", Silent(STREAM, True))
    bench.pass_time(2.0)
    pulses = bench.take(w.Pulse)
    assert {who for who, _ in pulses} == {child}
    assert standby not in dict(pulses)
    numbers = [pulse.number for _, pulse in pulses]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 3
    bench.do("plane_notice", Flowing(STREAM, ME, 5))
    bench.pass_time(3.0)
    assert not bench.take(w.Pulse)


def test_pulses_keep_an_edge_and_are_passed_on_once() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    child = bench.child(5)
    bench.do("plane_notice", Silent(STREAM, True))
    for number in (10, 11, 12, 13, 14):
        bench.hear(parent, w.Pulse(STREAM, number))
        bench.hear(parent, w.Pulse(STREAM, number))
        bench.pass_time(0.8)
    assert bench.brain.parent(STREAM) == parent
    assert bench.brain.live(STREAM)
    assert [p.number for who, p in bench.take(w.Pulse) if who == child] == [
        10,
        11,
        12,
        13,
        14,
    ]


def test_a_pulse_that_is_late_ends_nothing_that_flows() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    bench.do("plane_notice", Silent(STREAM, True))
    bench.do("plane_notice", Flowing(STREAM, parent, 9))
    bench.hear(parent, w.Pulse(STREAM, 10))
    bench.pass_time(3.0)
    assert bench.brain.parent(STREAM) == parent
    assert bench.brain.live(STREAM)


def test_a_pulse_that_is_early_explains_the_silence_that_follows() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    bench.offer(bench.link(node(3)))
    bench.pass_time(1.5)
    bench.sent.clear()
    bench.hear(parent, w.Pulse(STREAM, 10))
    bench.do("plane_notice", Silent(STREAM, True))
    bench.pass_time(0.8)
    assert bench.brain.live(STREAM)
    assert not bench.take(w.Join)
    # without another one the edge ends as any other
    bench.pass_time(bench.config.packet_life_s)
    assert bench.brain.parent(STREAM) is None


def test_a_dead_parent_is_not_explained_by_a_pulse() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    bench.offer(bench.link(node(3)))
    bench.hear(parent, w.Pulse(STREAM, 10))
    bench.do("plane_notice", Silent(STREAM, False))
    assert bench.one(w.Join)[0] == node(3)


def test_old_pulses_that_circle_do_not_keep_an_edge() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    bench.hear(parent, w.Pulse(STREAM, 10))
    bench.do("plane_notice", Silent(STREAM, True))
    for _ in range(5):
        bench.pass_time(0.5)
        bench.hear(parent, w.Pulse(STREAM, 10))
    assert bench.brain.parent(STREAM) is None


def test_a_pulse_from_elsewhere_is_nothing() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.link(node(3))
    bench.do("plane_notice", Silent(STREAM, True))
    bench.hear(node(3), w.Pulse(STREAM, 10))
    assert not bench.brain.live(STREAM)


def test_the_root_path_through_oneself_ends_the_edge() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    bench.hear(parent, path(parent, 0.0, (ORIGIN, ME)))
    assert bench.brain.parent(STREAM) is None


def test_joiners_behind_an_orphan_are_checked_against_its_new_path() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.do("plane_notice", Silent(STREAM, True))
    waiting = bench.link(node(5))
    bench.hear(waiting, join(5))
    bench.pass_time(0.41)
    bench.take(w.Join)
    bench.hear(node(2), path(node(2), 0.0, (ORIGIN, waiting)))
    bench.do("plane_notice", Flowing(STREAM, node(2), 9))
    assert bench.one(w.Refuse)[1].reason is w.Why.BELOW
