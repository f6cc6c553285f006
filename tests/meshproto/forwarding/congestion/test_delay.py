"""The delay trend on made-up paths: queues that grow, stand, drain, and mere noise."""

from __future__ import annotations

import random

import pytest

from meshproto.forwarding.congestion.delay import DelayTrend, Usage

STEP_S = 0.02
OFFSET_S = -500.0


class Feeder:
    """Sends a burst every 20 ms and lets it arrive after `delay_s`."""

    def __init__(self) -> None:
        self.trend = DelayTrend()
        self.now = 1_000.0
        self.usages: list[Usage] = []

    def send(self, delay_s: float, step_s: float = STEP_S) -> Usage:
        self.now += step_s
        self.trend.on_burst(self.now, self.now + OFFSET_S + delay_s)
        self.usages.append(self.trend.usage)
        return self.trend.usage


@pytest.fixture
def feeder() -> Feeder:
    feeder = Feeder()
    for _ in range(50):
        feeder.send(0.03)
    assert set(feeder.usages) == {Usage.NORMAL}
    return feeder


def test_a_growing_queue_is_noticed_before_it_is_long(feeder: Feeder) -> None:
    delay_s = 0.03
    while feeder.trend.usage is not Usage.OVER:
        delay_s += 0.008  # the path carries 1 / 1.4 of what is sent
        feeder.send(delay_s)
    assert delay_s < 0.25
    assert 0.03 < feeder.trend.queue_s < 0.22


def test_a_draining_queue_is_underuse_and_then_normal(feeder: Feeder) -> None:
    for step in range(40):
        feeder.send(0.03 + step * 0.01)
    seen = {feeder.send(0.43 - step * 0.013) for step in range(30)}
    assert Usage.UNDER in seen
    for _ in range(30):
        feeder.send(0.03)
    assert feeder.trend.usage is Usage.NORMAL
    assert feeder.trend.queue_s < 0.005


def test_a_standing_queue_is_not_growing(feeder: Feeder) -> None:
    for step in range(10):
        feeder.send(0.03 + step * 0.01)
    for _ in range(60):
        feeder.send(0.12)
    assert feeder.trend.usage is not Usage.OVER
    assert feeder.trend.queue_s == pytest.approx(0.09, abs=0.01)


@pytest.mark.parametrize("seed", range(10))
def test_jitter_is_not_growing(feeder: Feeder, seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(1_000):
        feeder.send(0.03 + draw.random() * 0.02)
    assert Usage.OVER not in feeder.usages


def test_a_longer_route_is_the_normal_one_after_a_while(feeder: Feeder) -> None:
    for _ in range(1_200):
        feeder.send(0.2)
    assert feeder.trend.queue_s < 0.005
    assert feeder.trend.usage is Usage.NORMAL


def test_packets_sent_together_are_one_group(feeder: Feeder) -> None:
    for _ in range(200):
        feeder.send(0.03)
        for packet in range(4):  # each waits for the one before it
            feeder.send(0.03 + packet * 0.002, step_s=0.0)
    assert Usage.OVER not in feeder.usages


def test_a_pause_in_sending_starts_anew(feeder: Feeder) -> None:
    feeder.send(0.03, step_s=60.0)
    for _ in range(40):
        feeder.send(0.06)
    assert feeder.trend.usage is not Usage.OVER


def test_the_threshold_gives_way_to_noise_that_lasts(feeder: Feeder) -> None:
    """A TCP flow saws at the queue: after a while that is the path's nature."""
    overs = []
    for _ in range(40):
        before = len(feeder.usages)
        for step in range(60):
            feeder.send(0.1 + 0.0011 * min(step, 60 - step))
        overs.append(feeder.usages[before:].count(Usage.OVER))
    assert sum(overs[20:]) <= sum(overs[:20])
    assert sum(overs[20:]) < 200


def test_arrivals_at_one_instant_have_no_slope() -> None:
    trend = DelayTrend()
    for step in range(100):
        trend.on_burst(step * 0.02, 50.0 if step > 30 else 50.0 + step)
    assert trend.usage in set(Usage)
