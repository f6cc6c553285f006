"""Timestamps and NTP."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.clock import (
    LayerClock,
    PublisherClock,
    common_offset,
    ntp_bits,
    ntp_seconds,
)


@given(st.integers(0, 2**64 - 1))
def test_ntp_survives_as_seconds_to_a_microsecond(ntp: int) -> None:
    assert abs(ntp_bits(ntp_seconds(ntp)) - ntp) < 2**32 / 1e6 or ntp >> 63


def test_the_shift_is_kept_until_the_clock_is_set() -> None:
    clock = PublisherClock()
    clock.heard(100.0, 1_000.0)
    assert clock.shift_s == 900.0
    clock.heard(101.0, 1_001.2)
    assert clock.shift_s == 900.0
    clock.heard(500.0, 1_002.0)
    assert clock.shift_s == 502.0


def test_without_a_report_nothing_is_known() -> None:
    one, other = LayerClock(90_000), LayerClock(90_000)
    assert one.timestamp_at(5.0) is None
    assert common_offset(one, other, 7) is None
    one.heard(5 << 32, 100, 1.0)
    assert common_offset(one, other, 7) is None
    assert common_offset(other, one, 7) is None


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(-900, 900))
def test_layers_of_one_clock_meet_at_every_instant(
    first: int, second: int, apart_ms: int
) -> None:
    old, new = LayerClock(90_000), LayerClock(90_000)
    old.heard(5_000 << 32, first, 1.0)
    new.heard(ntp_bits(5_000 + apart_ms / 1_000), second, 1.0)
    offset = common_offset(old, new, 42)
    assert offset is not None
    at_old = old.timestamp_at(6_000.0)
    at_new = new.timestamp_at(6_000.0)
    assert at_old is not None
    assert at_new is not None
    apart = (at_old + 42 - at_new - offset + 2**31) % 2**32 - 2**31
    assert abs(apart) <= 2
