"""Names of the nodes above: the question climbs, the answer is checked on its way."""

from __future__ import annotations

from meshproto.distribution.events import PathNamed
from meshproto.events import Refused
from meshproto.ids import NodeId
from meshproto.wire.control import distribution as w
from support.tree_bench import ME, ORIGIN, STREAM, Bench, node, path

PARENT, MIDDLE = node(2), node(3)


def deep() -> Bench:
    """Two nodes above: the origin, one between, the parent."""
    bench = Bench()
    bench.attach(PARENT)
    bench.hear(PARENT, path(PARENT, 0.02, (ORIGIN, MIDDLE)))
    bench.sent.clear()
    bench.events.clear()
    return bench


def names(*nodes: NodeId) -> w.Names:
    return w.Names(STREAM, nodes)


def refused(bench: Bench) -> list[str]:
    return [event.reason for event in bench.happened(Refused)]


def test_below_the_origin_there_is_nothing_to_ask() -> None:
    bench = Bench()
    bench.attach(ORIGIN)
    bench.do("name_path", STREAM)
    assert not bench.take(w.WhoAbove)
    assert bench.brain.names(STREAM) == (ORIGIN,)


def test_the_parent_is_asked_and_believed_when_the_names_fit() -> None:
    bench = deep()
    assert bench.brain.names(STREAM) == ()
    bench.do("name_path", STREAM)
    assert bench.one(w.WhoAbove) == (PARENT, w.WhoAbove(STREAM))
    bench.hear(PARENT, names(ORIGIN, MIDDLE, PARENT))
    assert bench.brain.names(STREAM) == (ORIGIN, MIDDLE, PARENT)
    assert PathNamed(STREAM) in bench.events


def test_one_question_a_second() -> None:
    bench = deep()
    bench.do("name_path", STREAM)
    bench.do("name_path", STREAM)
    assert len(bench.take(w.WhoAbove)) == 1
    bench.now += bench.config.names_pause_s
    bench.do("name_path", STREAM)
    assert len(bench.take(w.WhoAbove)) == 1


def test_a_stream_without_a_tree_has_no_names() -> None:
    bench = Bench()
    bench.do("name_path", STREAM)
    assert not bench.take(w.WhoAbove)
    assert bench.brain.names(STREAM) == ()


def test_names_that_do_not_fit_the_path_are_refused() -> None:
    bench = deep()
    for wrong in (names(ORIGIN, PARENT), names(ORIGIN, node(9), PARENT), names()):
        bench.now += bench.config.names_pause_s
        bench.do("name_path", STREAM)
        bench.hear(PARENT, wrong)
        assert refused(bench) == ["tree-names"]
        bench.events.clear()
    assert bench.brain.names(STREAM) == ()


def test_names_unasked_and_names_of_strangers_are_refused() -> None:
    bench = deep()
    bench.hear(PARENT, names(ORIGIN, MIDDLE, PARENT))
    assert refused(bench) == ["tree-names"]
    bench.events.clear()
    bench.do("name_path", STREAM)
    bench.hear(bench.link(node(7)), names(ORIGIN, MIDDLE, PARENT))
    assert refused(bench) == ["tree-names"]
    assert bench.brain.names(STREAM) == ()


def test_a_path_that_changed_has_no_names_any_more() -> None:
    bench = deep()
    bench.do("name_path", STREAM)
    bench.hear(PARENT, names(ORIGIN, MIDDLE, PARENT))
    bench.hear(PARENT, path(PARENT, 0.02, (ORIGIN, node(8))))
    assert bench.brain.names(STREAM) == ()


def test_the_origin_answers_its_child() -> None:
    bench = Bench()
    bench.publish()
    child = bench.child(5)
    bench.hear(child, w.WhoAbove(STREAM))
    assert bench.one(w.Names) == (child, names(ME))


def test_who_knows_answers_at_once() -> None:
    bench = deep()
    child = bench.child(5)
    bench.do("name_path", STREAM)
    bench.hear(PARENT, names(ORIGIN, MIDDLE, PARENT))
    bench.sent.clear()
    bench.hear(child, w.WhoAbove(STREAM))
    assert bench.sent == [(child, names(ORIGIN, MIDDLE, PARENT, ME))]


def test_who_does_not_know_asks_above_and_answers_all_who_stayed() -> None:
    bench = deep()
    stays, goes = bench.child(5), bench.child(6)
    for child in (stays, goes):
        bench.hear(child, w.WhoAbove(STREAM))
    assert [who for who, _ in bench.take(w.WhoAbove)] == [PARENT]
    bench.unlink(goes)
    bench.hear(PARENT, names(ORIGIN, MIDDLE, PARENT))
    assert bench.take(w.Names) == [(stays, names(ORIGIN, MIDDLE, PARENT, ME))]
    assert not bench.tree.naming.waiting


def test_strangers_are_not_answered() -> None:
    bench = deep()
    bench.hear(bench.link(node(7)), w.WhoAbove(STREAM))
    assert refused(bench) == ["tree-edge"]
    assert not bench.take(w.Names)
    assert not bench.tree.naming.waiting
