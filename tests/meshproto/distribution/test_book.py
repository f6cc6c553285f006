"""What a node remembers of messages."""

from __future__ import annotations

from meshproto.config.distribution import DistributionConfig
from meshproto.distribution.book import Book, octets_of
from meshproto.ids import NodeId, StreamId
from meshproto.wire.control.distribution import MessageDown

CONFIG = DistributionConfig()
A, B = NodeId(b"a" * 8), NodeId(b"b" * 8)
STREAM, OTHER = StreamId(b"s" * 16), StreamId(b"t" * 16)


def message(
    sequence: int = 1,
    data: bytes | str = b"",
    source: NodeId = A,
    stream: StreamId = STREAM,
) -> MessageDown:
    return MessageDown(stream, source, sequence, "chat", data)


def test_sizes_are_octets_of_what_travels() -> None:
    assert (octets_of("é"), octets_of(b"12")) == (2, 2)


def test_sequences_grow_and_begin_at_the_epoch() -> None:
    book = Book(CONFIG, 5_000)
    assert [book.next_sequence(), book.next_sequence()] == [5_001, 5_002]


def test_a_message_is_new_once_for_each_stream_source_and_sequence() -> None:
    book = Book(CONFIG, 0)
    for said in (message(), message(2), message(source=B), message(stream=OTHER)):
        assert book.is_new(said)
        assert not book.is_new(said)


def test_only_the_latest_messages_are_recognised() -> None:
    book = Book(DistributionConfig(messages_seen_max=2), 0)
    for sequence in (1, 2, 3):
        assert book.is_new(message(sequence))
    assert not book.is_new(message(2))
    assert book.is_new(message(1))


def test_a_neighbour_gets_a_burst_and_then_so_much_a_second() -> None:
    book, large = Book(CONFIG, 0), message(data=bytes(60_000))
    times = [book.may_go(A, large, 10.0) for _ in range(6)]
    assert times == [True] * 4 + [False] * 2
    assert book.may_go(B, large, 10.0)
    assert book.may_go(A, large, 10.5)
    assert not book.may_go(A, large, 10.5)


def test_empty_messages_are_not_free() -> None:
    book = Book(CONFIG, 0)
    taken = sum(book.may_go(A, message(), 1.0) for _ in range(5_000))
    assert taken == CONFIG.message_burst_octets // CONFIG.message_cost_octets


def test_a_neighbour_may_say_twice_what_we_would() -> None:
    book, large = Book(CONFIG, 0), message(data=bytes(60_000))
    assert sum(book.may_come(A, large, 10.0) for _ in range(20)) == 8


def test_a_link_that_comes_back_begins_with_a_full_bucket() -> None:
    book, large = Book(CONFIG, 0), message(data=bytes(60_000))
    while book.may_go(A, large, 0.0):
        pass
    book.forget(A)
    assert book.may_go(A, large, 0.0)


def test_messages_are_kept_for_a_while_and_by_their_octets() -> None:
    config = DistributionConfig(message_kept_octets=100)
    book = Book(config, 0)
    book.keep(message(1, bytes(60)), 1.0)
    book.keep(message(1, bytes(9), stream=OTHER), 1.5)
    assert [m.sequence for m in book.kept(STREAM, 2.0)] == [1]
    book.keep(message(2, bytes(60)), 2.0)
    assert [m.sequence for m in book.kept(STREAM, 2.0)] == [2]
    assert not book.kept(OTHER, 1.5 + config.message_kept_s + 0.1)
    assert not book.kept(STREAM, 2.0 + config.message_kept_s + 0.1)
