"""Records from anybody, at any time: no effect but a label."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshproto.events import Refused
from meshproto.forwarding.relay_table import SetLeg
from meshproto.wire.control import distribution as w
from meshproto.wire.control.schema import Record
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

PLACE = w.Place(node(40), 0.1, 0.1, (), peer_record(node(40)))
STRANGE: list[Record] = [
    accept(4711, node(7)),
    w.Redirect(STREAM, 4711, ()),
    w.Refuse(STREAM, 4711, w.Why.FULL),
    w.Stalled(STREAM, 4711),
    w.Leave(STREAM, 4711),
    w.Drop(STREAM, 4711, w.Why.GONE),
    path(node(7)),
    w.Pause(STREAM, 4711, 5),
    w.Resume(STREAM, 4711, 5),
    w.Pulse(STREAM, 4711),
    w.Tell(STREAM, 4711, 0.0, 1, (), (), ()),
    w.MoveCommit(STREAM, 4711, node(8), 0),
    w.MoveVerdict(STREAM, 4711, ME, True, ()),
    w.MoveVerdict(STREAM, 4711, node(8), True, ()),
    w.SwapAsk(STREAM, 4711, 9.0, PLACE),
    w.SwapAnswer(STREAM, 4711, True),
    w.SwapGo(STREAM, 4711),
    w.Release(STREAM, 4711, (w.Target(node(9), 0.0, 9),)),
]


def test_nothing_that_belongs_to_no_edge_has_an_effect() -> None:
    bench = Bench()
    bench.attach(node(2))
    child = bench.child(5)
    stranger = bench.link(node(7))
    deltas, parent = len(bench.deltas), bench.brain.parent(STREAM)
    for record in STRANGE:
        bench.hear(stranger, record)
    assert len(bench.deltas) == deltas
    assert bench.brain.parent(STREAM) == parent
    assert bench.brain.children(STREAM) == (child,)
    assert bench.tree.move is None
    assert len(bench.happened(Refused)) >= 10


def test_nothing_for_an_unknown_stream_has_an_effect() -> None:
    bench = Bench()
    stranger = bench.link(node(7))
    for record in STRANGE:
        bench.hear(stranger, record)
    assert not bench.deltas
    assert not list(bench.brain.streams())
    # what holds resources elsewhere is given back
    assert bench.take(w.Leave) == [(stranger, w.Leave(STREAM, 4711))]


def test_an_interest_for_an_unknown_tree_is_answered() -> None:
    bench = Bench()
    stranger = bench.link(node(7))
    bench.hear(stranger, w.Interest(STREAM, 3, demand()))
    assert bench.one(w.Drop)[1].reason is w.Why.UNKNOWN


def test_pause_and_resume_reach_the_plane() -> None:
    bench = Bench()
    bench.publish()
    child = bench.child(5)
    bench.hear(child, w.Pause(STREAM, 5, 99))
    assert bench.told(SetLeg)[-1] == SetLeg(STREAM, child, 1, 99)
    bench.hear(child, w.Resume(STREAM, 5, 99))
    assert bench.told(SetLeg)[-1] == SetLeg(STREAM, child, 1, None)


def test_an_accept_whose_path_runs_through_us_is_declined() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(node(2))
    bench.subscribe()
    wish = bench.one(w.Join)[1]
    bench.hear(node(2), accept(wish.serial, node(2), above=(ORIGIN, ME)))
    assert bench.brain.parent(STREAM) is None
    assert bench.one(w.Leave)[0] == node(2)


def test_an_accept_whose_path_ends_elsewhere_is_declined() -> None:
    bench = Bench()
    bench.hops[ORIGIN] = bench.link(node(2))
    bench.subscribe()
    wish = bench.one(w.Join)[1]
    bench.hear(node(2), accept(wish.serial, node(3)))
    assert bench.brain.parent(STREAM) is None


nodes = st.integers(2, 9)
serials = st.integers(1, 12)


@st.composite
def records(draw: st.DrawFn) -> Record:
    serial, who = draw(serials), node(draw(nodes))
    kind = draw(st.integers(0, 20))
    if kind < len(STRANGE):
        record = STRANGE[kind]
        if isinstance(record, w.Accept):
            return accept(serial, who)
        if isinstance(record, w.Path):
            return path(who, draw(st.floats(0, 1)), (ORIGIN,))
        return record
    use = draw(st.sampled_from(list(w.Use)))
    where = PLACE if use is w.Use.MOVE else None
    if kind == 19:
        return w.Interest(STREAM, serial, demand(subtree=serial))
    return join(serial, use, draw(st.sampled_from([ORIGIN, ME])), place=where)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.booleans(),
    st.lists(st.tuples(nodes, records(), st.floats(0, 3)), max_size=40),
)
def test_any_records_leave_books_even_and_bounds_kept(
    publishing: bool, said: list[tuple[int, Record, float]]
) -> None:
    bench = Bench()
    for number in range(2, 10):
        bench.link(node(number))
    if publishing:
        bench.publish()
    else:
        bench.hops[ORIGIN] = node(2)
        bench.subscribe()
    for number, record, pause_s in said:
        bench.hear(node(number), record)
        bench.pass_time(pause_s)
    for number in range(2, 10):
        bench.unlink(node(number))
    shared = bench.brain._shared
    assert shared.used_bps == 0
    assert shared.uses == {}
    for tree in shared.trees.values():
        assert not tree.children
        assert tree.parent is None
