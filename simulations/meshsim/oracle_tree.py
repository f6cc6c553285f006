"""The central tree: everybody's delay and slots known, nobody in a hurry.

Exactly the heuristic of the study that set the acceptance figures, so that a ratio to
it means the same here as there (RFC 0012 section 5.2).  A better tree may exist.  Costs
are vectors over all nodes, one numpy expression per node attached or looked at, which
makes 1,000 nodes a matter of a second and 10,000 of a minute or two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from meshsim.observation import NOBODY, Flags, Floats, Ints, Population, Space

PHASES = (8, 4, 1, 0)
"""Least slots of those who are attached in each phase."""
PASSES_MAX = 12
WEIGHT_CUT = 40
"""A subtree counts at most this much, or the top of the tree never moves."""
SETTLED_SHARE = 0.002
"""A pass in which fewer nodes than this share moved is the last."""
GAIN_MIN_S = 1e-6
"""Weighted seconds below which a move is rounding, not a gain."""


@dataclass(frozen=True, slots=True)
class CentralTree:
    """The oracle's answer; nodes without a slot to hang on have no parent."""

    parent: Ints
    delay_s: Floats
    passes: int


def central_tree(
    origin: int, members: Flags, space: Space, population: Population
) -> CentralTree:
    """The best tree the heuristic finds for `members` below `origin`."""
    work = _Work(origin, members, space, population)
    for least in PHASES:
        work.attach(least)
    passes = 0
    attached = int(np.count_nonzero(work.inside))
    while passes < PASSES_MAX:
        passes += 1
        if work.improve() < SETTLED_SHARE * attached:
            break
    return CentralTree(work.parent, work.delay, passes)


class _Work:
    """A tree under construction."""

    def __init__(
        self, origin: int, members: Flags, space: Space, population: Population
    ) -> None:
        size = len(population.slots)
        self.origin, self.space, self.hop = origin, space, population.hop_s
        self.parent = np.full(size, NOBODY, np.int64)
        self.delay = np.full(size, np.inf)
        self.delay[origin] = 0.0
        self.free = np.where(members, population.slots, 0).astype(np.int64)
        # why one: the same rule as the protocol's (RFC 0011 section 5)
        self.free[origin] = max(int(population.slots[origin]), 1)
        self.slots = population.slots
        self.inside = np.zeros(size, np.bool_)
        self.inside[origin] = True
        self.outside = members.copy()
        self.outside[origin] = False
        self.children: list[list[int]] = [[] for _ in range(size)]
        self.below = np.zeros(size, np.int64)
        self._best = np.full(size, np.inf)
        self._via = np.full(size, NOBODY, np.int64)
        self._offer(origin)

    def attach(self, least_slots: int) -> None:
        """Take in the outside nodes with so many slots, nearest first."""
        wanted = self.outside & (self.slots >= least_slots)
        while True:
            cost = np.where(wanted, self._best, np.inf)
            node = int(np.argmin(cost))
            if not np.isfinite(cost[node]):
                return
            parent = int(self._via[node])
            if self.free[parent] <= 0:
                self._seek(node)
                continue
            self._hang(node, parent, float(cost[node]))
            wanted[node] = self.outside[node] = False
            self.inside[node] = True
            self._offer(node)

    def _offer(self, node: int) -> None:
        """A node with free slots came in: better than the best known for some?"""
        if self.free[node] <= 0:
            return
        cost = self.delay[node] + self.hop[node] + self.space.one_way_s(node)
        nearer = cost < self._best
        self._best[nearer] = cost[nearer]
        self._via[nearer] = node

    def _seek(self, node: int) -> None:
        """The best parent of `node` is full now: find the next one."""
        cost = self._costs(node)
        cost[self.free <= 0] = np.inf
        best = int(np.argmin(cost))
        self._best[node], self._via[node] = cost[best], best

    def _costs(self, node: int) -> Floats:
        """The delay of `node` below each node of the tree."""
        cost = self.delay + self.hop + self.space.one_way_to_s(node)
        cost[node] = np.inf
        return cost

    def _hang(self, node: int, parent: int, delay_s: float) -> None:
        self.parent[node] = parent
        self.delay[node] = delay_s
        self.children[parent].append(node)
        self.free[parent] -= 1
        self._count(parent, 1 + int(self.below[node]))

    def _count(self, node: int, more: int) -> None:
        while node != NOBODY:
            self.below[node] += more
            node = int(self.parent[node])

    def _cut(self, node: int) -> None:
        parent = int(self.parent[node])
        self.children[parent].remove(node)
        self.free[parent] += 1
        self._count(parent, -1 - int(self.below[node]))
        self.parent[node] = NOBODY

    def improve(self) -> int:
        """One pass over all nodes; how many moved or swapped."""
        members = np.flatnonzero(self.inside & (self.parent != NOBODY))
        return sum(self._improve(node) for node in members.tolist())

    def _improve(self, node: int) -> bool:
        parent = int(self.parent[node])
        weight = 1 + min(int(self.below[node]), WEIGHT_CUT)
        cost = self._costs(node)
        cost[self._subtree(node)] = np.inf
        gain = (float(self.delay[node]) - cost) * weight
        gain[parent] = -np.inf
        moves = np.where(self.free > 0, gain, -np.inf)
        target = int(np.argmax(moves))
        swaps = self._swaps(node, parent, gain)
        other = int(np.argmax(swaps))
        if max(moves[target], swaps[other]) <= GAIN_MIN_S:
            return False
        if moves[target] >= swaps[other]:
            self._move(node, target, float(cost[target]))
        else:
            self._swap(node, other)
        return True

    def _swaps(self, node: int, parent: int, gain: Floats) -> Floats:
        """For every other node: what both gain, weighted, if they change places."""
        below = self.delay[parent] + self.hop[parent] + self.space.one_way_s(parent)
        weights = 1 + np.minimum(self.below, WEIGHT_CUT)
        has_parent = self.inside & (self.parent != NOBODY)
        total = np.full(len(gain), -np.inf)
        others = np.flatnonzero(has_parent)
        mine = gain[self.parent[others]]
        theirs = (self.delay[others] - below[others]) * weights[others]
        total[others] = mine + theirs
        total[node] = -np.inf
        above = parent
        while above != NOBODY:
            total[above] = -np.inf
            above = int(self.parent[above])
        return total

    def _subtree(self, node: int) -> list[int]:
        found = [node]
        for each in found:
            found.extend(self.children[each])
        return found

    def _move(self, node: int, parent: int, delay_s: float) -> None:
        earlier = float(self.delay[node]) - delay_s
        self._cut(node)
        self._hang(node, parent, delay_s)
        self._lift(node, earlier)

    def _swap(self, node: int, other: int) -> None:
        mine, theirs = int(self.parent[node]), int(self.parent[other])
        for child, parent in ((node, theirs), (other, mine)):
            self._cut(child)
            before = float(self.delay[child])
            passed = float(self.delay[parent] + self.hop[parent])
            after = passed + float(self.space.one_way_to_s(child)[parent])
            self._hang(child, parent, after)
            self._lift(child, before - after)

    def _lift(self, node: int, earlier_s: float) -> None:
        """Everybody below `node` is served that much earlier; `node` is already."""
        below = self._subtree(node)[1:]
        if below:
            self.delay[below] -= earlier_s
