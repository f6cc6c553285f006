from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meshproto.ice import priority

PRIORITIES = st.integers(1, 2**31 - 1)


def test_the_best_host_candidate() -> None:
    assert priority.candidate_priority(priority.HOST_PREFERENCE) == 2_130_706_431


def test_the_type_outweighs_the_interface() -> None:
    worst_host = priority.candidate_priority(priority.HOST_PREFERENCE, 0, 256)
    best_mapped = priority.candidate_priority(priority.PEER_REFLEXIVE_PREFERENCE)
    assert worst_host > best_mapped


@given(PRIORITIES, PRIORITIES)
def test_both_ends_order_pairs_alike(one: int, other: int) -> None:
    here = priority.pair_priority(one, other)
    there = priority.pair_priority(other, one)
    assert here >> 1 == there >> 1
    assert here - there == (one > other) - (other > one)
