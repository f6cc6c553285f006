"""A storm of topology events: no loop at any instant, good routes in the calm after."""

from __future__ import annotations

import pytest

import meshproto.routing.selection as selection_module
from meshproto.config.routing import RoutingConfig
from meshsim import storm
from meshsim.storm import Storm, optima, run, slack


@pytest.mark.parametrize(
    ("seed", "nodes", "events"),
    [
        (1, 5, 4_000),
        (2, 12, 4_000),
        (3, 30, 5_000),
        pytest.param(4, 60, 4_000, marks=pytest.mark.long),
        pytest.param(5, 100, 2_000, marks=pytest.mark.long),
        pytest.param(6, 200, 1_000, marks=pytest.mark.long),
    ],
)
def test_no_loop_at_any_instant_and_good_routes_afterwards(
    seed: int, nodes: int, events: int
) -> None:
    counts = run(seed, nodes, events)
    assert counts.first == ""
    assert counts.violations == 0
    assert counts.events == events
    assert counts.walks > events / 2  # the checkers had something to look at


def test_without_the_feasibility_test_the_checker_finds_loops(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection_module, "feasible", lambda *_: True)
    counts = run(1, 30, 500)
    assert counts.loops > 0
    assert "loop to" in counts.first


def test_with_hardly_any_room_bounds_hold_and_nothing_loops() -> None:
    config = RoutingConfig(origins_max=2, sources_max=5, local_max=5, neighbours_max=6)
    counts = run(9, 20, 1_500, config)
    assert (counts.loops, counts.rises, counts.overfull) == (0, 0, 0)


def test_the_same_seed_is_the_same_storm_and_another_is_not() -> None:
    assert run(7, 12, 400) == run(7, 12, 400)
    assert run(7, 12, 400) != run(8, 12, 400)


def test_the_optimum_is_the_least_sum_of_costs_over_relaying_nodes() -> None:
    made = Storm(1, 2, RoutingConfig())
    net = made.net
    far = net.add()
    a, b = net.members[0], net.members[1]
    link = net.join(b, far, 0.050)
    assert link is not None
    best = optima(net, a.node)
    assert best[a.node] == (0.0, 0.0)
    direct = b.rtt_of[a.node] / 2 + 0.001
    assert best[b.node][0] == pytest.approx(direct, abs=2e-4)
    assert best[far.node][0] == pytest.approx(direct + 0.026, abs=4e-4)
    net.relaying(b, False)
    assert far.node not in optima(net, a.node)
    assert optima(net, far.node) == {}  # it is no origin


def test_slack_is_what_a_margin_lets_pass() -> None:
    assert slack(0.010, 0.1, 0.005) == pytest.approx(0.015)
    assert slack(0.900, 0.1, 0.005) == pytest.approx(1.0)


def test_a_calm_that_is_too_short_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storm, "SETTLE_S", 0.0)
    assert sum(run(seed, 30, 200).unsettled for seed in range(8)) > 0


def test_the_command_prints_its_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["storm", "--seed", "3", "--nodes", "6", "--events", "100"]
    monkeypatch.setattr("sys.argv", words)
    assert storm.main() == 0
    assert "events=100" in capsys.readouterr().out
