"""What is told about a violation: the nodes concerned, faults, and no more."""

from __future__ import annotations

from meshproto.distribution.events import JoinRefused, ParentChanged, Redirected
from meshproto.events import Event, Refused
from meshproto.ids import NodeId, StreamId
from meshproto.wire.control.distribution import Why
from meshsim.trace import EVERYBODY, KEPT, LINES_MAX, Trace

S = StreamId(b"s" * 16)
A, B = NodeId(b"node-a--"), NodeId(b"node-b--")
INDEX = {A: 0, B: 7}


def test_lines_are_of_the_nodes_concerned_and_of_everybody() -> None:
    trace = Trace(INDEX)
    trace.add(1.0, 0, "a")
    trace.add(2.0, 1, "b")
    trace.add(3.0, EVERYBODY, "crash [4]")
    assert trace.lines([0]) == ("1.000000 0 a", "3.000000 * crash [4]")
    assert len(trace.lines([])) == 3


def test_the_last_lines_are_told() -> None:
    trace = Trace(INDEX)
    for number in range(KEPT + 10):
        trace.add(float(number), 0, str(number))
    lines = trace.lines([0])
    assert len(lines) == LINES_MAX
    assert lines[-1].endswith(f" {KEPT + 9}")


def said(event: Event) -> str:
    return Trace(INDEX).say(event)


def test_events_are_told_with_nodes_by_number_and_without_the_stream() -> None:
    assert (
        said(ParentChanged(S, A, B, "move")) == "ParentChanged old=0 new=7 reason=move"
    )
    assert said(Refused(NodeId(b"stranger"), "late")).startswith("Refused neighbour=")
    assert said(Redirected(S, A, (A, B))) == "Redirected child=0 targets=(0,7)"
    assert said(JoinRefused(S, A, Why.FULL)) == "JoinRefused child=0 reason=full"
