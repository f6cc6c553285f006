"""The estimate, fed with feedback made by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.forwarding.congestion.config import CongestionConfig
from meshproto.forwarding.congestion.delay import Usage
from meshproto.forwarding.congestion.estimator import BandwidthEstimator, Source
from meshproto.wire.twcc import Arrival


class Viewer:
    """25 packets of 1,000 octets every 100 ms (2 Mb/s), reported on at once."""

    def __init__(self, config: CongestionConfig | None = None) -> None:
        self.estimator = BandwidthEstimator(config or CongestionConfig())
        self.now = 50.0
        self.number = 0
        self.queue_s = 0.0

    def tenth(self, *, lose_every: int = 0, growing_s: float = 0.0) -> None:
        arrivals: list[Arrival] = []
        for _ in range(25):
            self.now += 0.004
            self.queue_s += growing_s / 25
            self.estimator.on_sent_burst(self.number & 0xFFFF, 1, 1_000, self.now, 0)
            lost = lose_every and self.number % lose_every == 0
            time = None if lost else int((self.now + 0.02 + self.queue_s) * 1e6)
            arrivals.append((self.number & 0xFFFF, time))
            self.number += 1
        self.estimator.on_feedback(arrivals, self.now + 0.04 + self.queue_s)

    def run(self, seconds: float, **how: float) -> float:
        for _ in range(round(seconds * 10)):
            self.tenth(**how)  # type: ignore[arg-type]
        return self.estimator.estimate_bps


def test_what_comes_through_is_believed_at_once() -> None:
    viewer = Viewer()
    assert viewer.run(1) >= 1_950_000
    assert viewer.estimator.source is Source.FEEDBACK
    assert not viewer.estimator.met_limit
    assert viewer.estimator.rtt_s < 0.05


def test_growth_ends_at_one_and_a_half_times_what_was_tried() -> None:
    assert Viewer().run(20) == pytest.approx(3_010_000, rel=0.03)


def test_growth_ends_at_the_ceiling() -> None:
    viewer = Viewer()
    viewer.estimator.ceiling_bps = 2_200_000
    assert viewer.run(20) == pytest.approx(2_200_000, rel=0.02)


def test_a_growing_queue_cuts_the_estimate_and_holds_video() -> None:
    viewer = Viewer()
    viewer.run(5)
    while not viewer.estimator.met_limit:
        viewer.tenth(growing_s=0.05)  # two thirds come through
    assert viewer.estimator.usage is Usage.OVER
    assert viewer.estimator.queue_s > 0.03
    assert viewer.estimator.estimate_bps < 1_700_000
    viewer.run(0.5, growing_s=0.05)
    assert viewer.estimator.estimate_bps == pytest.approx(0.85 * 1_333_000, rel=0.05)
    assert viewer.estimator.held_until >= viewer.estimator.decreased_at


def test_no_probe_counts_while_a_queue_grows() -> None:
    viewer = Viewer()
    viewer.run(5)
    while not viewer.estimator.met_limit:
        viewer.tenth(growing_s=0.05)
    before = viewer.estimator.estimate_bps
    viewer.estimator.raise_to(5_000_000, viewer.now)
    assert viewer.estimator.estimate_bps == before


def test_a_probe_raises_and_never_lowers() -> None:
    viewer = Viewer()
    viewer.run(1)
    viewer.estimator.raise_to(2_500_000, viewer.now)
    assert viewer.estimator.estimate_bps == 2_500_000
    viewer.estimator.raise_to(500_000, viewer.now)
    assert viewer.estimator.estimate_bps == 2_500_000


def test_tolerated_loss_costs_nothing() -> None:
    assert Viewer().run(10, lose_every=15) > 2_000_000


def test_heavy_loss_is_answered_step_by_step() -> None:
    viewer = Viewer()
    viewer.run(2)
    before = viewer.estimator.estimate_bps
    viewer.run(2, lose_every=3)
    assert 0.3 * before < viewer.estimator.estimate_bps < 0.7 * before


def test_silence_slows_down_while_packets_leave() -> None:
    viewer = Viewer()
    viewer.run(1)
    due = viewer.estimator.next_timeout()
    assert due is not None
    before = viewer.estimator.estimate_bps
    viewer.estimator.handle_timeout(due - 0.1)
    viewer.estimator.handle_timeout(due)  # nothing is outstanding
    assert viewer.estimator.estimate_bps == before
    viewer.estimator.on_sent_burst(viewer.number, 1, 1_000, due, 0)
    for step in range(1, 4):
        viewer.estimator.handle_timeout(due + step)
    assert viewer.estimator.estimate_bps == pytest.approx(before * 0.8)


def test_the_estimate_keeps_its_bounds() -> None:
    config = CongestionConfig(min_bps=300_000, max_bps=1_500_000)
    viewer = Viewer(config)
    assert viewer.run(3) == 1_500_000
    viewer.estimator.raise_to(9e9, viewer.now)
    assert viewer.estimator.estimate_bps == 1_500_000
    assert viewer.run(20, lose_every=2) == 300_000


def test_reports_count_until_there_is_something_better() -> None:
    viewer = Viewer()
    viewer.estimator.on_report(0.0, 0.05, 51.0)
    viewer.estimator.on_report(0.0, 0.05, 52.0)
    assert viewer.estimator.source is Source.REPORTS
    assert viewer.estimator.estimate_bps == pytest.approx(1_080_000)
    assert viewer.estimator.next_timeout() is None
    viewer.run(1)
    before = viewer.estimator.estimate_bps
    viewer.estimator.on_report(0.9, 5.0, viewer.now)
    viewer.estimator.on_remb(1_000, viewer.now)
    assert viewer.estimator.estimate_bps == before


def test_late_packets_are_not_losses() -> None:
    viewer = Viewer()
    for step in range(30):
        now = 50.0 + step * 0.1
        first = step * 25
        viewer.estimator.on_sent_burst(first, 25, 25_000, now, 0)
        time = int(now * 1e6)
        whole: list[Arrival] = [(first + at, time) for at in range(25)]
        cut = [(number, time if number % 7 else None) for number, time in whole]
        viewer.estimator.on_feedback(cut, now + 0.03)
        viewer.estimator.on_feedback(whole, now + 0.05)
    assert viewer.estimator.estimate_bps > 1_600_000
    assert not viewer.estimator.met_limit


@settings(max_examples=50)
@given(st.integers(0, 1 << 32))
def test_no_feedback_breaks_it(seed: int) -> None:
    draw = random.Random(seed)
    estimator = BandwidthEstimator(CongestionConfig())
    now, number = 1.0, draw.randrange(1 << 16)
    for _ in range(100):
        now += draw.random() * 0.2
        count = draw.randrange(1, 9)
        estimator.on_sent_burst(number & 0xFFFF, count, 1_000 * count, now, 0)
        number += count
        base = number - draw.randrange(-50, 200)
        estimator.on_feedback(
            [
                (base + at & 0xFFFF, draw.choice([None, draw.randrange(1 << 40)]))
                for at in range(draw.randrange(40))
            ],
            now,
        )
        estimator.handle_timeout(now)
        assert 50_000 <= estimator.estimate_bps <= 50_000_000
        assert estimator.held_until <= now + 1.0
