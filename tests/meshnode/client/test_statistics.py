"""Rates are differences of counters, and read well."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from meshnode.client.statistics import FrameMeter, Sampler


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


def transport(count: int) -> Any:
    return SimpleNamespace(type="transport", bytesSent=count, bytesReceived=2 * count)


def received(kind: str, packets: int, lost: int) -> Any:
    return SimpleNamespace(type=kind, packetsReceived=packets, packetsLost=lost)


def test_a_player_shows_what_it_received() -> None:
    clock, meter = Clock(), FrameMeter()
    sampler = Sampler(meter, outgoing=False, clock=clock)
    for _ in range(60):
        meter.add(SimpleNamespace(width=640, height=360))
    clock.now += 2.0
    report = [transport(62_500), received("inbound-rtp", 90, 10)]
    sample = sampler.sample("connected", report, 0.0123)
    assert str(sample) == (
        "connected  2 s  640x360  30 fps  500 kb/s  loss 10.0%  rtt 12.3 ms"
    )
    clock.now += 1.0
    sample = sampler.sample("connected", report, None)
    assert str(sample) == "connected  3 s  640x360  0 fps  0 kb/s  loss -  rtt -"


def test_a_publisher_shows_what_it_sent_and_the_other_end_missed() -> None:
    clock = Clock()
    sampler = Sampler(FrameMeter(), outgoing=True, clock=clock)
    clock.now += 1.0
    sample = sampler.sample(
        "connected",
        [
            transport(1000),
            received("remote-inbound-rtp", 3, 1),
            received("inbound-rtp", 9, 9),
        ],
        None,
    )
    assert sample.bitrate_bps == pytest.approx(8000)
    assert sample.loss == pytest.approx(0.25)
    assert "no picture yet" in str(sample)


def test_a_late_packet_is_no_negative_loss() -> None:
    clock = Clock()
    sampler = Sampler(FrameMeter(), outgoing=False, clock=clock)
    clock.now += 1
    sampler.sample("connected", [received("inbound-rtp", 10, 5)], None)
    clock.now += 1
    assert (
        sampler.sample("connected", [received("inbound-rtp", 20, 4)], None).loss == 0.0
    )
