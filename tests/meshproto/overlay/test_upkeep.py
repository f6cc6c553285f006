"""Trades pay, wait, and spare trees; idle, thin and surplus links go."""

from __future__ import annotations

from typing import Any

from meshproto.outputs import Dial, HangUp, Purpose
from meshproto.overlay.events import LinkTraded
from meshproto.overlay.links import Kind, Link
from meshproto.overlay.neighbourhood import Neighbourhood
from meshproto.overlay.state import State, Task
from meshproto.overlay.upkeep import Upkeep
from support.overlay_parts import around, know, make_state, node, outputs, record


def made(**config: Any) -> tuple[State, Neighbourhood, Upkeep]:
    state = make_state(**config)
    hood = Neighbourhood(state)
    return state, hood, Upkeep(state, hood)


def linked(
    state: State, indices: range, rtt_s: float, kind: Kind = Kind.NEAR, **options: Any
) -> list[Link]:
    links = []
    for place, index in enumerate(indices):
        link = Link(node(index), kind, kind is not Kind.INBOUND, 0.0)
        link.entry = state.book.hold(record(index, **options))
        link.keys = link.entry.keys
        around(state).rtts_s[node(index)] = rtt_s + place * 0.001
        state.links.add(link)
        links.append(link)
    return links


def kinds(state: State) -> list[type]:
    return [type(output) for output in outputs(state.outbox)]


def test_a_settling_node_trades_at_once() -> None:
    state, _, upkeep = made()
    linked(state, range(1, 13), 0.1)
    know(state, range(20, 21), 0.01)
    assert upkeep.weigh(0.0, hold=False) is None
    (dial,) = outputs(state.outbox)
    assert isinstance(dial, Dial)
    assert dial.peer.node == node(20)


def test_a_settled_node_waits_five_seconds_and_measures_again() -> None:
    state, _, upkeep = made()
    linked(state, range(1, 13), 0.1)
    know(state, range(20, 21), 0.01)
    entry = state.book.get(node(20))
    assert entry is not None
    assert upkeep.weigh(0.0, hold=True) is None
    assert state.timers.at(Task.CONFIRM) == 5.0
    assert upkeep.weigh(4.0, hold=True) is None
    assert upkeep.weigh(5.0, hold=True) == node(20)
    assert not kinds(state)
    state.book.measured(entry, 0.01, 5.1)
    assert upkeep.weigh(5.1, hold=True) is None
    assert kinds(state) == [Dial]


def test_a_node_out_of_breath_measures_itself_and_trades_nothing() -> None:
    state, _, upkeep = made()
    linked(state, range(1, 13), 0.1)
    know(state, range(20, 21), 0.01)
    state.breathless = True
    assert upkeep.weigh(0.0, hold=False) is None
    assert not kinds(state)
    state.breathless = False
    upkeep.weigh(0.0, hold=False)
    assert kinds(state) == [Dial]


def test_a_gain_that_does_not_last_is_forgotten() -> None:
    state, _, upkeep = made()
    linked(state, range(1, 13), 0.1)
    know(state, range(20, 21), 0.01)
    upkeep.weigh(0.0, hold=True)
    entry = state.book.get(node(20))
    assert entry is not None
    entry.rtt_s = entry.rank_s = 0.2
    assert upkeep.weigh(5.0, hold=True) is None
    assert not kinds(state)


def test_a_small_gain_is_no_reason() -> None:
    state, _, upkeep = made()
    linked(state, range(1, 13), 0.1)
    know(state, range(20, 21), 0.095)
    upkeep.weigh(0.0, hold=False)
    assert not kinds(state)


def test_the_old_link_goes_only_when_the_new_one_is_there() -> None:
    state, hood, upkeep = made()
    linked(state, range(1, 13), 0.1)
    know(state, range(20, 21), 0.01)
    upkeep.weigh(0.0, hold=False)
    assert kinds(state) == [Dial]
    around(state).rtts_s[node(20)] = 0.01
    link = hood.ready(node(20), True, Purpose.OVERLAY, 1.0)
    assert link is not None
    upkeep.gained(link)
    hang_up, event = outputs(state.outbox)
    assert hang_up == HangUp(node(12), "traded")
    assert isinstance(event, LinkTraded)
    assert (event.dropped, event.gained) == (node(12), node(20))
    assert len(state.graph()) == 12


