"""Debt: what may leave at once, and what must wait for how long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.congestion.config import CongestionConfig
from meshproto.forwarding.congestion.pacer import Pacer, Priority

RATE_BPS = 8_000_000


def pacer(rate_bps: float = RATE_BPS) -> Pacer:
    made = Pacer(CongestionConfig())
    made.set_rate(rate_bps)
    return made


def test_live_frames_within_the_rate_never_wait() -> None:
    paced = pacer()
    for frame in range(1, 300):
        now = frame / 30
        assert paced.admit(now)
        assert paced.ready_at(now, Priority.LIVE) == now
        paced.on_sent(30_000, now)


def test_a_large_key_frame_makes_the_next_frame_wait() -> None:
    paced = pacer()
    paced.on_sent(150_000, 1.0)
    assert not paced.admit(1.0)
    # 50 kB may leave at once, the rest at 1 MB/s
    assert paced.ready_at(1.0, Priority.LIVE) == pytest.approx(1.1)
    assert paced.admit(1.101)


def test_each_priority_gives_up_at_its_own_debt() -> None:
    paced = pacer()
    paced.on_sent(60_000, 1.0)
    waits = [paced.ready_at(1.0, priority) - 1.0 for priority in Priority]
    assert waits == pytest.approx([0.0, 0.01, 0.035])


def test_nothing_but_audio_leaves_while_held() -> None:
    paced = pacer()
    paced.held_until = 2.0
    assert not paced.admit(1.9)
    assert paced.ready_at(1.0, Priority.RETRANSMISSION) == 2.0
    assert paced.admit(2.0)


def test_slow_paths_still_pass_a_few_packets_at_once() -> None:
    paced = pacer(100_000)
    for _ in range(5):
        assert paced.admit(1.0)
        paced.on_sent(1_200, 1.0)
    paced.on_sent(1_200, 1.0)
    assert not paced.admit(1.0)


@given(st.lists(st.tuples(st.integers(50, 5_000), st.floats(0, 0.1)), max_size=50))
def test_the_rate_holds_over_any_time(bursts: list[tuple[int, float]]) -> None:
    paced, now, sent = pacer(1_000_000), 1.0, 0
    for size, pause_s in bursts:
        now = paced.ready_at(now + pause_s, Priority.LIVE)
        paced.on_sent(size, now)
        sent += size
    # rounding aside: the burst, one packet over, and the rate ever since
    assert sent <= 6_250 + 5_000 + (now - 1.0) * 125_000 + 1
