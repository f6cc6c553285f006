"""Messages of data channels: down to all viewers, up to the publisher alone."""

from __future__ import annotations

import pytest

from meshproto.events import Refused
from meshproto.ids import NodeId
from meshproto.outputs import Deliver
from meshproto.wire.control import distribution as w
from support.tree_bench import ME, ORIGIN, STREAM, Bench, accept, join, node

PARENT, VIEWER = node(2), node(50)


def down(sequence: int = 1, data: bytes | str = "hello") -> w.MessageDown:
    return w.MessageDown(STREAM, ORIGIN, sequence, "chat", data)


def up(sequence: int = 1, source: NodeId = VIEWER) -> w.MessageUp:
    return w.MessageUp(STREAM, source, sequence, "chat", b"hi")


def relay() -> Bench:
    """A parent, two children, and viewers of its own."""
    bench = Bench()
    bench.attach(PARENT)
    bench.child(5)
    bench.child(6)
    bench.sent.clear()
    return bench


def test_what_the_publisher_says_goes_to_every_child() -> None:
    bench = Bench()
    bench.publish()
    children = [bench.child(5), bench.child(6)]
    bench.do("say", STREAM, "chat", "hello")
    sent = bench.take(w.MessageDown)
    assert [who for who, _ in sent] == children
    assert {(m.source, m.label, m.data) for _, m in sent} == {(ME, "chat", "hello")}
    assert len({m.sequence for _, m in sent}) == 1


def test_what_a_viewer_says_goes_to_the_parent_alone() -> None:
    bench = relay()
    bench.do("say", STREAM, "chat", b"hi")
    assert not bench.take(w.MessageDown)
    who, said = bench.one(w.MessageUp)
    assert (who, said.source, said.data) == (PARENT, ME, b"hi")


def test_a_relay_hands_down_and_tells_its_own_viewers() -> None:
    bench = relay()
    bench.hear(PARENT, down())
    assert bench.delivered == [Deliver(STREAM, False, "chat", "hello")]
    assert bench.take(w.MessageDown) == [(node(5), down()), (node(6), down())]


def test_a_relay_hands_up_and_does_not_listen() -> None:
    bench = relay()
    bench.hear(node(5), up())
    assert bench.one(w.MessageUp) == (PARENT, up())
    assert not bench.delivered
    assert not bench.take(w.MessageDown)


def test_the_origin_tells_the_publisher_what_viewers_say() -> None:
    bench = Bench()
    bench.publish()
    child = bench.child(5)
    bench.hear(child, up())
    assert bench.delivered == [Deliver(STREAM, True, "chat", b"hi")]


def test_a_node_without_viewers_only_passes_on() -> None:
    bench = relay()
    bench.do("unsubscribe", STREAM)
    bench.hear(PARENT, down())
    assert not bench.delivered
    assert len(bench.take(w.MessageDown)) == 2


def test_duplicates_and_what_went_in_a_ring_have_no_effect() -> None:
    bench = relay()
    bench.hear(PARENT, down())
    bench.hear(node(5), up())
    bench.do("say", STREAM, "chat", "mine")
    _, mine = bench.take(w.MessageUp)[-1]
    bench.sent.clear()
    bench.delivered.clear()
    bench.hear(PARENT, down())
    bench.hear(node(6), up())
    bench.hear(node(6), mine)
    assert not bench.take(w.MessageDown)
    assert not bench.take(w.MessageUp)
    assert not bench.delivered
    assert bench.brain.messages()["message-twice"] == 3


@pytest.mark.parametrize("record", [down(), up()])
def test_who_has_no_such_edge_is_refused(record: w.Message) -> None:
    bench = relay()
    bench.link(node(9))
    bench.hear(node(9), record)
    assert [e.reason for e in bench.happened(Refused)] == ["tree-edge"]
    assert not bench.delivered
    assert not bench.sent


def test_a_child_may_not_speak_as_the_publisher_nor_a_parent_as_a_viewer() -> None:
    bench = relay()
    bench.hear(node(5), down())
    bench.hear(PARENT, up())
    assert [e.reason for e in bench.happened(Refused)] == ["tree-edge"] * 2


def test_standby_children_hear_nothing_until_they_count_on_this_node() -> None:
    bench = Bench()
    bench.publish()
    bench.child(5, w.Use.STANDBY)
    bench.do("say", STREAM, "chat", "first")
    assert not bench.take(w.MessageDown)
    serial = bench.tree.children[node(5)].serial
    bench.hear(node(5), w.Interest(STREAM, serial, join().demand))
    who, said = bench.one(w.MessageDown)
    assert (who, said.data) == (node(5), "first")
    assert bench.tree.children[node(5)].active


def test_an_orphan_gets_what_it_missed_and_a_newcomer_does_not() -> None:
    bench = Bench()
    bench.publish()
    bench.do("say", STREAM, "chat", "early")
    bench.child(5)
    assert not bench.take(w.MessageDown)
    bench.child(6, w.Use.REPAIR)
    assert bench.one(w.MessageDown)[0] == node(6)
    bench.pass_time(bench.config.message_kept_s + 0.1)
    bench.sent.clear()
    bench.child(7, w.Use.REPAIR)
    assert not bench.take(w.MessageDown)


def test_messages_may_overtake_the_accept_that_they_follow() -> None:
    bench = Bench()
    bench.link(PARENT)
    bench.hops[ORIGIN] = PARENT
    bench.subscribe()
    _, asked = bench.one(w.Join)
    bench.hear(PARENT, down())
    assert len(bench.delivered) == 1
    bench.hear(PARENT, accept(asked.serial, PARENT))
    bench.hear(PARENT, down())
    assert len(bench.delivered) == 1


def test_what_is_too_large_or_no_text_is_refused_and_counted() -> None:
    bench = relay()
    assert not bench.brain.say(STREAM, "chat", bytes(64_001), bench.now)
    assert not bench.brain.say(STREAM, "l" * 1_025, b"", bench.now)
    assert not bench.brain.say(STREAM, "chat", "\ud800", bench.now)
    assert bench.brain.say(STREAM, "chat", bytes(64_000), bench.now)
    counts = bench.brain.messages()
    assert (counts["message-large"], counts["message-text"]) == (2, 1)


def test_a_link_that_has_no_room_or_no_rate_left_loses_messages_not_itself() -> None:
    bench = Bench()
    bench.publish()
    slow, quick = bench.child(5), bench.child(6)
    bench.held_back[slow] = bench.config.message_waiting_max + 1
    for _ in range(10):
        bench.do("say", STREAM, "chat", bytes(60_000))
    assert {who for who, _ in bench.take(w.MessageDown)} == {quick}
    counts = bench.brain.messages()
    assert counts["message-full"] == 10
    assert counts["sent"] + counts["message-rate"] == 10
    assert counts["sent"] == 4


def test_a_neighbour_that_floods_is_cut_short() -> None:
    bench = relay()
    for sequence in range(20):
        bench.hear(PARENT, down(sequence, bytes(60_000)))
    assert len(bench.delivered) == 8
    assert bench.brain.messages()["message-flood"] == 12


def test_without_a_parent_nothing_can_be_said_upwards() -> None:
    bench = Bench()
    bench.subscribe()
    assert not bench.brain.say(STREAM, "chat", "hello", bench.now)
    assert bench.brain.messages()["message-lost"] == 1


def test_nobody_speaks_of_a_stream_that_is_not_here() -> None:
    assert not Bench().brain.say(STREAM, "chat", "hello", 1.0)
