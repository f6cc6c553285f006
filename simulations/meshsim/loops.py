"""Loops among next hops: each node points at one other at most."""

from __future__ import annotations

from collections.abc import Sequence


def cycle(next_hops: Sequence[int | None]) -> list[int]:
    """The nodes of one cycle in the order of the walk, empty without any.

    Every node is walked over once, so this is linear in their number.
    """
    done = bytearray(len(next_hops))
    for start in range(len(next_hops)):
        walk: dict[int, None] = {}
        node: int | None = start
        while node is not None and not done[node]:
            if node in walk:
                way = list(walk)
                return way[way.index(node) :]
            walk[node] = None
            node = next_hops[node]
        for passed in walk:
            done[passed] = 1
    return []


def cycle_through(next_hops: Sequence[int | None], node: int) -> list[int]:
    """The cycle that a change at `node` can have closed, empty if none: one walk."""
    way = [node]
    step = next_hops[node]
    while step is not None and len(way) <= len(next_hops):
        if step == node:
            return way
        way.append(step)
        step = next_hops[step]
    return []
