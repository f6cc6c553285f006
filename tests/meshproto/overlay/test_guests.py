"""Guests, and whoever has nobody else: a place is found for it."""

from __future__ import annotations

from typing import Any

from meshproto.events import Refused
from meshproto.outputs import Purpose, Send
from meshproto.overlay.events import LinkAdopted
from meshproto.overlay.links import Link
from meshproto.overlay.neighbourhood import Neighbourhood
from meshproto.overlay.state import State, Task
from meshproto.wire.control.overlay import Alone, Guest, Stay
from meshproto.wire.control.schema import Record
from support.overlay_parts import around, know, make_state, node, of, record


def host(thin: int, **config: Any) -> tuple[State, Neighbourhood]:
    """A capable node whose places for thin ones are taken by nodes 1, 2, ..."""
    floor = 8
    config = {"links_accept": floor + thin, "links_floor": floor, **config}
    state = make_state(**config)
    know(state, range(40, 50))
    hood = Neighbourhood(state)
    for index in range(1, thin + 1):
        dialled_by(state, hood, index)
    return state, hood


def dialled_by(
    state: State, hood: Neighbourhood, index: int, purpose: Purpose = Purpose.OVERLAY
) -> Link:
    """A thin node set a link up."""
    state.book.hold(record(index, copies=1))
    link = hood.ready(node(index), False, purpose, 0.0)
    assert link is not None
    return link


def said(state: State) -> list[tuple[Any, type[Record]]]:
    return [(sent.neighbour, type(sent.record)) for sent in of(state.outbox, Send)]


def guest_of_full_host(**config: Any) -> tuple[State, Neighbourhood, Link]:
    """Node 9 came when three thin nodes had taken all places."""
    state, hood = host(3, **config)
    link = dialled_by(state, hood, 9)
    assert said(state) == [(node(9), Guest)]
    return state, hood, link


def test_a_guest_that_is_alone_has_the_place_of_one_that_may_be_not() -> None:
    state, hood, link = guest_of_full_host()
    hood.guests.alone(link, 1.0)
    (sent_away, first), (kept, second) = said(state)
    assert (first, kept, second) == (Guest, node(9), Stay)
    assert sent_away in {node(1), node(2), node(3)}
    assert link.lasting
    other = state.links.get(sent_away)
    assert other is not None
    assert (other.guest, other.ends_at) == (True, 3.0)
    assert state.links.lasting == 3
    assert state.timers.at(Task.GUESTS) == 2.0


def test_one_sent_away_that_is_alone_itself_is_kept_and_never_sent_again() -> None:
    state, hood, link = guest_of_full_host()
    hood.guests.alone(link, 1.0)
    kept = {node(9)}
    for _ in range(3):
        sent_away = next(to for to, kind in said(state) if kind is Guest)
        assert sent_away not in kept
        other = state.links.get(sent_away)
        assert other is not None
        hood.guests.alone(other, 1.1)
        kept.add(sent_away)
        assert other.lasting
    # all four are alone: one more than there are places, and nobody goes
    assert said(state) == [(sent_away, Stay)]
    assert state.links.lasting == 4
    assert not state.links.guests


def test_beyond_all_room_even_those_who_are_alone_go() -> None:
    state, hood, link = guest_of_full_host(links_over=0)
    for index in (1, 2, 3):
        other = state.links.get(node(index))
        assert other is not None
        other.alone_at = 0.5
        # nothing else has a place: eight are only for capable nodes
    for index in range(20, 28):
        state.book.hold(record(index))
        hood.ready(node(index), False, Purpose.OVERLAY, 0.0)
    of(state.outbox, Send)
    hood.guests.alone(link, 1.0)
    assert link.guest
    assert not said(state)


def test_it_is_heard_once_a_minute() -> None:
    state, hood, link = guest_of_full_host()
    hood.guests.alone(link, 1.0)
    of(state.outbox, Send)
    hood.guests.alone(link, 2.0)
    assert not said(state)


def test_a_link_of_trees_becomes_one_of_the_graph() -> None:
    state, hood = host(3)
    link = dialled_by(state, hood, 9, Purpose.TREE)
    hood.guests.alone(link, 1.0)
    assert [kind for _, kind in said(state)] == [Guest, Stay]
    assert link.lasting
    assert state.changes == [LinkAdopted(node(9), False)]


def test_thin_hosts_and_ends_that_dialled_have_no_places_to_give() -> None:
    state = make_state(capable=False)
    hood = Neighbourhood(state)
    hood.guests.alone(dialled_by(state, hood, 1), 1.0)
    mine = hood.ready(node(2), True, Purpose.OVERLAY, 0.0)
    assert mine is not None
    state.capable = True
    hood.guests.alone(mine, 1.0)
    assert [r.reason for r in of(state.outbox, Refused)] == ["overlay-record"] * 2


# --- at the guest


def visiting(*others: int, copies: int = 8) -> tuple[State, Neighbourhood, Link]:
    """A thin node whose host 1 has no room; perhaps it has other links."""
    state = make_state(capable=False)
    hood = Neighbourhood(state)
    for index in (1, *others):
        state.book.hold(record(index, copies=copies if index > 1 else 8))
        hood.ready(node(index), True, Purpose.OVERLAY, 0.0)
    link = state.links.get(node(1))
    assert link is not None
    hood.guests.hosted(link, 1.0, 2.0)
    return state, hood, link


def test_a_guest_without_any_capable_neighbour_says_so() -> None:
    assert said(visiting()[0]) == [(node(1), Alone)]
    assert said(visiting(2, copies=1)[0]) == [(node(1), Alone)]
    assert not said(visiting(2)[0])


def test_a_guest_that_may_stay_is_none_any_more() -> None:
    state, hood, link = visiting()
    assert link.entry is not None
    assert link.entry.hosted == 1
    hood.guests.stays(link)
    assert (link.lasting, link.entry.hosted) == (True, 0)
    hood.guests.stays(link)
    assert (state.links.lasting, state.links.guests) == (1, 0)


def test_a_guest_of_long_standing_is_not_closed_before_it_could_answer() -> None:
    state, hood = host(3)
    around(state).rtts_s[node(9)] = 0.3
    link = dialled_by(state, hood, 9)
    hood.guests.alone(link, 500.0)
    (away,) = [other for other in state.links if other.guest]
    assert away.ends_at == 502.0
