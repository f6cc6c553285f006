"""What the parts share: tokens, targets, the graph as it counts."""

from __future__ import annotations

import math

from meshproto.events import Refused
from meshproto.overlay.events import PeerLearned
from meshproto.overlay.links import Kind, Link
from meshproto.overlay.state import CHANGES_MAX, State
from support.overlay_parts import around, know, make_state, node, of, record


def link(state: State, index: int, copies: int, rtt_s: float) -> Link:
    made = Link(node(index), Kind.NEAR, True, 0.0)
    made.entry = state.book.hold(record(index, copies=copies))
    around(state).rtts_s[node(index)] = rtt_s
    state.links.add(made)
    return made


def test_tokens_are_even_and_never_the_same_twice() -> None:
    state = make_state()
    tokens = [state.token() for _ in range(1000)]
    assert all(token % 2 == 0 for token in tokens)
    assert len(set(tokens)) == 1000


def test_a_thin_node_wants_fewer_links_and_takes_fewer() -> None:
    assert (make_state().target(), make_state().room()) == (12, 24)
    thin = make_state(capable=False)
    assert (thin.target(), thin.room()) == (6, 8)


def test_only_capable_neighbours_count_once_enough_are_known() -> None:
    state = make_state()
    link(state, 1, copies=8, rtt_s=0.03)
    link(state, 2, copies=1, rtt_s=0.01)
    assert [rtt_s for rtt_s, _ in state.graph()] == [0.01, 0.03]
    assert state.few_capable()
    know(state, range(10, 18))
    assert not state.few_capable()
    assert [each.node for _, each in state.graph()] == [node(1)]


def test_a_guest_is_not_in_the_graph() -> None:
    state = make_state()
    one = link(state, 1, copies=8, rtt_s=0.03)
    state.links.change(one, Kind.NEAR, guest=True)
    assert state.graph() == []


def test_round_trips_are_the_links_then_measured_then_predicted() -> None:
    state = make_state()
    know(state, range(1, 2), 0.07)
    entry = state.book.get(node(1))
    assert entry is not None
    assert state.rtt_of(entry) == 0.07
    link(state, 1, copies=8, rtt_s=0.06)
    assert state.rtt_of(entry) == 0.06
    for _ in range(4):
        state.coordinates.sample((), 0.05)
    assert math.isinf(state.predicted(record(2)))
    assert state.predicted(record(2, coordinate=(0.1, 0.0, 0.0, 0.0))) < 1.0


def test_refusals_are_told_and_changes_are_bounded() -> None:
    state = make_state()
    state.refuse(node(1), "label")
    assert of(state.outbox, Refused) == [Refused(node(1), "label")]
    for _ in range(CHANGES_MAX + 5):
        state.tell(PeerLearned(node(1)))
    assert len(state.changes) == CHANGES_MAX
