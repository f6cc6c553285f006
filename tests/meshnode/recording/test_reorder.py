"""Packets in order: swaps, losses, duplicates, wrap-around, bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshnode.recording.reorder import HELD_MAX, WAIT_S, Packet, Reorder


def packet(sequence: int, at_s: float = 0.0) -> Packet:
    return Packet("opus", sequence & 0xFFFF, 0, False, b"x", at_s)


def pushed(reorder: Reorder, *numbers: int, at_s: float = 0.0) -> list[int]:
    return [
        ordered.packet.sequence
        for number in numbers
        for ordered in reorder.push(packet(number, at_s))
    ]


def test_in_order_passes_at_once() -> None:
    assert pushed(Reorder(), 1, 2, 3) == [1, 2, 3]


def test_a_swap_is_put_right() -> None:
    assert pushed(Reorder(), 1, 3, 2, 4) == [1, 2, 3, 4]


def test_numbers_wrap() -> None:
    assert pushed(Reorder(), 65534, 0, 65535, 1) == [65534, 65535, 0, 1]


def test_a_duplicate_and_a_late_one_are_counted() -> None:
    reorder = Reorder()
    assert pushed(reorder, 1, 3, 3, 1, 2) == [1, 2, 3]
    assert reorder.repeated == 2


def test_a_lost_packet_is_waited_for_only_so_long() -> None:
    reorder = Reorder()
    assert pushed(reorder, 1, 3) == [1]
    assert pushed(reorder, 4, at_s=WAIT_S / 2) == []
    found = list(reorder.push(packet(5, WAIT_S + 0.01)))
    assert [(o.packet.sequence, o.hole) for o in found] == [
        (3, True),
        (4, False),
        (5, False),
    ]
    assert reorder.lost == 1
    assert pushed(reorder, 2) == []


def test_memory_is_bounded() -> None:
    reorder = Reorder()
    pushed(reorder, 0)
    for number in range(2, 5000, 2):
        pushed(reorder, number)
        assert len(reorder) <= HELD_MAX


def test_a_new_source_under_the_same_name_is_a_hole() -> None:
    reorder = Reorder()
    assert pushed(reorder, 10, 11) == [10, 11]
    (ordered,) = reorder.push(packet(30000))
    assert ordered.hole
    assert pushed(reorder, 30001) == [30001]


@given(st.permutations(range(40)), st.integers(0, 65535))
def test_any_order_comes_out_sorted(order: list[int], start: int) -> None:
    reorder = Reorder()
    numbers = [start, *(start + 1 + number for number in order)]
    got = [o.packet.sequence for n in numbers for o in reorder.push(packet(n))]
    got += [o.packet.sequence for o in reorder.flush()]
    assert got == [(start + n) & 0xFFFF for n in range(41)]
    assert reorder.lost == 0
