"""The own record is versioned, signed, and told soon but not often."""

from __future__ import annotations

import pytest

from meshproto.errors import StateError
from meshproto.outputs import Purpose, Send
from meshproto.wire.control.overlay import PeerUpdate
from support.overlay_net import verify
from support.overlay_parts import ME, Lone, node, record


def told(lone: Lone) -> list[PeerUpdate]:
    sends = lone.taken(Send)
    return [s.record for s in sends if isinstance(s.record, PeerUpdate)]


def linked(lone: Lone, *indices: int) -> None:
    for index in indices:
        lone.overlay.link_ready(node(index), False, Purpose.OVERLAY, 0.0)
        update = PeerUpdate(record(index))
        lone.overlay.receive(node(index), update, 0.0)
    told(lone)


def run(lone: Lone, until: float) -> None:
    while (at := lone.overlay.next_timeout()) is not None and at <= until:
        lone.overlay.handle_timeout(at)


def test_the_first_description_is_signed_at_once() -> None:
    own = Lone().overlay.own_record()
    assert (own.node, own.version, own.copies) == (ME, 1, 8)
    assert verify(ME, own.signed_part(), own.signature)


def test_without_a_description_there_is_no_record_and_no_start() -> None:
    lone = Lone()
    lone.overlay._own._record = None
    with pytest.raises(StateError):
        lone.overlay.own_record()
    with pytest.raises(StateError):
        lone.overlay.start([], 0.0)


def test_changes_within_two_seconds_are_told_once_to_every_neighbour() -> None:
    lone = Lone()
    linked(lone, 1, 2)
    lone.describe(6, 0.5)
    lone.describe(5, 0.7)
    assert not told(lone)
    run(lone, 2.0)
    updates = told(lone)
    assert [u.peer.copies for u in updates] == [5, 5]
    assert {u.peer.version for u in updates} == {2}


def test_free_alone_waits_ten_seconds() -> None:
    lone = Lone()
    linked(lone, 1)
    lone.describe(8, 0.5, free=7)
    run(lone, 9.9)
    assert all(u.peer.version == 1 for u in told(lone))
    run(lone, 10.0)
    assert [u.peer.free for u in told(lone)] == [7]


def test_the_same_description_again_changes_nothing() -> None:
    lone = Lone()
    linked(lone, 1)
    lone.describe(8, 0.5)
    run(lone, 100.0)
    assert lone.overlay.own_record().version == 1


def test_an_unchanged_record_is_told_again_after_five_minutes() -> None:
    lone = Lone()
    linked(lone, 1)
    run(lone, 239.0)
    told(lone)
    run(lone, 361.0)
    versions = [u.peer.version for u in told(lone)]
    assert versions[:1] == [2]


def test_a_coordinate_that_moved_is_told() -> None:
    lone = Lone()
    linked(lone, *range(1, 7))
    lone.overlay._own.coordinate_moved(3.0, 5.0)
    run(lone, 5.0)
    assert {len(u.peer.coordinate) for u in told(lone)} == {4}
    lone.overlay._own.coordinate_moved(6.0, 0.0)
    run(lone, 7.0)
    assert not told(lone)
