"""Who is dialled, who is taken, who is refused, and why."""

from __future__ import annotations

from typing import Any

from meshproto.outputs import Dial, HangUp, Purpose, Send
from meshproto.overlay.capacity import Evidence
from meshproto.overlay.events import NeighbourDropped
from meshproto.overlay.links import Kind
from meshproto.overlay.neighbourhood import Neighbourhood
from meshproto.overlay.state import State, Task
from meshproto.wire.control.overlay import Guest
from meshproto.wire.control.peer import MediaAddress
from support.overlay_parts import ME, around, know, make_state, node, of, record


def made(capable: bool = True, **config: Any) -> tuple[State, Neighbourhood]:
    state = make_state(capable, **config)
    return state, Neighbourhood(state)


def take(hood: Neighbourhood, state: State, indices: range, **options: Any) -> None:
    for index in indices:
        state.book.hold(record(index, **options))
        hood.ready(node(index), False, Purpose.OVERLAY, 0.0)


def dialled(state: State) -> list[Dial]:
    return of(state.outbox, Dial)


def test_missing_links_are_dialled_nearest_first_six_at_once() -> None:
    state, hood = made()
    know(state, range(1, 31), 0.01)
    hood.fill(0.0)
    dials = dialled(state)
    assert [d.peer.node for d in dials] == [node(index) for index in range(1, 7)]
    assert all(d.purpose is Purpose.OVERLAY for d in dials)
    assert hood.dialling == 6


def test_a_full_set_of_links_dials_nobody() -> None:
    state, hood = made()
    know(state, range(1, 40), 0.01)
    take(hood, state, range(1, 13))
    hood.fill(0.0)
    assert not dialled(state)


def test_the_later_links_are_random_and_ring_ones() -> None:
    state, hood = made(dials_parallel=12)
    know(state, range(1, 31), 0.001)
    know(state, range(31, 36), 0.1)
    hood.fill(0.0)
    kinds = [d.kind for d in hood._dialling.values()]
    assert kinds.count(Kind.NEAR) == 6
    assert kinds.count(Kind.RANDOM) == 2
    assert kinds.count(Kind.RING) == 4


def test_a_common_neighbour_introduces() -> None:
    state, hood = made()
    take(hood, state, range(1, 2))
    know(state, range(2, 4), 0.01)
    for index, introducer in ((2, 1), (3, 9)):
        entry = state.book.get(node(index))
        assert entry is not None
        entry.introducer = node(introducer)
        assert hood.dial(entry, Kind.NEAR, 0.0)
    assert [d.through for d in dialled(state)] == [node(1), None]


def test_nobody_is_dialled_twice_or_while_linked_or_blamed() -> None:
    state, hood = made()
    know(state, range(1, 4), 0.01)
    one, two, three = (state.book.get(node(i)) for i in (1, 2, 3))
    assert one is not None
    assert two is not None
    assert three is not None
    assert hood.dial(one, Kind.NEAR, 0.0)
    assert not hood.dial(one, Kind.NEAR, 0.0)
    hood.ready(node(2), False, Purpose.OVERLAY, 0.0)
    assert not hood.dial(two, Kind.NEAR, 0.0)
    state.capacity.evidence(node(3), Evidence.FORGED, 0.0)
    assert not hood.dial(three, Kind.NEAR, 0.0)


def test_a_full_peer_is_left_alone_for_a_minute_and_the_next_is_dialled() -> None:
    state, hood = made(dials_parallel=1)
    know(state, range(1, 3), 0.01)
    hood.fill(0.0)
    hood.failed(node(1), "full", 1.0)
    hood.fill(1.0)
    assert [d.peer.node for d in dialled(state)] == [node(1), node(2)]
    entry = state.book.get(node(1))
    assert entry is not None
    assert (entry.retry_at, entry.failures) == (61.0, 0)


def test_failed_dials_wait_longer_each_time_and_then_forget() -> None:
    state, hood = made()
    know(state, range(1, 2), 0.01)
    entry = state.book.get(node(1))
    assert entry is not None
    waits = []
    for _ in range(3):
        assert hood.dial(entry, Kind.NEAR, entry.retry_at)
        before = entry.retry_at
        hood.failed(node(1), "timeout", max(before, 0.0))
        waits.append(entry.retry_at - max(before, 0.0))
    assert waits == [20.0, 40.0, 80.0]
    assert node(1) not in state.book


def test_forgotten_dials_are_given_up() -> None:
    state, hood = made()
    know(state, range(1, 2), 0.01)
    hood.fill(0.0)
    hood.forget_dials(29.0)
    assert hood.dialling == 1
    hood.forget_dials(31.0)
    assert hood.dialling == 0


def test_a_newcomer_is_taken_while_there_is_room_then_as_a_guest() -> None:
    state, hood = made(links_accept=10, links_floor=2, guests=2)
    take(hood, state, range(1, 14))
    assert (state.links.lasting, state.links.guests) == (10, 3)
    guests = [s for s in of(state.outbox, Send) if isinstance(s.record, Guest)]
    assert [s.neighbour for s in guests] == [node(i) for i in (11, 12, 13)]
    assert state.timers.at(Task.GUESTS) == 2.0
    assert hood.refusal(record(14), Purpose.OVERLAY, 0.0) == "full"