def test_no_link_that_carries_a_tree_is_traded() -> None:
    state, hood, upkeep = made()
    links = linked(state, range(1, 13), 0.1)
    for link in links:
        around(state).trees[link.node] = True
    know(state, range(20, 21), 0.01)
    upkeep.weigh(0.0, hold=False)
    around(state).rtts_s[node(20)] = 0.01
    gained = hood.ready(node(20), True, Purpose.OVERLAY, 1.0)
    assert gained is not None
    upkeep.gained(gained)
    assert HangUp not in kinds(state)
    assert len(state.graph()) == 13


def test_only_four_links_are_made_above_the_target() -> None:
    state, _, upkeep = made()
    linked(state, range(1, 17), 0.1, Kind.INBOUND)
    know(state, range(20, 21), 0.01)
    upkeep.weigh(0.0, hold=False)
    assert not kinds(state)


def test_an_idle_tree_link_closes_after_thirty_seconds() -> None:
    state, _, upkeep = made()
    linked(state, range(1, 13), 0.01)
    linked(state, range(20, 21), 0.1, Kind.TREE)
    around(state).trees[node(20)] = True
    upkeep.tend(0.0)
    around(state).trees[node(20)] = False
    upkeep.tend(100.0)
    upkeep.tend(129.0)
    assert not kinds(state)
    upkeep.tend(130.0)
    assert outputs(state.outbox) == [HangUp(node(20), "idle")]


def test_an_idle_tree_link_is_adopted_where_a_link_is_missing() -> None:
    state, _, upkeep = made()
    linked(state, range(1, 5), 0.01)
    linked(state, range(20, 21), 0.1, Kind.TREE)
    upkeep.tend(0.0)
    upkeep.tend(30.0)
    assert not kinds(state)
    assert (state.links.trees, state.links.lasting) == (0, 5)


def test_links_to_thin_nodes_go_when_capable_ones_suffice() -> None:
    state, _, upkeep = made()
    linked(state, range(1, 13), 0.01)
    linked(state, range(20, 22), 0.01, copies=1)
    around(state).trees[node(21)] = True
    upkeep.tend(0.0)
    assert outputs(state.outbox) == [HangUp(node(20), "thin")]


def test_surplus_links_go_one_at_a_time() -> None:
    state, _, upkeep = made()
    linked(state, range(1, 19), 0.1)
    upkeep.tend(59.0)
    assert not kinds(state)
    upkeep.tend(61.0)
    assert outputs(state.outbox) == [HangUp(node(18), "surplus")]


def test_guests_leave_in_time_unless_a_tree_uses_them() -> None:
    state, _, upkeep = made()
    guests = linked(state, range(1, 4), 0.1, Kind.INBOUND)
    for guest in guests:
        state.links.change(guest, Kind.INBOUND, guest=True)
        guest.ends_at = 2.0
    guests[1].ends_at = 3.5
    around(state).trees[node(3)] = True
    upkeep.end_guests(2.0)
    assert outputs(state.outbox) == [HangUp(node(1), "guest")]
    assert (state.links.guests, state.links.trees) == (1, 1)
    assert state.timers.at(Task.GUESTS) == 3.5


def test_a_guest_that_found_its_place_leaves_by_itself() -> None:
    state, _, upkeep = made()
    (mine,) = linked(state, range(1, 2), 0.1)
    (theirs,) = linked(state, range(2, 3), 0.1, Kind.INBOUND)
    for guest in (mine, theirs):
        state.links.change(guest, guest.kind, guest=True)
        guest.ends_at = 2.0
    upkeep.end_guests(0.5, all_mine=True)
    assert outputs(state.outbox) == [HangUp(node(1), "guest")]
