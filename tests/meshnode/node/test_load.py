"""A node out of breath promises less, and more again when it has recovered."""

from __future__ import annotations

from meshnode.node.load import GRANT_MIN, Load


def run(load: Load, seconds: int, lag_s: float, cpu: float, start: int = 0) -> int:
    for second in range(start, start + seconds):
        load.sample(lag_s, cpu, float(second))
    return start + seconds


def test_a_calm_node_grants_everything() -> None:
    load = Load()
    run(load, 60, 0.001, 0.3)
    assert load.grant == 1.0
    assert not load.overloaded


def test_one_hiccup_changes_nothing() -> None:
    load = Load()
    at = run(load, 10, 0.001, 0.3)
    at = run(load, 1, 0.12, 0.3, at)
    run(load, 10, 0.001, 0.3, at)
    assert load.grant == 1.0


def test_a_late_loop_grants_less_and_less_but_never_nothing() -> None:
    load = Load()
    at = run(load, 4, 0.3, 0.3)
    assert load.overloaded
    assert load.grant == 0.5
    run(load, 30, 0.3, 0.3, at)
    assert load.grant == GRANT_MIN


def test_a_full_core_counts_as_well() -> None:
    load = Load()
    run(load, 20, 0.001, 0.99)
    assert load.overloaded


def test_it_recovers_step_by_step() -> None:
    load = Load()
    at = run(load, 40, 0.3, 1.0)
    at = run(load, 14, 0.001, 0.2, at)
    assert GRANT_MIN < load.grant < 1.0
    run(load, 60, 0.001, 0.2, at)
    assert load.grant == 1.0


def test_between_the_two_marks_it_stays_as_it_is() -> None:
    load = Load()
    at = run(load, 4, 0.3, 0.3)
    at = run(load, 10, 0.06, 0.8, at)
    grant = load.grant
    run(load, 100, 0.06, 0.8, at)
    assert load.grant == grant < 1.0
