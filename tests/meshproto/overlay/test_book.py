"""24 near, 48 random, held ones beside them; nothing else is remembered."""

from __future__ import annotations

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from meshproto.config.overlay import OverlayConfig
from meshproto.ids import short_id
from meshproto.overlay.book import Book, Entry
from meshproto.overlay.capacity import Capacity
from meshproto.wire.control.peer import MediaAddress
from support.overlay_parts import node, record


def made(**config: int) -> Book:
    config_ = OverlayConfig(**config)
    return Book(config_, random.Random(1), Capacity(config_).capable)


def learn(book: Book, index: int, rank_s: float = math.inf) -> Entry:
    entry = book.learn(record(index), rank_s)
    assert entry is not None
    return entry


def test_the_nearest_are_near_and_the_others_random() -> None:
    book = made(near_peers=3, random_peers=10)
    for index in range(1, 9):
        learn(book, index, index / 100)
    assert sorted(e.peer.node for e in book.near) == [node(i) for i in (1, 2, 3)]
    assert len(book.random) == 5


def test_a_nearer_peer_pushes_the_farthest_near_one_among_the_random() -> None:
    book = made(near_peers=2, random_peers=10)
    for index, rank_s in ((1, 0.03), (2, 0.02), (3, 0.01)):
        learn(book, index, rank_s)
    assert {e.peer.node for e in book.near} == {node(2), node(3)}
    assert [e.peer.node for e in book.random] == [node(1)]


def test_a_measurement_moves_a_random_peer_among_the_near() -> None:
    book = made(near_peers=1, random_peers=10)
    learn(book, 1, 0.05)
    entry = learn(book, 2)
    assert not entry.near
    book.measured(entry, 0.01, 5.0)
    assert entry.near
    assert entry.seen_at == 5.0
    assert entry.rank_s == 0.01


def test_samples_are_smoothed() -> None:
    book = made()
    entry = learn(book, 1)
    book.measured(entry, 0.08, 0.0)
    book.measured(entry, 0.16, 1.0)
    assert entry.rtt_s == 0.08 + (0.16 - 0.08) / 8


def test_random_places_are_bounded_and_replaced() -> None:
    book = made(random_peers=5)
    for index in range(1, 50):
        learn(book, index)
    assert len(book.random) == 5
    assert len(book) == 5
    assert any(entry.peer.node > node(30) for entry in book.random)


def test_one_network_gets_four_places_only() -> None:
    book = made()
    taken = [
        book.learn(record(i, media=MediaAddress(bytes([20, 0, 0, i]), 1)), math.inf)
        for i in range(1, 11)
    ]
    assert sum(entry is not None for entry in taken) == 4
    assert len(book) == 4


def test_a_peer_that_moves_into_a_full_network_loses_its_place() -> None:
    book = made(peers_per_prefix=1)
    crowded = MediaAddress(bytes([20, 9, 9, 1]), 1)
    book.learn(record(1, media=crowded), math.inf)
    entry = learn(book, 2)
    book.refresh(entry, record(2, version=2, media=crowded))
    assert not entry.placed
    assert node(2) not in book


def test_held_records_outlive_their_place() -> None:
    book = made()
    entry = book.hold(record(1))
    assert book.learn(record(1), math.inf) is entry
    book.forget(entry)
    assert book.get(node(1)) is entry
    book.release(entry)
    assert node(1) not in book


def test_short_names_lead_to_the_record_until_it_is_forgotten() -> None:
    book = made()
    entry = learn(book, 7)
    assert book.of_short(short_id(node(7))) is entry
    book.forget(entry)
    assert book.of_short(short_id(node(7))) is None


def test_members_unheard_of_for_half_an_hour_are_forgotten() -> None:
    book = made()
    learn(book, 1).seen_at = 0.0
    learn(book, 2).seen_at = 1000.0
    book.expire(1801.0)
    assert [e.peer.node for e in book.remembered()] == [node(2)]


def test_thin_members_go_when_capable_ones_are_known() -> None:
    book = made(capable_few=2)
    book.learn(record(1, copies=1), math.inf)
    for index in (2, 3):
        learn(book, index).seen_at = 0.0
    assert book.capable == 2
    book.expire(0.0)
    assert node(1) not in book


def test_capable_peers_are_counted_as_records_change() -> None:
    book = made()
    entry = learn(book, 1)
    assert book.capable == 1
    book.refresh(entry, record(1, copies=0, version=2))
    assert book.capable == 0
    book.forget(entry)
    assert book.capable == 0


def test_an_entry_shows_what_it_is() -> None:
    book = made()
    entry = learn(book, 1, 0.01)
    assert repr(entry) == "<Entry 00000001 near 10.0 ms>"


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["learn", "hold", "release", "forget", "measure"]),
            st.integers(1, 12),
            st.floats(0.001, 0.3),
        ),
        max_size=80,
    )
)
def test_bounds_and_counts_hold_after_anything(steps: list) -> None:
    book = made(near_peers=3, random_peers=4, peers_per_prefix=2)
    for what, index, rtt_s in steps:
        entry = book.get(node(index))
        peer = record(index, media=MediaAddress(bytes([20, 0, index % 4, index]), 1))
        if what == "learn":
            book.learn(peer, rtt_s if index % 2 else math.inf)
        elif what == "hold":
            book.hold(peer)
        elif entry is not None and what == "release" and entry.held:
            book.release(entry)
        elif entry is not None and what == "forget":
            book.forget(entry)
        elif entry is not None and what == "measure":
            book.measured(entry, rtt_s, 0.0)
    assert len(book.near) <= 3
    assert len(book.random) <= 4
    for entry in book.entries():
        assert entry.placed or entry.held
        assert entry.placed == (entry in book.near or entry in book.random)
        assert entry.near == (entry in book.near)
    assert book.capable == sum(entry.capable for entry in book.entries())
    placed = [entry.keys[0] for entry in book.remembered()]
    assert all(placed.count(key) <= 2 for key in placed)
