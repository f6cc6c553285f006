"""The script of sim-vs-live says the same to both sides."""

from __future__ import annotations

from pathlib import Path

from meshsim.topology import read_matrix
from support.lab.script import Played, agreement, delays, simulate, write_matrix


def test_the_matrix_that_the_simulator_reads_has_the_wires_delays(
    tmp_path: Path,
) -> None:
    one_way_ms = delays(4, 7)
    write_matrix(tmp_path / "m.csv", 4, one_way_ms)
    rows = read_matrix(tmp_path / "m.csv")
    for (a, b), wanted in one_way_ms.items():
        assert abs(rows[a][b] * 1000 - wanted) < 0.01
        assert abs(rows[b][a] * 1000 - wanted) < 0.01


def test_a_relay_of_the_simulated_tree_dies_and_its_children_are_repaired(
    tmp_path: Path,
) -> None:
    path = tmp_path / "m.csv"
    write_matrix(path, 12, delays(12, 1))
    played, victims = simulate(path, 12, 80, 1, 1)
    (parents,) = played.parents
    assert set(parents) == set(range(1, 12))
    assert victims[0] in parents.values()
    assert played.gaps_ms


def test_agreement_counts_nodes_that_both_saw() -> None:
    one = Played([{1: 0, 2: 1, 3: 1}])
    other = Played([{1: 0, 2: 0}])
    assert agreement(one, other) == 0.5
