"""A bucket gives so much at once and so much a second."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.bucket import Bucket


def test_a_full_bucket_gives_its_burst_and_no_more() -> None:
    bucket = Bucket(per_s=1.0, burst=3.0, now=10.0)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]


def test_time_fills_it_up_to_the_burst() -> None:
    bucket = Bucket(per_s=2.0, burst=3.0, now=0.0)
    for _ in range(3):
        assert bucket.take(0.0)
    assert not bucket.take(0.4)
    assert bucket.take(0.5)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_a_clock_that_stands_or_goes_back_fills_nothing() -> None:
    bucket = Bucket(per_s=1.0, burst=1.0, now=5.0)
    assert bucket.take(5.0)
    assert not bucket.take(5.0)
    assert not bucket.take(1.0)


def test_amounts_are_taken_whole_or_not_at_all() -> None:
    bucket = Bucket(per_s=10.0, burst=100.0, now=0.0)
    assert not bucket.take(0.0, 101.0)
    assert bucket.take(0.0, 60.0)
    assert bucket.take(0.0, 40.0)
    assert not bucket.take(1.0, 11.0)
    assert bucket.take(1.0, 10.0)


@given(st.lists(st.floats(0.0, 2.0), max_size=60))
def test_never_more_than_burst_and_rate_allow(gaps: list[float]) -> None:
    bucket = Bucket(per_s=4.0, burst=5.0, now=0.0)
    now, given_out = 0.0, 0
    for gap in gaps:
        now += gap
        given_out += bucket.take(now)
        assert given_out <= 5.0 + 4.0 * now + 1e-6
