from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.gossip.grid import Grid


def test_ticks_are_counted_from_the_origin() -> None:
    grid = Grid(0.5, 10.0)
    assert [grid.number(at) for at in (9.9, 10.0, 10.49, 10.5, 12.0)] == [
        -1,
        0,
        0,
        1,
        4,
    ]
    assert grid.at(4) == 12.0


@given(
    st.floats(0.01, 100),
    st.floats(0, 1e6),
    st.integers(0, 1_000_000),
)
def test_at_the_time_of_a_tick_it_is_that_tick(
    interval_s: float, origin: float, number: int
) -> None:
    grid = Grid(interval_s, origin)
    assert grid.number(grid.at(number)) == number
