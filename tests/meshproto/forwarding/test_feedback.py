"""Asking for what is missing, and reporting when packets came."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.feedback import ArrivalRecorder, NackGenerator
from meshproto.wire import rtcp


def fed(*numbers: int, config: ForwardingConfig | None = None) -> NackGenerator:
    generator = NackGenerator(config or ForwardingConfig())
    for number in numbers:
        assert generator.received(number, 0.0)
    return generator


def test_gaps_are_asked_for_once_and_again_after_a_round_trip() -> None:
    generator = fed(10, 13)
    assert generator.due(0.0) == ([11, 12], False)
    assert generator.due(0.05) == ([], False)
    assert generator.next_timeout() is not None
    assert generator.due(0.2) == ([11, 12], False)


def test_what_comes_is_no_longer_asked_for_and_teaches_the_round_trip() -> None:
    generator = fed(10, 12)
    generator.due(0.0)
    before = generator.rtt_s
    assert generator.received(11, 0.02)
    assert generator.rtt_s < before
    assert generator.recovered == 1
    assert generator.due(1.0) == ([], False)
    assert generator.next_timeout() is None


def test_a_gap_filled_within_one_batch_costs_nothing() -> None:
    generator = fed(10, 12, 11)
    assert generator.due(0.0) == ([], False)
    assert (generator.requested, generator.recovered) == (0, 0)


def test_the_first_rounds_are_short_and_the_later_ones_longer() -> None:
    generator = fed(10, 12)
    asked = [tick for tick in range(500) if generator.due(tick / 1024)[0]]
    assert [b - a for a, b in pairwise(asked)] == [77, 77, 77, 154]  # 75 ms is 76.8


def test_a_late_packet_does_not_pass_for_a_short_way() -> None:
    generator = fed(10, 12)
    generator.due(0.0)
    assert generator.received(11, 0.001)
    assert generator.received(14, 0.01)
    generator.due(0.01, path_s=0.1)
    assert generator.due(0.155, path_s=0.1) == ([], False)
    assert generator.due(0.165, path_s=0.1) == ([13], False)


def test_who_is_asked_instead_is_asked_as_often() -> None:
    generator = fed(10, 12)
    while not generator.due(0.49)[0]:
        pass
    generator.renew(0.49)
    assert generator.due(0.49) == ([11], False)
    assert generator.due(0.9) == ([11], False)
    assert generator.due(0.99) == ([], True)


def test_asking_ends_after_half_a_second() -> None:
    generator = fed(10, 12)
    asked, now = 0, 0.0
    while len(generator):
        numbers, gone = generator.due(now)
        asked += len(numbers)
        now += 0.01
        if gone:
            break
    assert 0.5 <= now <= 0.6
    assert 3 <= asked <= 10
    assert generator.abandoned == 1


def test_asking_ends_after_so_many_times() -> None:
    config = ForwardingConfig(nack_give_up_s=100.0, nack_retries=4)
    generator = fed(10, 12, config=config)
    asked = sum(len(generator.due(second)[0]) for second in range(20))
    assert asked == 4


def test_too_many_missing_means_a_key_frame_instead() -> None:
    generator = fed(10, 12)
    assert not generator.received(300, 0.0)
    assert generator.due(0.0) == ([], False)
    assert generator.received(301, 0.0)


def test_a_viewer_may_bring_a_number_back_while_there_is_room() -> None:
    config = ForwardingConfig(nack_outstanding=2)
    generator = fed(10, 12, config=config)
    generator.due(0.0)
    generator.due(0.6)
    generator.want(11, 0.6)
    assert generator.due(0.6) == ([11], False)
    generator.want(13, 0.6)  # nothing is known of it
    generator.want(9, 0.6)
    generator.want(8, 0.6)
    assert len(generator) == 2
    generator.restart()
    generator.want(7, 0.6)
    assert len(generator) == 0


@given(st.lists(st.integers(-5, 6), max_size=200))
def test_nothing_received_is_ever_asked_for(steps: list[int]) -> None:
    generator = NackGenerator(ForwardingConfig())
    head, now = 100, 0.0
    received: set[int] = set()
    for step in steps:
        number = head + step
        head = max(head, number)
        generator.received(number, now)
        received.add(number)
        asked, _ = generator.due(now)
        assert not set(asked) & received
        assert all(number < head for number in asked)
        now += 0.01


def arrivals(packets: list[bytes]) -> dict[int, int | None]:
    found: dict[int, int | None] = {}
    for packet in packets:
        [feedback] = rtcp.parse(packet)
        assert isinstance(feedback, rtcp.TransportFeedback)
        found.update(dict(feedback.arrivals))
    return found


def test_feedback_reports_each_number_once_with_gaps_as_lost() -> None:
    recorder = ArrivalRecorder()
    assert recorder.take(1, 2) == []
    for number in (65534, 65535, 1, 2):
        recorder.record(number, 10.0 + number % 5 / 1000)
    assert recorder
    first = arrivals(recorder.take(1, 2))
    assert list(first) == [65534, 65535, 0, 1, 2]
    assert first[0] is None
    assert not recorder
    recorder.record(5, 10.1)
    assert {n for n, t in arrivals(recorder.take(1, 2)).items() if t is None} == {3, 4}


def test_a_late_packet_does_not_make_its_neighbours_lost() -> None:
    recorder = ArrivalRecorder()
    for number in (10, 12, 13):
        recorder.record(number, 1.0)
    recorder.take(1, 2)
    recorder.record(11, 1.06)
    again = arrivals(recorder.take(1, 2))
    assert list(again) == [11, 12, 13]
    assert None not in again.values()


def test_another_numbering_starts_anew() -> None:
    recorder = ArrivalRecorder()
    recorder.record(10, 1.0)
    recorder.take(1, 2)
    recorder.record(30_000, 1.1)
    assert list(arrivals(recorder.take(1, 2))) == [30_000]


@given(st.lists(st.tuples(st.integers(1, 40), st.floats(0, 0.05)), max_size=300))
def test_every_arrival_is_reported(steps: list[tuple[int, float]]) -> None:
    recorder = ArrivalRecorder()
    number, now = 65_000, 5.0
    sent: set[int] = set()
    told: set[int] = set()
    for index, (step, pause) in enumerate(steps):
        number, now = number + step, now + pause
        recorder.record(number & 0xFFFF, now)
        sent.add(number & 0xFFFF)
        if index % 7 == 0:
            found = arrivals(recorder.take(1, 2))
            told |= {n for n, t in found.items() if t is not None}
    found = arrivals(recorder.take(1, 2))
    assert told | {n for n, t in found.items() if t is not None} == sent
