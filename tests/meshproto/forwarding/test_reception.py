"""Loss, jitter and bitrates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.reception import PartRates, RateMeter, Reception
from meshproto.wire.descriptor import FrameFacts


def test_loss_is_counted_per_report_and_altogether() -> None:
    source = Reception(90_000)
    for number in (100, 101, 103):
        source.count(number, 0, 1.0, repaired=False)
    block = source.block(7, 5, 0.5)
    assert (block.ssrc, block.last_report, block.delay) == (7, 5, 32768)
    assert (block.fraction_lost, block.packets_lost) == (64, 1)
    assert block.highest_sequence == 103
    for number in (104, 105):
        source.count(number, 0, 1.0, repaired=False)
    block = source.block(7, 0, 0.0)
    assert (block.fraction_lost, block.packets_lost) == (0, 1)


def test_a_repaired_packet_is_no_loss() -> None:
    source = Reception(90_000)
    for number in (100, 102):
        source.count(number, 0, 1.0, repaired=False)
    source.count(101, 0, 5.0, repaired=True)
    assert source.lost == 0
    assert source.jitter == 0


def test_a_packet_before_the_first_counts_as_well() -> None:
    source = Reception(90_000)
    source.count(100, 0, 1.0, repaired=False)
    source.count(98, 0, 1.0, repaired=False)
    assert (source.expected, source.lost) == (3, 1)


def test_nothing_received_is_nothing_lost() -> None:
    source = Reception(90_000)
    assert source.block(1, 0, 0.0).fraction_lost == 0
    assert source.expected == 0


def test_even_pacing_has_no_jitter_and_uneven_has() -> None:
    even, uneven = Reception(1_000), Reception(1_000)
    for step in range(100):
        even.count(step, step * 20, step * 0.020, repaired=False)
        late = 0.010 * (step % 2)
        uneven.count(step, step * 20, step * 0.020 + late, repaired=False)
    assert even.jitter == 0
    assert uneven.jitter == pytest.approx(10, abs=1)


def test_a_wrap_of_the_timestamp_is_no_jitter() -> None:
    source = Reception(90_000)
    source.count(1, 2**32 - 10, 1.0, repaired=False)
    source.count(2, 10, 1.0, repaired=False)
    assert source.jitter == 0


@given(st.lists(st.tuples(st.integers(0, 5_000), st.floats(0, 0.3)), max_size=60))
def test_the_rate_is_that_of_the_last_second(steps: list[tuple[int, float]]) -> None:
    meter, now = RateMeter(), 10.0
    taken: list[tuple[float, int]] = []
    for size, pause in steps:
        now += pause
        meter.count(size, now)
        taken.append((now, size))
    least = sum(size for at, size in taken if at > now - 0.9)
    most = sum(size for at, size in taken if at > now - 1.11)
    window = min(1.0, max(now - taken[0][0], 0.1)) if taken else 1.0
    assert least * 8 / window <= meter.rate_bps(now) + 1 <= most * 8 / window + 2


def test_a_silent_meter_falls_to_nothing() -> None:
    meter = RateMeter()
    assert meter.rate_bps(1.0) == 0
    meter.count(1_000, 1.0)
    assert meter.rate_bps(1.05) == 80_000
    assert meter.rate_bps(3.0) == 0


def test_parts_are_measured_once_there_is_more_than_one() -> None:
    parts = PartRates()
    parts.count(FrameFacts(), 1_000, 1.0)
    assert parts.up_to_bps(7, 7, 1.0) == 0
    for spatial, temporal, size in ((0, 1, 100), (1, 0, 200), (1, 1, 400), (0, 0, 800)):
        parts.count(FrameFacts(spatial=spatial, temporal=temporal), size, 1.0)
    assert (parts.spatial, parts.temporal) == (1, 1)
    assert parts.up_to_bps(0, 0, 1.05) == 64_000
    assert parts.up_to_bps(0, 1, 1.05) == 72_000
    assert parts.up_to_bps(1, 0, 1.05) == 80_000
    assert parts.up_to_bps(7, 7, 1.05) == 120_000
