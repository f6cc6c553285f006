"""Feedback matched with what was sent: whole, in parts, lost, late, or invented."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.congestion.history import LATE_MAX, SentHistory
from meshproto.wire.twcc import WRAP_US, Arrival


def filled(counts: list[int], *, first: int = 0, limit: int = 1_000) -> SentHistory:
    """Bursts of 100 octets per packet, one every 10 ms, cluster = their index."""
    history, number = SentHistory(limit), first
    for index, count in enumerate(counts):
        history.add(number & 0xFFFF, count, 100 * count, index * 0.01, index)
        number += count
    return history


def arrivals(first: int, times: list[int | None]) -> list[Arrival]:
    return [(first + at & 0xFFFF, time) for at, time in enumerate(times)]


def test_a_burst_is_seen_with_its_last_arrival() -> None:
    history = filled([3, 1])
    matched = history.match(arrivals(0, [5_000, 7_000, 6_000, 20_000]))
    first, second = matched.bursts
    assert first == (0.0, pytest.approx(0.007), 300, 3, 0, 0)
    assert second == (0.01, pytest.approx(0.02), 100, 1, 0, 1)
    assert (matched.late, matched.unreported_bytes) == (0, 0)
    assert history.outstanding_bytes == 0
    assert history.oldest_s() is None


def test_a_burst_may_be_covered_by_two_feedbacks() -> None:
    history = filled([4])
    (part,) = history.match(arrivals(0, [1_000, None])).bursts
    assert (part.received, part.lost, part.size_bytes) == (1, 1, 100)
    assert history.outstanding_bytes == 200
    (rest,) = history.match(arrivals(2, [3_000, 4_000])).bursts
    assert (rest.received, rest.size_bytes, rest.sent_s) == (2, 200, 0.0)


def test_a_burst_that_did_not_come_has_no_arrival() -> None:
    (burst,) = filled([2]).match(arrivals(0, [None, None])).bursts
    assert (burst.arrival_s, burst.size_bytes, burst.lost) == (0.0, 0.0, 2)


def test_lost_feedback_leaves_packets_unreported() -> None:
    history = filled([2, 2, 2])
    matched = history.match(arrivals(3, [9_000, 9_000, 9_000]))
    assert matched.unreported_bytes == 300
    assert [burst.received for burst in matched.bursts] == [1, 2]
    assert sum(burst.lost for burst in matched.bursts) == 0


def test_late_packets_are_taken_back_once() -> None:
    history = filled([3, 1])
    history.match(arrivals(0, [1_000, None, None]))
    assert history.match(arrivals(1, [8_000, None, 9_000])).late == 1
    assert history.match(arrivals(1, [8_000, None])).late == 0
    assert history.match(arrivals(2, [8_000])).late == 1


def test_a_repeated_feedback_counts_once() -> None:
    history = filled([2, 2])
    report = arrivals(0, [1_000, 2_000])
    assert len(history.match(report).bursts) == 1
    assert history.match(report).bursts == []


def test_numbers_never_sent_are_ignored() -> None:
    history = filled([2])
    matched = history.match(arrivals(0, [1_000] * 50))
    assert [burst.received for burst in matched.bursts] == [2]
    assert history.match([]).bursts == []


def test_numbers_wrap() -> None:
    history = filled([4, 4], first=0xFFFE)
    matched = history.match(arrivals(0xFFFE, [1_000] * 8))
    assert [burst.received for burst in matched.bursts] == [4, 4]


def test_the_receivers_clock_wraps() -> None:
    history = filled([1, 1, 1])
    times = [WRAP_US - 1_000, 3_000, WRAP_US - 500]
    seen = [
        history.match(arrivals(at, [time])).bursts[0].arrival_s
        for at, time in enumerate(times)
    ]
    assert seen[1] - seen[0] == pytest.approx(0.004)
    assert seen[2] - seen[0] == pytest.approx(0.0005)


def test_the_oldest_bursts_are_forgotten_beyond_the_limit() -> None:
    history = filled([1] * 20, limit=5)
    assert history.outstanding_bytes == 500
    assert history.oldest_s() == pytest.approx(0.15)
    assert len(history.match(arrivals(0, [1_000] * 20)).bursts) == 5


def test_forgetting_settles_everything() -> None:
    history = filled([2, 2])
    history.forget()
    assert history.outstanding_bytes == 0
    assert history.match(arrivals(0, [1_000] * 4)).bursts == []


def test_missing_packets_are_remembered_within_a_bound() -> None:
    history = filled([LATE_MAX + 10, 1])
    history.match(arrivals(0, [None] * (LATE_MAX + 10)))
    matched = history.match(arrivals(0, [5_000] * (LATE_MAX + 10)))
    assert matched.late == LATE_MAX


@given(st.integers(0, 1 << 32), st.integers(0, 0xFFFF))
def test_whatever_is_reported_nothing_is_counted_twice(seed: int, first: int) -> None:
    draw = random.Random(seed)
    history = SentHistory(50)
    number = first
    sent = settled = 0
    for step in range(60):
        count = draw.randrange(1, 6)
        history.add(number & 0xFFFF, count, 100 * count, step * 0.01, 0)
        number += count
        sent += count
        if draw.random() < 0.5:
            base = number - draw.randrange(0, 40)
            times = [draw.choice([None, 1_000]) for _ in range(draw.randrange(30))]
            matched = history.match(arrivals(base, times))
            settled += sum(burst.received + burst.lost for burst in matched.bursts)
        assert 0 <= history.outstanding_bytes <= 100 * sent
    assert settled <= sent
