"""Whom faults hit: always the living, by role, number, share or region."""

from __future__ import annotations

import random

import pytest

from meshsim.engine import Engine
from meshsim.faults import Fault, What, Who, choose, region
from meshsim.network import Network
from meshsim.paths import Everywhere
from support.stage import Ledger


def hit(fault: Fault, field: Ledger, seed: int = 1) -> list[int]:
    return choose(fault, field, random.Random(seed))


def tree() -> Ledger:
    """0 feeds 1 and 2; 1 feeds 3, 4 and 5; the others have no parent."""
    field = Ledger().all_run()
    field.parents = {1: 0, 2: 0, 3: 1, 4: 1, 5: 1}
    return field


def test_random_ones_are_among_the_living() -> None:
    field = tree()
    field.running = dict.fromkeys([3, 7, 9])
    for seed in range(20):
        assert set(hit(Fault(What.CRASH, 1.0, count=2), field, seed)) <= {3, 7, 9}


def test_as_many_are_hit_as_asked_for_and_there_are() -> None:
    field = tree()
    assert len(hit(Fault(What.CRASH, 1.0, count=3), field)) == 3
    assert len(hit(Fault(What.CRASH, 1.0, portion=0.2), field)) == 4
    assert len(hit(Fault(What.CRASH, 1.0, portion=0.001), field)) == 1
    assert len(hit(Fault(What.CRASH, 1.0, count=99), field)) == 19
    field.running.clear()
    assert hit(Fault(What.CRASH, 1.0), field) == []


@pytest.mark.parametrize(
    ("who", "eligible"),
    [
        (Who.RELAY, {0, 1}),
        (Who.CHILD, {1, 2, 3, 4, 5}),
        (Who.ORIGIN, {0}),
        (Who.RANDOM, set(range(1, 20))),  # the origin is spared
    ],
)
def test_roles(who: Who, eligible: set[int]) -> None:
    found = {
        n for seed in range(200) for n in hit(Fault(What.CRASH, 1.0, who), tree(), seed)
    }
    assert found == eligible


def test_the_busiest_are_those_with_most_below_them() -> None:
    assert hit(Fault(What.CRASH, 1.0, Who.BUSIEST), tree()) == [1]
    assert hit(Fault(What.CRASH, 1.0, Who.BUSIEST, count=2), tree()) == [0, 1]


def test_listed_nodes_are_hit_if_they_live() -> None:
    field = tree()
    del field.running[4]
    fault = Fault(What.CRASH, 1.0, Who.NODES, nodes=(5, 4, 3))
    assert hit(fault, field) == [5, 3]


def test_listed_machines_are_cut_off_whether_they_run_or_not() -> None:
    field = Ledger()
    fault = Fault(What.PARTITION, 1.0, Who.NODES, nodes=(5, 4))
    assert hit(fault, field) == [5, 4]


def test_a_region_is_a_node_and_those_nearest_to_it() -> None:
    engine = Engine(1)
    on_a_line = Everywhere(20, lambda a, b: abs(a - b) * 0.01)
    network = Network(engine, on_a_line)
    found = region(list(range(20)), 5, network, random.Random(4))
    assert len(found) == 5
    assert max(found) - min(found) <= 8
    assert region([], 5, network, random.Random(4)) == []


def test_lost_packets_hit_nobody_in_particular() -> None:
    assert hit(Fault(What.LOSE, 1.0), tree()) == []


def test_the_same_chance_hits_the_same() -> None:
    fault = Fault(What.CRASH, 1.0, count=5)
    assert hit(fault, tree(), 3) == hit(fault, tree(), 3) != hit(fault, tree(), 4)
