"""What was repeated for a consumer."""

from __future__ import annotations

from meshproto.forwarding.repairs import Repairs


def test_a_packet_is_not_repeated_twice_within_the_interval() -> None:
    repairs = Repairs(0, 10)
    assert not repairs.recently(5, 0.05, 1.0)
    assert repairs.recently(5, 0.05, 1.04)
    assert not repairs.recently(6, 0.05, 1.04)
    assert not repairs.recently(5, 0.05, 1.06)
    assert repairs.tries(5) == 2
    assert repairs.tries(7) == 0


def test_an_interval_of_nothing_never_refuses() -> None:
    repairs = Repairs(0, 10)
    assert not repairs.recently(5, 0.0, 1.0)
    assert not repairs.recently(5, 0.0, 1.0)


def test_memory_and_queue_are_bounded() -> None:
    repairs = Repairs(0, 10)
    for index in range(2_000):
        repairs.recently(index, 0.05, 1.0)
        repairs.wait.append(index)
    assert len(repairs.times) == 512
    assert repairs.tries(1_999) == 1
    assert repairs.tries(0) == 0
    assert list(repairs.wait) == list(range(1_990, 2_000))
