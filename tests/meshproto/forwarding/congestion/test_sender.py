"""A viewer behind simulated paths: what it gets, how fast, and how long the queue is.

Layers are 1.7 Mb/s, 500 and 150 kb/s under names that say nothing about their size.
"""

from __future__ import annotations

from itertools import pairwise

import pytest

from meshproto.forwarding.congestion.allocation import Demand
from meshproto.forwarding.congestion.config import CongestionConfig
from meshproto.forwarding.congestion.ladder import LayerRate
from meshproto.forwarding.congestion.pacer import Priority
from meshproto.forwarding.congestion.sender import TransportSender
from meshproto.forwarding.table import Selection
from meshproto.ids import ConsumerId
from support.path import Path
from support.relay import AUDIO_BPS, Feedback, Phase, Relay, Sample

pytestmark = pytest.mark.untraced


HIGH, MIDDLE, LOW = "a", "c", "b"
LAYERS = {HIGH: 1_700_000.0, LOW: 150_000.0, MIDDLE: 500_000.0}
SEEDS = range(1, 4)


def queues(samples: list[Sample]) -> list[float]:
    return sorted(sample.queue_s for sample in samples)


def first(samples: list[Sample], rid: str) -> float:
    """When the viewer first got the layer, from the first sample on."""
    return next(s.now for s in samples if s.rid == rid) - samples[0].now


