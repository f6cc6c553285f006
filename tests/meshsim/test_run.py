"""One run of one scenario: constants, the end, violations and their replay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meshsim.errors import ScenarioError
from meshsim.plane import SimPlane
from meshsim.run import Run, configured, simulate
from meshsim.violation import dumps, loads
from support.run import Small, scenario


def test_a_scenario_changes_constants_by_their_dotted_names() -> None:
    config = configured({"overlay.links_target": 5, "distribution.turn_s": 7.0})
    assert config.overlay.links_target == 5
    assert config.distribution.turn_s == 7.0
    assert config.routing == configured({}).routing


@pytest.mark.parametrize("name", ["overlay.nothing", "nothing.at.all", "overlay"])
def test_a_constant_that_is_none_is_named(name: str) -> None:
    with pytest.raises(ScenarioError, match="is no constant"):
        configured({name + ".x": 1} if name == "overlay" else {name: 1})


def test_a_run_tells_its_progress_and_what_it_cost() -> None:
    told: list[float] = []
    short = replace(scenario(), duration_s=6.0)
    seen = simulate(short, 3, told.append)
    assert seen.simulated_s == 6.0
    assert seen.events > 1000
    assert seen.wall_s > 0.0
    assert seen.memory_bytes > 1_000_000
    assert seen.log_hash == ""
    assert all(0.0 <= share <= 1.0 for share in told)


def mutant(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planes give a viewer some packets twice."""
    honest = SimPlane._accept

    def twice(self: SimPlane, state, packet, now: float) -> None:  # type: ignore[no-untyped-def]
        honest(self, state, packet, now)
        if packet.sequence == 40:
            self._deliver(packet.stream, packet.sequence, packet.born, now)

    monkeypatch.setattr(SimPlane, "_accept", twice)


def test_a_violation_ends_a_run_that_stops_and_is_the_same_when_replayed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stops = replace(scenario(), checks=replace(scenario().checks, stop=True))
    mutant(monkeypatch)
    first = simulate(stops, 5)
    assert first.simulated_s < 10.0
    (violation,) = first.violations
    assert violation.checker == "duplicate"
    kept = loads(dumps(violation))
    assert kept.same_as(simulate(stops, 5).violations[0])
    assert not kept.same_as(simulate(stops, 6).violations[0])
    monkeypatch.undo()
    assert simulate(stops, 5).violations == []


def test_a_run_that_does_not_stop_keeps_sixteen_violations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mutant(monkeypatch)
    seen = simulate(replace(scenario(), nodes=20, duration_s=12.0), 5)
    assert seen.simulated_s == 12.0
    assert len(seen.violations) == 16


def test_the_checkers_look_at_a_run_by_the_clock_too() -> None:
    small = Small(until_s=5.5)
    before = small.run.checkers.checks
    small.wait(5.0)
    assert small.run.checkers.checks >= before + 8 * 5
    assert isinstance(small.run, Run)
