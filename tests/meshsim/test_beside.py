"""The ancestor as an observation: served when all is well, slow and loopy when not."""

from __future__ import annotations

import math
from typing import Any

import pytest

from meshsim.beside import ancestor
from meshsim.errors import ScenarioError
from meshsim.metrics import figures
from meshsim.observation import NOBODY, Observation
from meshsim.scenario import Scenario, parse

TEXT = """
title = "Thirty nodes"
nodes = 30
duration_s = 60
settle_s = 20
[paths]
model = "{model}"
[population]
mix = "plain"
[[streams]]
name = "show"
node = 0
at_s = 2
[[audiences]]
stream = "show"
at_s = 8
[[faults]]
what = "crash"
at_s = 30
label = "one"
{fault}
"""
RELAY = 'who = "relay"'
PUBLISHER = 'who = "origin"'


def scenario(fault: str, model: str = "random", **changes: Any) -> Scenario:
    return parse(TEXT.format(fault=fault, model=model), "thirty", changes)


@pytest.fixture(scope="module")
def relay_dies() -> Observation:
    runs = (ancestor(scenario(RELAY), seed) for seed in range(9))
    return next(seen for seen in runs if seen.faults[0].nodes != (0,))


def test_before_the_fault_everybody_is_served(relay_dies: Observation) -> None:
    calm = [s for s in relay_dies.served if 15 < s.time_s < 30]
    assert {(sample.subscribed, sample.served) for sample in calm} == {(29, 29)}


def test_who_is_cut_off_waits_for_the_time_out(relay_dies: Observation) -> None:
    (fault,) = relay_dies.faults
    assert (fault.kind, fault.label, len(fault.nodes)) == ("crash", "one", 1)
    assert relay_dies.repairs
    for repair in relay_dies.repairs:
        assert repair.node not in fault.nodes
        assert repair.gap_s is not None
        assert 3.0 < repair.gap_s < 20.0
    table = figures(relay_dies)
    assert table["one.repair_2000_share"] == 0.0


def test_the_tree_at_the_end_reaches_the_origin(relay_dies: Observation) -> None:
    (shot,) = relay_dies.trees
    assert shot.origin == 0
    assert shot.parent[0] == NOBODY
    table = figures(relay_dies)
    assert table["served_share"] == 1.0
    assert table["stretch_p50"] is not None
    assert table["depth_max"] is not None


def test_syncs_and_copies_are_counted(relay_dies: Observation) -> None:
    table = figures(relay_dies)
    assert table["control_sync_octets_s"] is not None
    assert table["control_sync_octets_s"] > 30
    assert 0.7 < (table["delivered_share"] or 0) < 1.0
    assert 1.0 <= (table["copies_per_delivered"] or 0) < 1.5


def test_a_dead_publisher_leaves_loops_and_nobody_is_mended() -> None:
    seen = ancestor(scenario(PUBLISHER), 1)
    assert any(loop.ended_s is None for loop in seen.loops)
    assert (figures(seen)["loop_s"] or 0) > 10
    assert {repair.gap_s for repair in seen.repairs} == {None}
    assert figures(seen)["one.repair_p50_ms"] == math.inf


def test_the_same_seed_sees_the_same() -> None:
    once, again = (ancestor(scenario(RELAY, "planetlab"), 5) for _ in range(2))
    assert figures(once) == figures(again)
    assert once.events == again.events


def test_another_variant_and_one_that_is_none() -> None:
    literal = ancestor(scenario(PUBLISHER), 1)
    better = ancestor(scenario(PUBLISHER, **{"ancestor.variant": "replace"}), 1)
    assert (figures(better)["loop_s"] or 0) < (figures(literal)["loop_s"] or 0)
    with pytest.raises(ScenarioError, match=r"ancestor\.variant='new' is none of"):
        ancestor(scenario(RELAY, **{"ancestor.variant": "new"}), 1)


def test_it_says_how_far_it_is() -> None:
    shares: list[float] = []
    ancestor(scenario(RELAY), 1, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
