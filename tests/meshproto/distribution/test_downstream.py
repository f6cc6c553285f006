"""Children: accepted, redirected, refused, queued."""

from __future__ import annotations

import itertools

from meshproto.distribution.events import ChildRemoved, LoopCut
from meshproto.forwarding.relay_table import CloseLeg, OpenLeg
from meshproto.ids import short_id
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
    path,
    peer_record,
)


def publisher(slots: float = 8) -> Bench:
    bench = Bench(slots)
    bench.publish()
    return bench


def passing_by(viewers: int) -> Bench:
    """All slots are taken; child 2 has viewers below it, and its child wants to us."""
    bench = Bench(2)
    bench.publish()
    bench.child(2, subtree=4, viewers=viewers)
    bench.child(3)
    bench.link(node(9))
    where = w.Place(node(2), 0.1, 0.0, ())
    bench.hear(node(9), join(90, w.Use.MOVE, ME, place=where, subtree=3, viewers=3))
    return bench


def test_the_only_child_of_a_relay_takes_the_slot_that_the_relay_will_leave() -> None:
    assert node(9) in passing_by(3).brain.children(STREAM)


def test_the_child_of_one_that_stays_gets_no_slot_that_is_not_there() -> None:
    assert node(9) not in passing_by(4).brain.children(STREAM)


def test_an_accepted_child_gets_a_leg_its_alias_and_the_root_path() -> None:
    bench = publisher()
    bench.held = (40, 60)
    child = bench.child(2)
    who, said = bench.one(w.Accept)
    leg = bench.told(OpenLeg)[0]
    assert who == child
    assert said.alias == leg.alias
    assert said.base == 40
    assert leg.start is None
    assert said.path == (short_id(ME),)
    assert said.rates_bps == (1_000_000,)


def test_who_has_packets_already_gets_what_it_misses() -> None:
    bench = publisher()
    bench.held = (40, 60)
    bench.link(node(2))
    bench.hear(node(2), join(1, w.Use.REPAIR, ME, after=55))
    assert bench.told(OpenLeg)[0].start == 56
    assert bench.one(w.Accept)[1].base == 56


def test_no_alias_comes_twice() -> None:
    bench = publisher(16)
    aliases = []
    for number in range(2, 10):
        child = bench.child(number)
        aliases.append(bench.one(w.Accept)[1].alias)
        bench.hear(child, w.Leave(STREAM, number))
    assert len(set(aliases)) == len(aliases)
    steps = [b - a for a, b in itertools.pairwise(aliases)]
    assert min(abs(step) for step in steps) >= w.LAYERS_MAX


def test_a_full_node_names_children_with_room_nearest_to_the_joiner_first() -> None:
    bench = publisher(3)
    places = {2: 0.08, 3: 0.01, 4: 0.03}
    for number, x_s in places.items():
        bench.peers[node(number)] = peer_record(node(number), x_s)
        bench.child(number, room=2)
    bench.peers[node(9)] = peer_record(node(9), 0.0)
    bench.child(9)
    said = bench.one(w.Redirect)[1]
    assert [target.node for target in said.targets] == [node(3), node(4), node(2)]
    assert said.targets[0].peer == bench.peers[node(3)]


def test_a_child_without_room_is_not_named() -> None:
    bench = publisher(2)
    bench.child(2, room=0)
    bench.child(3, room=1)
    bench.child(9)
    assert [t.node for t in bench.one(w.Redirect)[1].targets] == [node(3)]


def test_promised_room_is_not_promised_again() -> None:
    bench = publisher(1)
    bench.child(2, room=1)
    bench.child(8)
    assert bench.take(w.Redirect)
    bench.child(9)
    assert bench.one(w.Refuse)[1].reason is w.Why.FULL


def test_without_room_below_the_parent_is_named() -> None:
    bench = Bench(1)
    parent = bench.attach(node(2))
    bench.child(3)
    bench.child(9)
    assert [t.node for t in bench.one(w.Redirect)[1].targets] == [parent]


