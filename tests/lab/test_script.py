"""The script of sim-vs-live says the same to both sides."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

from meshsim.run import Run
from support.lab.script import (
    CALM_S,
    DEATH_EVERY_S,
    DOWN_S,
    SEED,
    SETTLE_S,
    SIZE,
    Played,
    Topology,
    agreement,
    arrivals,
    begins_row,
    deaths,
    is_worth,
    scenario,
    simulate,
)


def test_simulated_hosts_are_where_the_wire_has_them(tmp_path: Path) -> None:
    topology = Topology.of(6, 7)
    topology.write(tmp_path / "m.csv")
    plan = scenario(topology, tmp_path / "m.csv", 80, 200_000, 1)
    for luck in (1, 2):
        paths = Run(plan, luck, None).mesh.network.paths
        for (a, b), wanted in topology.one_way_ms.items():
            assert abs(paths.one_way(a, b) * 1000 - wanted) < 0.01
            assert abs(paths.one_way(b, a) * 1000 - wanted) < 0.01


def test_no_node_has_two_parents_that_are_nearly_as_good() -> None:
    topology = Topology.of(SIZE, SEED)
    relays = {parent for parent in topology.parents().values() if parent}
    assert len(relays) >= 4
    for dead in [(), *((relay,) for relay in relays)]:
        best = topology.best(dead)
        for node, (parent, _) in best.items():
            others = {0, *best} - {node, parent} - below(best, node)
            costs = [topology.cost_ms(node, other, dead) for other in others]
            assert is_worth(topology.cost_ms(node, parent, dead), min(costs))


def below(best: dict[int, tuple[int, float]], node: int) -> set[int]:
    """Everybody whose path leads through it."""
    found = {node}
    for other, (parent, _) in best.items():  # nearest first
        if parent in found:
            found.add(other)
    return found - {node}


def test_relays_die_in_rows_and_are_back_before_the_next_one_dies() -> None:
    times = deaths(7)
    rows = [at_s for number, at_s in enumerate(times) if begins_row(number)]
    assert times[0] == SETTLE_S > arrivals(Topology.of(SIZE, SEED))[-1][1]
    assert min(b - a for a, b in pairwise(times)) == DEATH_EVERY_S
    assert DEATH_EVERY_S > DOWN_S
    assert rows[1] - max(at_s for at_s in times if at_s < rows[1]) == CALM_S


def test_a_relay_of_the_simulated_tree_dies_and_its_children_are_repaired(
    tmp_path: Path,
) -> None:
    topology = Topology.of(SIZE, SEED)
    topology.write(tmp_path / "m.csv")
    plan = scenario(topology, tmp_path / "m.csv", 80, 200_000, 1)
    played, victims = simulate(plan, 1, 1)
    (parents,) = played.parents
    assert parents == topology.parents()
    assert victims[0] in parents.values()
    assert played.gaps_ms


def test_agreement_counts_nodes_that_both_saw() -> None:
    one = Played([{1: 0, 2: 1, 3: 1, 4: None}])
    other = Played([{1: 0, 2: 0, 4: None}])
    assert math.isclose(agreement(one, other), 1 / 3)


def test_the_mesh_is_at_rest_before_the_first_of_a_row() -> None:
    played = Played([{1: number} for number in range(len(deaths(4)))])
    assert played.rested().parents == [{1: 0}, {1: 3}]
