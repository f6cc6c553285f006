"""What the host fills in: nothing shared between runs, rows of every model alike."""

from __future__ import annotations

import random

import pytest

from meshsim import topology
from meshsim.observation import Fault, Observation, Space
from meshsim.paths import uniform
from meshsim.space import space_of
from support.spaces import line, nodes, square


def test_two_runs_share_nothing() -> None:
    one = Observation("x", 1, line(3), nodes([1] * 3))
    other = Observation("x", 1, line(3), nodes([1] * 3))
    one.faults.append(Fault(1.0, "crash", (1,)))
    assert other.faults == []


def graph(size: int) -> Space:
    chance = random.Random(1)
    return space_of(
        topology.along_edges(topology.generate("ring", size, chance), chance, size)
    )


@pytest.mark.parametrize(
    "space", [line(6), square(6, 1), space_of(uniform(6, 0.02)), graph(6)]
)
def test_every_space_keeps_the_promises_of_the_protocol(space: Space) -> None:
    for node in range(6):
        there, back = space.one_way_s(node), space.one_way_to_s(node)
        assert there[node] == back[node] == 0.0
        assert (space.direct_s(node) <= there).all()
        for other in range(6):
            assert space.one_way_to_s(other)[node] == there[other]
