"""Numbers that wrap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.sequence import Unwrapper, nearest, newer


@given(st.integers(0, 2**40), st.integers(-(2**15), 2**15 - 1))
def test_nearest_finds_the_number_that_was_cut(reference: int, step: int) -> None:
    assert nearest((reference + step) % 2**16, reference) == reference + step


@given(st.integers(0, 65535), st.integers(0, 65535))
def test_of_two_numbers_one_is_newer(a: int, b: int) -> None:
    assert newer(a, b) + newer(b, a) == (a != b)


@given(st.integers(0, 65535), st.lists(st.integers(-100, 30000), max_size=50))
def test_unwrapping_undoes_wrapping(first: int, steps: list[int]) -> None:
    numbers = Unwrapper()
    assert numbers.extend(first) == first
    highest = first
    for step in steps:
        assert numbers.extend((highest + step) % 65536) == highest + step
        highest = max(highest, highest + step)
        assert numbers.highest == highest


def test_a_width_may_differ_for_one_value() -> None:
    numbers = Unwrapper(15)
    numbers.extend(32766)
    assert numbers.extend(5, 7) == 32773