def test_a_full_origin_without_room_below_refuses() -> None:
    bench = publisher(1)
    bench.child(2)
    bench.child(3)
    assert bench.one(w.Refuse)[1].reason is w.Why.FULL


def test_a_joiner_in_the_root_path_is_refused() -> None:
    bench = Bench()
    bench.attach(node(2), above=(ORIGIN, node(7), node(2)))
    bench.child(7)
    assert bench.one(w.Refuse)[1].reason is w.Why.BELOW
    bench.hear(node(2), join(5, origin=ORIGIN))
    assert bench.one(w.Refuse)[1].reason is w.Why.BELOW
    assert bench.brain.children(STREAM) == ()


def test_a_joiner_for_another_origin_is_refused() -> None:
    bench = publisher()
    bench.link(node(2))
    bench.hear(node(2), join(1, origin=node(77)))
    assert bench.one(w.Refuse)[1].reason is w.Why.ORIGIN


def test_a_path_as_long_as_may_be_takes_no_child() -> None:
    bench = Bench()
    line = [node(200 + k) for k in range(w.PATH_MAX - 2)]
    bench.attach(node(2), above=(ORIGIN, *line[:-1], node(2)))
    assert len(bench.brain.root_path(STREAM)) == w.PATH_MAX - 1 + 1
    bench.child(3)
    assert bench.one(w.Refuse)[1].reason is w.Why.DEPTH


def test_without_media_joiners_are_queued_and_served_when_it_comes() -> None:
    bench = Bench()
    hop = bench.link(node(2))
    bench.hops[ORIGIN] = hop
    child = bench.link(node(3))
    bench.hear(child, join(31))
    assert bench.one(w.Stalled) == (child, w.Stalled(STREAM, 31))
    asked, wish = bench.one(w.Join)
    assert asked == hop
    assert not bench.told(OpenLeg)
    bench.hear(hop, accept(wish.serial, hop))
    assert bench.one(w.Accept)[0] == child
    assert bench.brain.children(STREAM) == (child,)


def test_two_joiners_make_one_join_upwards() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(node(2))
    for number in (3, 4):
        bench.link(node(number))
        bench.hear(node(number), join(number, layers=number - 2))
    assert len(bench.take(w.Join)) == 1


def test_the_queue_is_bounded() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(node(2))
    for number in range(10, 10 + bench.config.queue_max + 1):
        bench.link(node(number))
        bench.hear(node(number), join(number))
    assert len(bench.take(w.Stalled)) == bench.config.queue_max
    assert bench.one(w.Refuse)[1].reason is w.Why.BUSY


def test_a_joiner_is_not_led_back_to_itself() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(node(2))
    bench.hear(node(2), join(1))
    assert bench.one(w.Refuse)[1].reason is w.Why.UNKNOWN
    assert not list(bench.brain.streams())


def test_a_second_join_replaces_the_first_edge() -> None:
    bench = publisher()
    child = bench.child(2)
    bench.hear(child, join(77, w.Use.REPAIR, ME))
    assert bench.happened(ChildRemoved)[0].reason == "replaced"
    assert [type(d) for d in bench.deltas if isinstance(d, OpenLeg | CloseLeg)] == [
        OpenLeg,
        CloseLeg,
        OpenLeg,
    ]
    # a farewell to the first edge does not touch the second
    bench.hear(child, w.Leave(STREAM, 2))
    assert bench.brain.children(STREAM) == (child,)
    bench.hear(child, w.Leave(STREAM, 77))
    assert bench.brain.children(STREAM) == ()


def test_a_lost_link_ends_the_edge() -> None:
    bench = publisher()
    child = bench.child(2)
    bench.unlink(child)
    assert bench.told(CloseLeg) == [CloseLeg(STREAM, child)]
    assert bench.happened(ChildRemoved)[0].reason == "link"


