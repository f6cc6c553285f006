"""`meshsim list`: the scenarios that come with it."""

from __future__ import annotations

from meshsim.scenario import load, names

from .conftest import Call


def test_every_scenario_is_listed_with_size_and_length(meshsim: Call) -> None:
    answer = meshsim("list")
    assert answer.code == 0
    for name in names():
        line = next(ln for ln in answer.out.splitlines() if ln.split()[:1] == [name])
        scenario = load(name)
        assert line.split()[1] == f"{scenario.nodes:,}"
        assert float(line.split()[2]) == round(scenario.duration_s / 60, 1)
