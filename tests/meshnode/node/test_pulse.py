from __future__ import annotations

from meshnode.node.pulse import Pulse


def test_a_late_beat_is_a_lag_and_work_is_a_share_of_a_core() -> None:
    now, cpu = [10.0], [3.0]
    pulse = Pulse(lambda: now[0], lambda: cpu[0])
    now[0], cpu[0] = 11.25, 3.5
    assert pulse.beat(1.0) == (0.25, 0.4)
    now[0] = 12.25
    assert pulse.beat(1.0) == (0.0, 0.0)
