from __future__ import annotations

import pytest

from meshnode.media.dtls_flight import REPEATS_MAX, SEEN_MAX, Flight

HELLO = bytes.fromhex("16fefd000000000000000000010a")


def sent(*datagrams: bytes) -> Flight:
    flight = Flight()
    flight.made(list(datagrams))
    flight.sent(10.0)
    return flight


def test_the_early_timers_double_and_stop() -> None:
    flight, due = sent(b"one", b"two"), []
    while (at := flight.next_timeout) is not None:
        due.append(at)
        assert flight.timeout(at) == [b"one", b"two"]
    assert due == pytest.approx([10.05, 10.15, 10.35, 10.75])


def test_nothing_sent_nothing_due() -> None:
    flight = Flight()
    flight.sent(1.0)
    assert flight.next_timeout is None


def test_a_repetition_is_answered_at_most_every_20_ms() -> None:
    flight = sent(b"x")
    assert flight.repeat(10.01) == []
    assert flight.repeat(10.021) == [b"x"]
    assert flight.repeat(10.03) == []
    assert flight.repeat(10.05) == [b"x"]


def test_repetitions_end() -> None:
    flight = sent(b"x")
    answered = sum(bool(flight.repeat(11.0 + n)) for n in range(1000))
    assert answered == REPEATS_MAX


def test_only_plaintext_handshake_records_count_as_repeated() -> None:
    flight = sent(b"x")
    assert not flight.is_repeated_by([HELLO])
    assert flight.is_repeated_by([HELLO[:10] + b"\x05" + HELLO[11:]])
    for other in (b"\x17" + HELLO[1:], HELLO[:4] + b"\x01" + HELLO[5:]):
        assert not flight.is_repeated_by([other])
        assert not flight.is_repeated_by([other])


def test_what_was_seen_is_bounded() -> None:
    flight = sent(b"x")
    for n in range(10 * SEEN_MAX):
        flight.is_repeated_by([HELLO + n.to_bytes(4, "big")])
    assert len(flight._seen) == SEEN_MAX


def test_after_the_end_nothing_is_repeated() -> None:
    flight = sent(b"x")
    flight.end()
    assert flight.next_timeout is None
    assert flight.repeat(20.0) == []
