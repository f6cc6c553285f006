from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshnode.media.srtp_window import INDEX_MAX, WINDOW, Window


class Received:
    """The obvious replay check: remember everything."""

    def __init__(self, first: int) -> None:
        self.seen = {first}

    def is_fresh(self, index: int) -> bool:
        return index not in self.seen and index > max(self.seen) - WINDOW


@given(
    first=st.integers(0, 70000),
    steps=st.lists(st.integers(-1500, 1500), max_size=60),
)
def test_agrees_with_remembering_everything(first: int, steps: list[int]) -> None:
    window, model = Window(first, 0, accept_earlier=True), Received(first)
    index = first
    for step in steps:
        index = max(0, index + step)
        assert window.is_fresh(index) == model.is_fresh(index)
        if window.is_fresh(index):
            window.accept(index)
            model.seen.add(index)
        assert window.highest == max(model.seen)


@given(start=st.integers(0, 1 << 40), step=st.integers(-32767, 32767))
def test_a_near_index_is_guessed_from_its_low_bits(start: int, step: int) -> None:
    index = start + step
    if index >= 0:
        window = Window(start, 0, accept_earlier=True)
        assert window.estimate(index & 0xFFFF) == index


def test_a_sender_does_not_go_back_before_its_first_packet() -> None:
    assert not Window(100, 0, accept_earlier=False).claim(99)
    assert Window(100, 0, accept_earlier=True).claim(99)


def test_the_index_ends_at_48_bits() -> None:
    window = Window(INDEX_MAX - 1, 0, accept_earlier=False)
    assert window.claim(INDEX_MAX)
    assert not window.claim(INDEX_MAX + 1)


def test_memory_does_not_grow_with_holes() -> None:
    window = Window(0, 0, accept_earlier=True)
    for index in range(0, 1 << 20, 3000):
        window.accept(index)
    assert window.missing.bit_length() <= WINDOW