@pytest.mark.parametrize("seed", SEEDS)
def test_a_thin_link_gets_the_layer_that_fits_and_no_standing_queue(seed: int) -> None:
    path = Path(1_000_000, seed=seed)
    relay = Relay(path, LAYERS, seed=seed)
    relay.run(5)
    settled = relay.run(20)
    assert {sample.rid for sample in settled} == {MIDDLE}
    assert queues(settled)[-1] < 0.2
    assert queues(settled)[len(settled) // 2] < 0.02
    assert relay.frozen_s < 0.3
    assert path.dropped == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_viewer_climbs_back_when_the_bottleneck_is_gone(seed: int) -> None:
    path = Path(1_000_000, seed=seed)
    relay = Relay(path, LAYERS, seed=seed)
    relay.run(20)
    path.rate_bps = None
    climbing = relay.run(15)
    assert first(climbing, HIGH) < 12
    assert {sample.rid for sample in climbing[1200:]} == {HIGH}
    assert relay.frozen_s < 0.3


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("loss", [0.05, 0.08])
def test_random_loss_without_a_queue_starves_nobody(loss: float, seed: int) -> None:
    back = Path(loss=loss, seed=seed + 50)
    relay = Relay(Path(loss=loss, seed=seed), LAYERS, back=back, seed=seed)
    samples = relay.run(30)
    assert first(samples, HIGH) < 6
    high = sum(sample.rid == HIGH for sample in samples)
    assert high > 0.75 * len(samples)
    assert min(sample.estimate_bps for sample in samples) > 600_000


@pytest.mark.parametrize("seed", SEEDS)
def test_heavy_random_loss_leaves_the_lowest_layer(seed: int) -> None:
    relay = Relay(Path(loss=0.25, seed=seed), LAYERS, seed=seed)
    relay.run(10)
    assert {sample.rid for sample in relay.run(10)} <= {LOW, MIDDLE}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("rate_bps", [None, 3_000_000])
@pytest.mark.parametrize("jitter_s", [0.005, 0.02])
def test_jitter_alone_is_no_overuse(
    jitter_s: float, rate_bps: float | None, seed: int
) -> None:
    path = Path(rate_bps, jitter_s=jitter_s, seed=seed)
    relay = Relay(path, LAYERS, seed=seed)
    assert first(relay.run(3), HIGH) < 2.5
    assert {sample.rid for sample in relay.run(15)} == {HIGH}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_drop_of_capacity_empties_its_queue_within_two_seconds(seed: int) -> None:
    path = Path(3_000_000, seed=seed)
    relay = Relay(path, LAYERS, seed=seed)
    relay.run(6)
    assert relay.rid == HIGH
    path.rate_bps = 500_000
    fall = relay.run(10)
    assert max(sample.queue_s for sample in fall[180:]) < 0.2
    assert {sample.rid for sample in fall[200:]} == {LOW}
    assert relay.frozen_s < 1.0


@pytest.mark.parametrize("seed", SEEDS)
def test_squeezed_to_a_thin_link_nothing_freezes(seed: int) -> None:
    path = Path(seed=seed)
    relay = Relay(path, LAYERS, seed=seed)
    relay.run(6)
    path.rate_bps = 1_000_000
    squeezed = relay.run(15)
    assert first(squeezed, MIDDLE) < 1.0
    assert max(sample.queue_s for sample in squeezed[150:]) < 0.2
    assert relay.frozen_s < 0.5


@pytest.mark.parametrize("delay_s", [0.005, 0.1])
def test_an_unlimited_viewer_has_the_best_layer_within_two_seconds(
    delay_s: float,
) -> None:
    path = Path(delay_s=delay_s)
    relay = Relay(path, LAYERS, back=Path(delay_s=delay_s))
    samples = relay.run(10)
    assert first(samples, HIGH) < 2
    assert relay.held == 0  # no live burst ever waited
    assert relay.padding_sent < 60_000


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lossy_and_jittery_thin_link_with_slow_feedback(seed: int) -> None:
    path = Path(1_000_000, jitter_s=0.02, loss=0.05, delay_s=0.08, seed=seed)
    back = Path(delay_s=0.08, jitter_s=0.01, loss=0.05, seed=seed + 9)
    relay = Relay(path, LAYERS, back=back, feedback_s=0.2, seed=seed)
    relay.run(5)
    settled = relay.run(15)
    assert {sample.rid for sample in settled} == {MIDDLE}
    assert queues(settled)[-1] < 0.25
    path.rate_bps = None
    assert first(relay.run(15), HIGH) < 13


@pytest.mark.parametrize("rate_bps", [600_000, 800_000, 1_800_000, 2_000_000])
def test_on_a_link_of_any_rate_layers_do_not_flap(rate_bps: float) -> None:
    relay = Relay(Path(rate_bps), LAYERS)
    relay.run(5)
    settled = relay.run(30)
    switches = sum(a.rid != b.rid for a, b in pairwise(settled))
    assert switches <= 2
    assert queues(settled)[-1] < 0.2
    assert relay.padding_sent < 0.2 * relay.media_sent


def test_bursts_that_a_path_swallows_are_not_tried_again_and_again() -> None:
    path = Path(1_000_000, bucket_bytes=30_000)
    relay = Relay(path, LAYERS)
    relay.run(20)
    later = relay.run(40)
    high = sum(sample.rid == HIGH for sample in later)
    assert high < 0.15 * len(later)


def test_a_single_layer_above_the_start_estimate_is_not_held_back() -> None:
    relay = Relay(Path(), {"": 4_000_000})
    samples = relay.run(5)
    assert relay.frozen_s < 0.2
    assert samples[100].estimate_bps > 4_000_000


def test_a_single_layer_above_the_path_keeps_its_queue_short() -> None:
    relay = Relay(Path(1_000_000, queue_bytes=120_000), {"": 2_500_000})
    relay.run(5)
    settled = relay.run(15)
    assert queues(settled)[int(0.95 * len(settled))] < 0.2


def test_a_layer_chosen_by_hand_wins() -> None:
    relay = Relay(Path(), LAYERS, selection=Selection(rid=LOW))
    assert {sample.rid for sample in relay.run(5)[50:]} == {LOW}
    assert relay.padding_sent == 0


def test_a_paused_viewer_gets_nothing() -> None:
    relay = Relay(Path(), LAYERS, selection=Selection(paused=True))
    assert {sample.rid for sample in relay.run(2)} == {None}
    assert relay.media_sent * 8 == pytest.approx(2 * AUDIO_BPS, rel=0.05)


def test_without_padding_nobody_claims_more_than_was_tried() -> None:
    relay = Relay(Path(), LAYERS, padding_bytes=0)
    samples = relay.run(20)
    assert {sample.rid for sample in samples[50:]} == {MIDDLE}
    assert samples[-1].estimate_bps < 1_500_000


class TestReportsOnly:
    """Receivers that know nothing but receiver reports."""

    def test_a_free_path_is_climbed_slowly(self) -> None:
        relay = Relay(Path(), LAYERS, feedback=Feedback.REPORTS, feedback_s=1.0)
        samples = relay.run(20)
        assert 5 < first(samples, HIGH) < 15
        assert relay.padding_sent == 0

    def test_a_thin_link_is_left_alone_for_longer_and_longer(self) -> None:
        path = Path(1_000_000)
        relay = Relay(path, LAYERS, feedback=Feedback.REPORTS, feedback_s=1.0)
        samples = relay.run(60)
        high = sum(sample.rid == HIGH for sample in samples)
        assert high < 0.2 * len(samples)

    def test_no_word_at_all_keeps_the_start(self) -> None:
        relay = Relay(Path(), LAYERS, feedback=Feedback.NONE)
        samples = relay.run(5)
        assert {sample.estimate_bps for sample in samples} == {1_000_000}
        assert relay.held == 0


def test_feedback_that_stops_slows_the_sender_down() -> None:
    relay = Relay(Path(), LAYERS)
    relay.run(5)
    before = relay.sender.estimate_bps
    relay.back.loss = 1.0
    relay.run(6)
    assert relay.sender.estimate_bps < 0.5 * before


def test_a_start_estimate_can_be_configured() -> None:
    config = CongestionConfig(start_bps=3_000_000)
    relay = Relay(Path(), LAYERS, config=config)
    assert first(relay.run(2), HIGH) < 0.2
    assert relay.phase is Phase.LIVE


def test_nothing_planned_needs_no_timer() -> None:
    sender = TransportSender()
    assert sender.next_timeout() is None
    sender.on_sent_burst(0, 1, 100, 1.0)
    assert sender.padding_due(1.0) == 0
    assert sender.ready_at(1.0) == 1.0
    assert not sender.overcommitted


def test_replay_stops_before_live_does() -> None:
    sender = TransportSender()
    number, now = 0, 1.0
    while sender.admit(now):
        sender.on_sent_burst(number, 1, 1_200, now)
        number += 1
    replay = sender.ready_at(now, Priority.REPLAY)
    live = sender.ready_at(now)
    assert replay > live > now
    assert sender.ready_at(now, Priority.RETRANSMISSION) == now
    assert sender.admit(live + 0.001)


def test_remb_is_a_bound_for_those_who_send_nothing_better() -> None:
    sender = TransportSender()
    for step in range(200):
        now = step * 0.02
        sender.on_sent_burst(step, 1, 1_500, now)  # 600 kb/s
        if step % 50 == 49:
            sender.on_remb(400_000, now)
    assert sender.estimate_bps == 400_000


def test_overcommitted_until_a_lower_layer_was_chosen() -> None:
    sender = TransportSender(CongestionConfig(start_bps=3_000_000))
    rates = tuple(LayerRate(rid, int(bps)) for rid, bps in LAYERS.items())
    demands = [Demand(ConsumerId(1), rates)]
    assert sender.allocate(AUDIO_BPS, demands, 1.0).allocated_bps > 1_700_000
    assert not sender.overcommitted
    for step in range(200):
        sender.on_sent_burst(step, 1, 4_000, 1.0 + step * 0.005)
        if step % 100 == 99:
            sender.on_remb(1_000_000, 1.0 + step * 0.005)
    assert sender.overcommitted
    outcome = sender.allocate(AUDIO_BPS, demands, 2.1)
    assert outcome.targets[ConsumerId(1)].rid == MIDDLE
    assert not sender.overcommitted
