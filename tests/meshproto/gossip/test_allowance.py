"""So much at once, so much a second."""

from __future__ import annotations

from meshproto.gossip.allowance import Allowance


def test_it_is_full_at_first_and_then_empty() -> None:
    allowance = Allowance(10.0, 100.0, 0.0)
    assert allowance.take(60.0, 0.0)
    assert allowance.take(40.0, 0.0)
    assert not allowance.take(1.0, 0.0)


def test_time_fills_it_up_to_the_burst() -> None:
    allowance = Allowance(10.0, 100.0, 0.0)
    allowance.take(100.0, 0.0)
    assert not allowance.take(11.0, 1.0)
    assert allowance.take(10.0, 1.0)
    assert not allowance.take(101.0, 1_000.0)
    assert allowance.take(100.0, 1_000.0)


def test_what_is_refused_takes_nothing() -> None:
    allowance = Allowance(10.0, 100.0, 0.0)
    assert not allowance.take(101.0, 0.0)
    assert allowance.take(100.0, 0.0)


def test_a_clock_that_stands_still_gives_nothing() -> None:
    allowance = Allowance(10.0, 100.0, 5.0)
    allowance.take(100.0, 5.0)
    assert not allowance.take(1.0, 4.0)
