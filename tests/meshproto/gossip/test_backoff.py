from __future__ import annotations

from meshproto.gossip.backoff import Backoff, Backoffs
from support.gossip import OTHER, TOPIC, node_id

A, B = node_id(1), node_id(2)


def test_a_back_off_is_of_one_neighbour_in_one_topic() -> None:
    backoffs = Backoffs(10)
    backoffs.add(A, TOPIC, 60, 100.0)
    assert backoffs.of(A, TOPIC, 120.0) == Backoff(100.0, 160.0)
    assert backoffs.of(B, TOPIC, 120.0) is None
    assert backoffs.of(A, OTHER, 120.0) is None


def test_it_ends() -> None:
    backoffs = Backoffs(10)
    backoffs.add(A, TOPIC, 60, 100.0)
    assert backoffs.of(A, TOPIC, 159.9)
    assert not backoffs.of(A, TOPIC, 160.0)


def test_we_wait_a_little_longer_than_they_must() -> None:
    backoffs = Backoffs(10)
    backoffs.add(A, TOPIC, 60, 100.0)
    assert backoffs.blocks(A, TOPIC, 160.9, 1.0)
    assert not backoffs.blocks(A, TOPIC, 161.0, 1.0)
    assert len(backoffs) == 0
    assert not backoffs.blocks(B, TOPIC, 0.0, 1.0)


def test_starting_again_never_shortens_it() -> None:
    backoffs = Backoffs(10)
    backoffs.add(A, TOPIC, 60, 100.0)
    backoffs.add(A, TOPIC, 10, 120.0)
    assert backoffs.of(A, TOPIC, 121.0) == Backoff(120.0, 160.0)
    backoffs.add(A, TOPIC, 60, 130.0)
    assert backoffs.of(A, TOPIC, 131.0) == Backoff(130.0, 190.0)


def test_the_table_is_bounded_and_the_oldest_goes() -> None:
    backoffs = Backoffs(3)
    for number in range(5):
        backoffs.add(node_id(number), TOPIC, 60, float(number))
    assert len(backoffs) == 3
    held = [bool(backoffs.of(node_id(number), TOPIC, 5.0)) for number in range(5)]
    assert held == [False, False, True, True, True]
