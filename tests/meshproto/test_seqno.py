"""Serial numbers wrap, and half a circle apart nobody is newer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.seqno import MODULUS, following, newer

SERIALS = st.integers(0, MODULUS - 1)


def test_ahead_is_newer_across_the_wrap_too() -> None:
    assert newer(2, 1)
    assert not newer(1, 2)
    assert newer(0, 65_535)
    assert newer(100, 65_500)


def test_a_number_is_not_newer_than_itself_or_its_opposite() -> None:
    assert not newer(7, 7)
    assert not newer(0, 32_768)
    assert not newer(32_768, 0)


def test_following_wraps() -> None:
    assert following(65_535) == 0
    assert following(65_530, 10) == 4


@given(SERIALS, SERIALS)
def test_at_most_one_of_two_is_newer(a: int, b: int) -> None:
    assert not (newer(a, b) and newer(b, a))


@given(SERIALS, st.integers(1, 32_767))
def test_every_step_below_half_a_circle_is_newer(start: int, steps: int) -> None:
    assert newer(following(start, steps), start)
