"""Bytes over the receiver's clock."""

from __future__ import annotations

import pytest

from meshproto.forwarding.congestion.throughput import Throughput


def test_half_a_second_is_averaged() -> None:
    throughput = Throughput()
    for step in range(100):
        throughput.add(step * 0.02, 2_500)
    assert throughput.bps() == pytest.approx(1_000_000, rel=0.05)
    assert throughput.recent_bps() == pytest.approx(1_000_000)


def test_a_change_shows_in_the_recent_rate_first() -> None:
    throughput = Throughput()
    for step in range(50):
        throughput.add(step * 0.02, 5_000)
    for step in range(50, 57):
        throughput.add(step * 0.02, 1_250)
    assert throughput.recent_bps() == pytest.approx(500_000)
    assert throughput.bps() > 1_000_000


def test_feedback_that_was_lost_leaves_no_hole() -> None:
    throughput = Throughput()
    throughput.add_unreported(1_000)
    assert throughput.bps() == 0
    throughput.add(1.0, 1_000)
    throughput.add_unreported(1_000)
    assert throughput.bps() == 2_000 * 8 / 0.5


def test_too_little_to_tell() -> None:
    throughput = Throughput()
    assert throughput.recent_bps() == 0
    throughput.add(1.0, 1_000)
    assert throughput.recent_bps() == 1_000 * 8 / 0.1
