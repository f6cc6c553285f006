from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError, StateError
from meshproto.wire import rtcp, twcc


def feedback(arrivals: list[twcc.Arrival], **limits: int) -> rtcp.TransportFeedback:
    packet, taken = twcc.build(1, 2, 3, arrivals, **limits)
    assert taken == len(arrivals)
    (read,) = rtcp.parse(packet)
    assert isinstance(read, rtcp.TransportFeedback)
    return read


def body(statuses: int, chunks: str, deltas: str = "", reference: int = 1) -> bytes:
    head = bytes.fromhex("0000000100000002000a") + statuses.to_bytes(2, "big")
    return head + (reference << 8).to_bytes(4, "big") + bytes.fromhex(chunks + deltas)


def test_a_run_of_small_differences() -> None:
    read = twcc.decode(body(3, "2003", "040000"))
    assert read.arrivals == ((10, 65_000), (11, 65_000), (12, 65_000))


def test_a_vector_of_one_bit_symbols() -> None:
    read = twcc.decode(body(3, "a800", "0102"))
    assert read.arrivals == ((10, 64_250), (11, None), (12, 64_750))


def test_a_vector_of_two_bit_symbols_with_a_step_back() -> None:
    # received after large step, missing, received earlier than the one before
    read = twcc.decode(body(3, "e200", "0100ffff"))
    assert read.arrivals == ((10, 128_000), (11, None), (12, 127_750))


def test_a_run_of_none_says_nothing() -> None:
    assert twcc.decode(body(1, "00002001", "04")).arrivals == ((10, 65_000),)


def test_chunks_are_as_few_as_the_symbols_allow() -> None:
    def octets(*pattern: int | None, times: int) -> int:
        sent = [us for _ in range(times) for us in pattern]
        packet, _ = twcc.build(1, 2, 3, list(enumerate(sent)), max_octets=9999)
        received = sum(us is not None for us in sent)
        return len(packet) - 20 - received - packet[-1] * (packet[0] >> 5 & 1)

    assert octets(0, times=1000) == 2  # one run
    assert octets(0, None, times=7) == 2  # 14 symbols of one bit
    assert octets(0, None, times=14) == 4


def test_sequence_numbers_cross_the_wrap() -> None:
    read = feedback([(65_535, 1000), (0, None), (1, 2000)])
    assert [sequence for sequence, _ in read.arrivals] == [65_535, 0, 1]


def test_a_run_longer_than_the_count_ends_with_it() -> None:
    assert len(twcc.decode(body(2, "3fff", "0000")).arrivals) == 2


@pytest.mark.parametrize(
    "bad",
    [
        bytes(15),
        body(1, ""),
        body(1, "20"),
        body(1, "0000"),  # a run of none leaves one to come
        body(1, "6001", "0000"),  # symbol 3 is reserved
        body(1, "2001"),
        body(1, "4001", "00"),
        body(twcc.MAX_STATUSES + 1, "1fff1fff1fff"),
    ],
)
def test_malformed_feedback_is_refused(bad: bytes) -> None:
    with pytest.raises(DecodeError):
        twcc.decode(bad)


def test_the_longest_believed_list_is_read() -> None:
    assert len(twcc.decode(body(twcc.MAX_STATUSES, "1fff1fff1fff")).arrivals) == (
        twcc.MAX_STATUSES
    )


def test_the_reference_is_in_units_of_64_ms_and_wraps() -> None:
    assert twcc.reference_time(63_999) == 0
    assert twcc.reference_time(64_000) == 1
    assert twcc.reference_time(twcc.WRAP_US) == 0


def test_only_missing_packets_can_be_reported() -> None:
    assert feedback([(7, None)]).arrivals == ((7, None),)


def test_numbers_left_out_count_as_missing() -> None:
    packet, taken = twcc.build(1, 2, 3, [(7, 64_000), (10, 64_250)])
    assert taken == 2
    (read,) = rtcp.parse(packet)
    assert isinstance(read, rtcp.TransportFeedback)
    assert read.arrivals == ((7, 64_000), (8, None), (9, None), (10, 64_250))


def test_an_empty_report_is_the_callers_mistake() -> None:
    with pytest.raises(StateError):
        twcc.build(1, 2, 3, [])


def test_a_step_too_large_for_its_field_starts_another_feedback() -> None:
    arrivals: list[twcc.Arrival] = [(1, 0), (2, 9_000_000), (3, 9_001_000)]
    packet, taken = twcc.build(1, 2, 3, arrivals)
    assert taken == 1
    packet, taken = twcc.build(1, 2, 4, arrivals[taken:])
    assert taken == 2
    (read,) = rtcp.parse(packet)
    assert isinstance(read, rtcp.TransportFeedback)
    assert read.arrivals == ((2, 9_000_000), (3, 9_001_000))


def test_a_number_that_steps_back_starts_another_feedback() -> None:
    assert twcc.build(1, 2, 3, [(5, 0), (4, 0)])[1] == 1


def test_no_more_is_claimed_than_would_be_believed() -> None:
    arrivals: list[twcc.Arrival] = [(0, 0), (twcc.MAX_STATUSES, 0)]
    assert twcc.build(1, 2, 3, arrivals, max_octets=60_000)[1] == 1


def test_a_value_that_one_packet_cannot_hold_is_not_written() -> None:
    wrong = rtcp.TransportFeedback(1, 2, 3, 0, 4, ((3, 0), (4, 9_000_000)))
    with pytest.raises(StateError):
        wrong.encode()


ARRIVALS = st.lists(
    st.none()
    | st.integers(0, 2_000_000)
    | st.integers(0, 60_000)
    | st.sampled_from([0, 250, 63_750, 64_000]),
    min_size=1,
    max_size=200,
)


def quantised(arrivals: list[twcc.Arrival]) -> list[twcc.Arrival]:
    return [
        (sequence, None if us is None else us // twcc.TICK_US * twcc.TICK_US)
        for sequence, us in arrivals
    ]


@given(st.integers(0, 0xFFFF), ARRIVALS, st.integers(60, 1200))
def test_arrivals_survive_in_as_many_feedbacks_as_needed(
    start: int, times: list[int | None], max_octets: int
) -> None:
    arrivals = [(start + i & 0xFFFF, us) for i, us in enumerate(times)]
    read: list[twcc.Arrival] = []
    rest: list[twcc.Arrival] = arrivals
    while rest:
        packet, taken = twcc.build(1, 2, 3, rest, max_octets=max_octets)
        assert taken
        assert len(packet) <= max_octets
        (part,) = rtcp.parse(packet)
        assert isinstance(part, rtcp.TransportFeedback)
        read += part.arrivals
        rest = rest[taken:]
    assert read == quantised(arrivals)


@given(st.integers(0, 0xFFFF), ARRIVALS)
def test_a_feedback_encodes_to_what_it_was_read_from(
    start: int, times: list[int | None]
) -> None:
    arrivals = [(start + i & 0xFFFF, us) for i, us in enumerate(times)]
    read = feedback(arrivals, max_octets=60_000)
    assert rtcp.parse(read.encode()) == [read]


@given(st.binary(max_size=120))
def test_any_body_is_read_or_refused(tail: bytes) -> None:
    body = bytes(12) + len(tail).to_bytes(2, "big") + tail
    try:
        read = twcc.decode(body)
    except DecodeError:
        return
    assert len(read.arrivals) <= twcc.MAX_STATUSES
