from __future__ import annotations

from meshproto.gossip.cache import MessageCache
from support.gossip import OTHER, TOPIC, node_id

A, B = node_id(1), node_id(2)


def cache(octets_max: int = 1 << 20) -> MessageCache:
    return MessageCache(5, 3, octets_max)


def test_three_windows_are_announced_and_five_answered() -> None:
    kept = cache()
    kept.put(b"m", TOPIC, b"piece")
    announced, answered = [], []
    for _ in range(6):
        announced.append(b"m" in kept.recent().get(TOPIC, []))
        answered.append(kept.ask(b"m", A) is not None)
        kept.shift()
    assert announced == [True] * 3 + [False] * 3
    assert answered == [True] * 5 + [False]
    assert len(kept) == 0


def test_ids_are_told_by_topic() -> None:
    kept = cache()
    kept.put(b"m", TOPIC, b"1")
    kept.put(b"n", OTHER, b"2")
    kept.shift()
    kept.put(b"o", TOPIC, b"3")
    assert kept.recent() == {TOPIC: [b"o", b"m"], OTHER: [b"n"]}


def test_asking_is_counted_for_each_neighbour() -> None:
    kept = cache()
    kept.put(b"m", TOPIC, b"piece")
    assert kept.ask(b"m", A) == (b"piece", 1)
    assert kept.ask(b"m", A) == (b"piece", 2)
    assert kept.ask(b"m", B) == (b"piece", 1)
    assert kept.ask(b"other", A) is None


def test_a_message_twice_is_kept_once_and_as_it_was() -> None:
    kept = cache()
    kept.put(b"m", TOPIC, b"first")
    kept.shift()
    kept.put(b"m", TOPIC, b"second")
    assert kept.recent() == {TOPIC: [b"m"]}
    assert kept.ask(b"m", A) == (b"first", 1)


def test_octets_are_bounded_and_room_comes_back() -> None:
    kept = cache(octets_max=4000)
    for number in range(10):
        kept.put(b"m%d" % number, TOPIC, bytes(1000))
    assert len(kept) == 2
    for _ in range(5):
        kept.shift()
    kept.put(b"later", TOPIC, bytes(3000))
    assert len(kept) == 1