def test_thin_nodes_leave_room_for_capable_ones() -> None:
    state, hood = made(guests=0)
    know(state, range(40, 60))
    take(hood, state, range(1, 17), copies=1)
    assert hood.refusal(record(17, copies=1), Purpose.OVERLAY, 0.0) == "full"
    assert hood.refusal(record(18, copies=8), Purpose.OVERLAY, 0.0) is None


def test_a_thin_node_takes_eight() -> None:
    state, hood = made(capable=False, guests=0)
    take(hood, state, range(1, 9))
    assert hood.refusal(record(9), Purpose.OVERLAY, 0.0) == "full"


def test_refusals_have_labels() -> None:
    state, hood = made(tree_links=1)
    assert hood.refusal(record(0), Purpose.OVERLAY, 0.0) == "self"
    assert state.me == ME
    state.capacity.evidence(node(1), Evidence.FORGED, 0.0)
    assert hood.refusal(record(1), Purpose.OVERLAY, 0.0) == "score"
    hood.ready(node(2), False, Purpose.TREE, 0.0)
    assert hood.refusal(record(3), Purpose.TREE, 0.0) == "tree-full"
    assert hood.refusal(record(2), Purpose.TREE, 0.0) is None


def test_the_third_of_one_network_is_refused_and_the_oldest_stay() -> None:
    state, hood = made()
    crowd = [
        record(index, media=MediaAddress(bytes([20, 9, 9, index]), 1))
        for index in range(1, 4)
    ]
    for peer in crowd[:2]:
        state.book.hold(peer)
        assert hood.refusal(peer, Purpose.OVERLAY, 0.0) is None
        hood.ready(peer.node, False, Purpose.OVERLAY, 0.0)
    assert hood.refusal(crowd[2], Purpose.OVERLAY, 0.0) == "prefix"
    assert [link.node for link in state.links] == [node(1), node(2)]


def test_the_fourth_of_one_operator_is_refused() -> None:
    state, hood = made()
    take(hood, state, range(1, 4), operator="family")
    fourth = record(4, operator="family")
    assert hood.refusal(fourth, Purpose.OVERLAY, 0.0) == "operator"


def test_a_record_that_breaks_a_quota_costs_the_link() -> None:
    state, hood = made()
    crowded = [
        record(index, media=MediaAddress(bytes([20, 9, 9, index]), 1))
        for index in range(1, 4)
    ]
    for peer in crowded:
        link = hood.ready(peer.node, False, Purpose.OVERLAY, 0.0)
        assert link is not None
        hood.described(link, peer)
    assert node(3) not in state.links
    assert of(state.outbox, HangUp) == [HangUp(node(3), "prefix")]
    assert state.changes == [NeighbourDropped(node(3), "prefix")]


def test_a_full_host_makes_the_link_a_guests_on_both_ends() -> None:
    state, hood = made()
    know(state, range(1, 2), 0.01)
    hood.fill(0.0)
    link = hood.ready(node(1), True, Purpose.OVERLAY, 1.0)
    assert link is not None
    hood.guests.hosted(link, 1.0, 2.0)
    assert (state.links.lasting, state.links.guests) == (0, 1)
    assert link.entry is not None
    assert link.entry.retry_at == 61.0


def test_a_dial_that_ends_beyond_all_room_is_given_up() -> None:
    state, hood = made(links_accept=2, links_over=1)
    for index in range(1, 5):
        hood.ready(node(index), True, Purpose.OVERLAY, 0.0)
    assert of(state.outbox, HangUp) == [HangUp(node(4), "full")]
    assert state.links.lasting == 3


def test_a_guests_word_does_not_count_on_a_link_that_came_in() -> None:
    state, hood = made()
    link = hood.ready(node(1), False, Purpose.OVERLAY, 1.0)
    assert link is not None
    hood.guests.hosted(link, 1.0, 2.0)
    assert state.links.lasting == 1


def test_a_second_purpose_keeps_the_link() -> None:
    state, hood = made(links_accept=0, links_floor=0)
    take(hood, state, range(1, 2))
    assert state.links.guests == 1
    assert hood.ready(node(1), True, Purpose.TREE, 1.0) is None
    assert (state.links.guests, state.links.trees) == (0, 1)
    assert hood.ready(node(1), True, Purpose.OVERLAY, 2.0) is None
    assert (state.links.trees, state.links.lasting) == (0, 1)


def test_dropping_hangs_up_once_and_tells() -> None:
    state, hood = made()
    take(hood, state, range(1, 2))
    around(state).trees[node(1)] = False
    hood.drop(node(1), "why")
    hood.drop(node(1), "why")
    assert of(state.outbox, HangUp) == [HangUp(node(1), "why")]
    assert state.changes == [NeighbourDropped(node(1), "why")]
