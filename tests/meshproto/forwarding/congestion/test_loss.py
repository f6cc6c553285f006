"""Which losses count as congestion."""

from __future__ import annotations

import random

import pytest

from meshproto.forwarding.congestion.loss import LossGauge


def gauge(received: int, lost: int) -> LossGauge:
    found = LossGauge()
    found.add(received, lost, 1.0)
    return found


@pytest.mark.parametrize(
    ("received", "lost", "excessive"),
    [
        (0, 0, False),
        (5, 5, False),  # too few to judge
        (90, 10, False),
        (85, 15, False),  # may be chance
        (80, 20, True),
        (875, 125, True),  # the same share of more packets is no chance
        (0, 20, True),
    ],
)
def test_only_sure_and_large_losses_are_excessive(
    received: int, lost: int, excessive: bool
) -> None:
    assert gauge(received, lost).excessive is excessive


def test_the_share_lost() -> None:
    assert gauge(75, 25).fraction == 0.25
    assert gauge(0, 0).fraction == 0.0


def test_late_packets_undo_their_loss() -> None:
    found = gauge(80, 20)
    found.add(20, -20, 1.1)
    assert found.fraction == 0.0
    assert not found.excessive


def test_old_losses_are_forgotten() -> None:
    found = gauge(0, 100)
    found.add(50, 0, 3.5)
    assert found.fraction == 0.0
    found.clear()
    assert not found.excessive


@pytest.mark.parametrize(("loss", "bound"), [(0.05, 0.0), (0.08, 0.03)])
def test_tolerated_loss_is_hardly_ever_misjudged(loss: float, bound: float) -> None:
    """Thin streams: 20 packets a second, looked at ten times a second."""
    draw = random.Random(3)
    found, excessive = LossGauge(), 0
    for step in range(20_000):
        lost = sum(draw.random() < loss for _ in range(2))
        found.add(2 - lost, lost, step * 0.1)
        excessive += found.excessive
    assert excessive <= bound * 20_000 + 200
