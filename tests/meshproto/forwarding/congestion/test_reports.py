"""Receiver reports and REMB: growth, and what speaks against it."""

from __future__ import annotations

import pytest

from meshproto.forwarding.congestion.history import SentHistory
from meshproto.forwarding.congestion.reports import Reports

SENT_BPS = 800_000


class Receiver:
    """Reports once a second on 100 packets of 1,000 octets."""

    def __init__(self) -> None:
        self.history = SentHistory(128)
        self.reports = Reports(self.history)
        self.packets = 0
        self.estimate_bps = 1_000_000.0
        self.now = 5.0
        self.report()

    def second(self) -> None:
        self.now += 1.0
        self.history.add(self.packets & 0xFFFF, 100, SENT_BPS // 8, self.now, 0)
        self.packets += 100

    def report(self, fraction: float = 0.0, rtt_s: float | None = 0.05) -> float:
        self.second()
        self.estimate_bps = self.reports.on_report(
            self.estimate_bps, fraction, rtt_s, self.now
        )
        return self.estimate_bps

    def remb(self, bitrate_bps: float) -> float:
        self.second()
        self.estimate_bps = self.reports.on_remb(
            self.estimate_bps, bitrate_bps, self.now
        )
        return self.estimate_bps


@pytest.fixture
def receiver() -> Receiver:
    return Receiver()


def test_silence_is_consent(receiver: Receiver) -> None:
    for _ in range(10):
        receiver.report()
    assert receiver.estimate_bps == pytest.approx(1_000_000 * 1.08**10)


def test_a_long_gap_between_reports_is_no_licence(receiver: Receiver) -> None:
    receiver.now += 100
    assert receiver.report() == pytest.approx(1_400_000)


def test_tolerated_loss_does_not_stop_growth(receiver: Receiver) -> None:
    for _ in range(5):
        receiver.report(0.06)
    assert receiver.estimate_bps > 1_400_000


def test_heavy_loss_leaves_what_came_through(receiver: Receiver) -> None:
    assert receiver.report(0.3) == pytest.approx(SENT_BPS * 0.7)


def test_loss_before_any_rate_is_known_halves_its_share() -> None:
    history = SentHistory(128)
    reports = Reports(history)
    history.add(0, 100, 10_000, 0.5, 0)
    assert reports.on_report(1_000_000, 0.4, None, 1.0) == pytest.approx(800_000)


def test_a_round_trip_far_above_the_shortest_means_a_queue(receiver: Receiver) -> None:
    receiver.report(rtt_s=0.05)
    assert receiver.report(rtt_s=0.4) == pytest.approx(0.85 * SENT_BPS)
    receiver = Receiver()
    assert receiver.report(rtt_s=0.15) > 1_000_000
    assert receiver.report(rtt_s=None) > 1_000_000


def test_a_remb_near_what_is_sent_is_a_bound(receiver: Receiver) -> None:
    receiver.remb(900_000)
    assert receiver.remb(700_000) == 700_000
    assert receiver.report() == 700_000  # no growth against it


def test_a_remb_that_climbs_is_no_complaint(receiver: Receiver) -> None:
    receiver.remb(5_000_000)
    receiver.remb(300_000)
    assert receiver.estimate_bps == 300_000
    receiver.estimate_bps = 1_000_000
    assert receiver.remb(320_000) == 1_000_000


def test_a_remb_far_above_what_is_sent_says_nothing(receiver: Receiver) -> None:
    assert receiver.remb(30_000_000) == 1_000_000
    assert receiver.report() == pytest.approx(1_000_000 * 1.08**2, rel=0.01)


def test_reports_at_one_instant_do_not_measure_twice(receiver: Receiver) -> None:
    receiver.remb(900_000)
    before = receiver.estimate_bps
    advice = receiver.reports.on_report(before, 0.0, 0.05, receiver.now)
    assert advice >= before
