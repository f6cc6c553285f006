"""Loops among next hops, against networkx and by hand."""

from __future__ import annotations

import networkx as nx
from hypothesis import given
from hypothesis import strategies as st

from meshsim.loops import cycle, cycle_through

HOPS = st.integers(1, 12).flatmap(
    lambda n: st.lists(st.none() | st.integers(0, n - 1), min_size=n, max_size=n)
)


def in_cycles(hops: list[int | None]) -> set[int]:
    graph = nx.DiGraph([(a, b) for a, b in enumerate(hops) if b is not None])
    return {node for found in nx.simple_cycles(graph) for node in found}


@given(HOPS)
def test_a_cycle_is_found_exactly_when_there_is_one(hops: list[int | None]) -> None:
    found = cycle(hops)
    assert bool(found) == bool(in_cycles(hops))
    for here, there in zip(found, [*found[1:], *found[:1]], strict=True):
        assert hops[here] == there


@given(HOPS, st.data())
def test_the_walk_from_a_node_finds_the_cycle_that_it_is_on(
    hops: list[int | None], data: st.DataObject
) -> None:
    node = data.draw(st.integers(0, len(hops) - 1))
    found = cycle_through(hops, node)
    assert bool(found) == (node in in_cycles(hops))
    assert not found or found[0] == node


def test_a_tree_has_none_and_two_that_point_at_each_other_have_one() -> None:
    assert cycle([None, 0, 0, 1]) == []
    assert cycle([None, 2, 1, 1]) == [1, 2]
    assert cycle_through([None, 2, 1, 1], 3) == []
    assert cycle_through([0], 0) == [0]
