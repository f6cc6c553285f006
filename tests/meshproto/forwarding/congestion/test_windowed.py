"""The minimum of the last while."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.congestion.windowed import WindowedMin


def test_before_the_first_value_there_is_no_bound() -> None:
    assert math.isinf(WindowedMin(1.0).value)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60))
def test_it_covers_one_to_two_windows(values: list[float]) -> None:
    minimum = WindowedMin(10.0)
    for now, value in enumerate(values):
        got = minimum.add(value, float(now))
        assert got <= min(values[max(0, now - 9) : now + 1])
        assert got >= min(values[max(0, now - 22) : now + 1])
