"""A scenario under the draft: wound forward, and observed like ours."""

from __future__ import annotations

import pytest

from meshsim.ancestor_run import ancestors, hurried, observe
from meshsim.errors import ScenarioError
from meshsim.metrics import figures
from meshsim.observation import NOBODY, LoopKind
from meshsim.scenario import Scenario, load, parse

SCENARIO = """
title = "A publisher dies"
nodes = 40
duration_s = 700
settle_s = 600

[arrivals]
late = 3
late_at_s = 200
late_over_s = 100

[[streams]]
name = "s"
kind = "middle"
at_s = 2

[[audiences]]
stream = "s"
at_s = 3

[[churn]]
per_min = 0.1
at_s = 630
until_s = 640

[[faults]]
what = "crash"
who = "{who}"
at_s = 610
{more}label = "one"
"""


def scenario(who: str = "busiest", more: str = "") -> Scenario:
    return parse(SCENARIO.format(who=who, more=more), "death")


def test_the_time_of_waiting_is_left_out() -> None:
    short = hurried(scenario())
    assert short.settle_s == 60.0
    assert short.duration_s == 160.0
    assert short.faults[0].at_s == 70.0
    assert short.faults[0].until_s is None
    assert (short.churn[0].at_s, short.churn[0].until_s) == (90.0, 100.0)
    assert short.streams == scenario().streams
    assert short.arrivals.late_at_s + short.arrivals.late_over_s <= 45.0


def test_a_short_scenario_stays_as_it_is() -> None:
    line = load("line")
    assert hurried(line) == line


def test_the_death_of_a_relay_is_seen_as_a_gap_of_seconds() -> None:
    seen = observe(scenario(), 1)
    assert [(f.kind, f.time_s, f.label) for f in seen.faults] == [
        ("crash", 70.0, "one")
    ]
    gaps = [repair.gap_s for repair in seen.repairs]
    assert gaps
    assert all(repair.fault == 0 for repair in seen.repairs)
    assert max(gap for gap in gaps if gap is not None) > 2.0
    dead = seen.faults[0].nodes[0]
    assert dead not in {repair.node for repair in seen.repairs}


def test_the_death_of_the_publisher_is_seen_as_loops() -> None:
    seen = observe(scenario("origin"), 1)
    loops = [loop for loop in seen.loops if loop.began_s > 70.0]
    assert {loop.kind for loop in loops} == {LoopKind.ROUTE}
    lasted = sum((loop.ended_s or seen.simulated_s) - loop.began_s for loop in loops)
    assert lasted > 5.0
    assert seen.served[-1].served == 0


def test_trees_links_traffic_and_packets_are_observed() -> None:
    seen = observe(scenario(), 1)
    settled = next(shot for shot in seen.trees if shot.label == "settled")
    assert settled.time_s == 60.0
    assert settled.parent[settled.origin] == NOBODY
    assert settled.subscribed.sum() >= 35
    assert (settled.served == settled.subscribed).all()
    assert seen.overlays[-1].alive.sum() < 40
    assert seen.traffic[-1].octets["routing"] > 0
    assert seen.packets.due >= seen.packets.delivered > 0.7 * seen.packets.due
    assert seen.packets.received >= seen.packets.delivered
    assert seen.wall_s > 0.0
    assert seen.events > 1000


def test_the_report_can_take_it() -> None:
    table = figures(observe(scenario(), 1))
    assert table["one.repair_2000_share"] < 0.9
    assert table["depth_max"] >= 2


def test_both_run_on_the_same_nodes_in_the_same_places() -> None:
    one, other = observe(scenario(), 1), observe(scenario("relay"), 1)
    assert (one.population.slots == other.population.slots).all()
    assert (one.space.one_way_s(3) == other.space.one_way_s(3)).all()


def test_an_unknown_variant_is_named() -> None:
    wrong = parse(SCENARIO.format(who="relay", more=""), "x", {"ancestor.variant": "b"})
    with pytest.raises(ScenarioError, match=r"ancestor\.variant='b' is unknown"):
        observe(wrong, 1)


def test_those_above_a_node_are_walked_once_even_in_a_cycle() -> None:
    assert list(ancestors([None, 0, 1, 2], 3)) == [2, 1, 0]
    assert list(ancestors([1, 2, 1], 0)) == [1, 2]
    assert list(ancestors([None], 0)) == []