def test_a_child_that_turns_up_in_the_root_path_is_cut_off() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    child = bench.child(3)
    bench.hear(parent, path(parent, 0.01, (ORIGIN, child)))
    assert bench.happened(LoopCut)[0].other == child
    assert bench.one(w.Drop)[1].reason is w.Why.LOOP
    assert bench.brain.children(STREAM) == ()


def test_whom_we_stood_by_for_may_feed_us_and_that_is_no_loop() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    child = bench.child(3, w.Use.STANDBY)
    bench.hear(parent, path(parent, 0.01, (ORIGIN, child)))
    assert bench.happened(LoopCut) == []
    assert bench.one(w.Drop)[1].reason is w.Why.LOOP
    assert bench.brain.children(STREAM) == ()


def test_a_query_is_answered_with_place_slots_and_kin() -> None:
    bench = publisher(4)
    bench.child(2, subtree=5, room=3)
    bench.child(3)
    bench.hear(node(3), w.Query(STREAM, 9))
    said = bench.one(w.Tell)[1]
    assert said.token == 9
    assert said.slots == 2
    assert said.path == (short_id(ME),)
    assert [kin.node for kin in said.kin] == [node(2)]


def test_a_query_for_an_unknown_tree_is_answered_emptily() -> None:
    bench = Bench()
    bench.link(node(3))
    bench.hear(node(3), w.Query(STREAM, 9))
    assert bench.one(w.Tell)[1].path == ()


def test_at_most_fifty_new_edges_a_second() -> None:
    bench = publisher(16)
    for number in range(2, 2 + bench.config.accepts_per_s + 3):
        child = bench.child(number)
        bench.hear(child, w.Leave(STREAM, number))
    assert len(bench.take(w.Accept)) == bench.config.accepts_per_s
    bench.pass_time(1.0)
    bench.child(99)
    assert len(bench.take(w.Accept)) == 1


def test_a_starved_joiner_with_a_slot_takes_the_place_of_a_leaf_without() -> None:
    bench = publisher(1)
    leaf = bench.child(2)
    bench.sent.clear()
    joiner = bench.child(9, w.Use.STARVED, room=2)
    assert bench.one(w.Accept)[0] == joiner
    who, release = bench.one(w.Release)
    assert who == leaf
    assert [target.node for target in release.targets] == [joiner]
    # once at a time: now there is one too many
    bench.child(10, w.Use.STARVED, room=2)
    assert not bench.take(w.Accept)


def test_a_starved_joiner_without_a_slot_displaces_nobody() -> None:
    bench = publisher(1)
    bench.child(2)
    bench.sent.clear()
    bench.child(9, w.Use.STARVED)
    assert bench.one(w.Refuse)[1].reason is w.Why.FULL


def test_nobody_with_children_or_slots_is_displaced() -> None:
    bench = publisher(2)
    bench.child(2, subtree=2)
    bench.child(3, spare=1)
    bench.sent.clear()
    bench.child(9, w.Use.STARVED, room=2)
    assert not bench.take(w.Release)


def test_a_move_that_is_declined_leaves_the_mover_its_second_parent() -> None:
    bench = Bench(2)
    bench.publish()
    for number in (2, 3):
        bench.child(number, room=1)
    mover = bench.child(8, w.Use.STANDBY)
    bench.take(w.Accept)
    bench.hear(mover, join(9, w.Use.MOVE, ME))
    assert bench.one(w.Redirect)[0] == mover
    assert bench.tree.children[mover].serial == 8
    bench.hear(mover, w.Rely(STREAM, 8, demand()))
    assert not bench.take(w.Drop)
    # with a slot the new edge takes the place of the old one
    bench.hear(node(2), w.Leave(STREAM, 2))
    bench.hear(mover, join(10, w.Use.MOVE, ME))
    assert bench.one(w.Accept)[1].serial == 10
    assert bench.tree.children[mover].use is w.Use.MOVE
