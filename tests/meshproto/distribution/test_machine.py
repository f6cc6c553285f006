"""The verbs and queries of the machine."""

from __future__ import annotations

import pytest

from meshproto.distribution import Active, TreeUse
from meshproto.errors import StateError
from meshproto.events import LimitReached, Refused
from meshproto.forwarding.relay_table import CloseStream, OpenStream, SetActive
from meshproto.ids import StreamId
from meshproto.wire.control import distribution as w
from support.tree_bench import ME, ORIGIN, RATE_BPS, STREAM, Bench, accept, join, node


def stream(number: int) -> StreamId:
    return StreamId(b"stream" + number.to_bytes(10, "big"))


def test_misuse_is_the_callers_fault() -> None:
    bench = Bench()
    with pytest.raises(StateError):
        bench.do("publish", STREAM, ())
    with pytest.raises(StateError):
        bench.do("subscribe", STREAM, ORIGIN, 0, 1)
    with pytest.raises(StateError):
        bench.do("subscribe", STREAM, ORIGIN, 1, 0)


def test_what_is_not_there_may_be_ended() -> None:
    bench = Bench()
    bench.do("unpublish", STREAM)
    bench.do("unsubscribe", STREAM)
    bench.do("origin_moved", STREAM, ORIGIN)
    bench.do("neighbour_down", node(4))
    bench.do("dial_failed", node(4))
    bench.do("route_changed", ORIGIN)
    bench.do("probed", 3, 0.1)
    assert not bench.deltas
    assert not bench.sent


def test_a_publisher_is_live_at_once_and_the_root() -> None:
    bench = Bench()
    bench.publish()
    assert bench.brain.live(STREAM)
    assert bench.brain.delay_s(STREAM) == 0.0
    assert len(bench.brain.root_path(STREAM)) == 1
    assert bench.told(OpenStream) == [OpenStream(STREAM, True)]
    assert bench.changes[0] == Active(ME, True)


def test_unpublishing_tells_children_and_forgets() -> None:
    bench = Bench()
    bench.publish()
    child = bench.child(5)
    bench.do("unpublish", STREAM)
    assert bench.one(w.Drop) == (child, w.Drop(STREAM, 5, w.Why.GONE))
    assert bench.told(CloseStream) == [CloseStream(STREAM)]
    assert bench.changes[-2:] == [TreeUse(child, False), Active(ME, False)] or (
        Active(ME, False) in bench.changes
    )
    assert bench.brain.next_timeout() is None


def test_an_origin_is_wanted_while_a_tree_of_it_is_here() -> None:
    bench = Bench()
    bench.do("subscribe", stream(1), ORIGIN, 1, 1)
    bench.do("subscribe", stream(2), ORIGIN, 1, 1)
    bench.do("unsubscribe", stream(1))
    assert bench.changes == [Active(ORIGIN, True)]
    bench.do("unsubscribe", stream(2))
    assert bench.changes == [Active(ORIGIN, True), Active(ORIGIN, False)]


def test_links_are_in_use_while_an_edge_runs_over_them() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    child = bench.child(5)
    standby = bench.child(6, w.Use.STANDBY)
    used = [c for c in bench.changes if isinstance(c, TreeUse)]
    assert used == [TreeUse(n, True) for n in (parent, child, standby)]
    bench.changes.clear()
    bench.hear(standby, w.Leave(STREAM, 6))
    bench.hear(child, w.Leave(STREAM, 5))
    bench.do("unsubscribe", STREAM)
    used = [c for c in bench.changes if isinstance(c, TreeUse)]
    assert used == [TreeUse(n, False) for n in (standby, child, parent)]


def test_changes_are_taken_once() -> None:
    bench = Bench()
    bench.publish()
    assert bench.changes
    assert bench.brain.take_changes() == []


def test_subscribing_again_changes_the_wish() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.sent.clear()
    bench.do("subscribe", STREAM, ORIGIN, 0b111, 4)
    bench.pass_time(0.2)
    said = bench.one(w.Interest)[1].demand
    assert (said.layers, said.viewers) == (0b111, 4)


def test_the_last_viewer_leaves_the_parent() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    bench.do("unsubscribe", STREAM)
    assert bench.one(w.Leave)[0] == parent
    assert [d.parent for d in bench.told(SetActive)] == [parent, None]
    assert bench.told(CloseStream)


def test_a_relay_stays_a_moment_after_its_last_child() -> None:
    bench = Bench()
    bench.attach(node(2))
    child = bench.child(5)
    bench.do("unsubscribe", STREAM)
    bench.hear(child, w.Leave(STREAM, 5))
    bench.pass_time(bench.config.collect_s - 0.1)
    assert bench.brain.parent(STREAM) == node(2)
    bench.pass_time(0.2)
    assert not list(bench.brain.streams())


def test_trees_are_bounded_and_the_limit_is_named() -> None:
    bench = Bench()
    for number in range(bench.config.trees_max + 1):
        bench.do("publish", stream(number), (RATE_BPS,))
    assert len(list(bench.brain.streams())) == bench.config.trees_max
    assert bench.happened(LimitReached)[0].limit == "trees_max"


def test_children_come_largest_first() -> None:
    bench = Bench()
    bench.publish()
    for number, size in ((2, 3), (3, 9), (4, 5)):
        bench.child(number, subtree=size)
    assert bench.brain.children(STREAM) == (node(3), node(4), node(2))


def test_a_publisher_may_take_over_a_stream_that_was_watched_here() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    bench.publish()
    assert bench.brain.parent(STREAM) is None
    assert bench.one(w.Leave)[0] == parent
    assert bench.tree.subscribed
    assert bench.brain.live(STREAM)


def test_the_same_origin_again_only_wakes_who_has_no_parent() -> None:
    bench = Bench()
    parent = bench.attach(node(2))
    bench.do("origin_moved", STREAM, ORIGIN)
    assert bench.brain.parent(STREAM) == parent
    assert not bench.take(w.Leave)


def test_records_of_other_packages_are_refused() -> None:
    bench = Bench()
    bench.publish()
    bench.link(node(3))
    before = len(bench.deltas)
    bench.hear(node(3), w.SwapGo(STREAM, 1))
    bench.hear(node(3), w.Resume(STREAM, 1, 1))
    assert len(bench.happened(Refused)) == 2
    assert len(bench.deltas) == before


def test_a_suspected_parent_brings_a_turn_forward() -> None:
    bench = Bench()
    bench.attach(node(2))
    bench.offer(bench.link(node(8)))
    bench.pass_time(40.0)
    bench.tree.turn = None
    bench.sent.clear()
    bench.do("suspected", node(2))
    bench.pass_time(bench.config.probe_wait_s + 0.1)
    assert bench.take(w.Query) or bench.tree.moved_at > 0


def test_the_dump_is_plain_data() -> None:
    import json

    bench = Bench()
    bench.attach(node(2))
    bench.child(5)
    told = json.loads(json.dumps(bench.brain.dump()))
    assert told[STREAM.hex()]["parent"] == node(2).hex()
    assert node(5).hex() in told[STREAM.hex()]["children"]


def test_the_same_inputs_give_the_same_outputs() -> None:
    def story() -> list[object]:
        bench = Bench(seed=9)
        bench.hops[ORIGIN] = bench.link(node(2))
        bench.subscribe()
        wish = bench.one(w.Join)[1]
        bench.hear(node(2), accept(wish.serial, node(2)))
        bench.link(node(5))
        bench.hear(node(5), join(5))
        bench.pass_time(100.0)
        return [*bench.sent, *bench.deltas, *bench.events]

    assert story() == story()
