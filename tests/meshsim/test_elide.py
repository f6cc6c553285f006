"""What is left out changes nothing: 50 nodes with everything, and with elision.

Chance is drawn in another order, so the runs are two samples of the same thing: what
they must share are outcomes and octets, not the very tree (RFC 0012 section 3.2).
"""

from __future__ import annotations

import statistics
from dataclasses import replace

from meshsim.observation import NOBODY, Observation
from meshsim.run import simulate
from meshsim.scenario import parse

SCENARIO = """
title = "Fifty"
nodes = 50
duration_s = 62
settle_s = 20

[weather]
loss = 0.002
burst_s = 0.1
jitter = 0.3

[[streams]]
name = "main"
kind = "middle"
at_s = 5

[[audiences]]
stream = "main"
come = "randomly"
at_s = 6
over_s = 5

[[faults]]
what = "crash"
who = "busiest"
at_s = 35
for_s = 5

[[faults]]
what = "crash"
portion = 0.1
at_s = 50
for_s = 5
"""
TOLERANCE = 0.1
SEEDS = (1, 2, 3)


def control(seen: Observation) -> dict[str, int]:
    """Octets by kind of packet."""
    octets = dict(seen.traffic[-1].octets)
    kinds = {kind: octets.pop(kind) for kind in ("media", "probe", "setup", "gossip")}
    return kinds | {"control": sum(octets.values())}


def gaps_s(seen: Observation) -> list[float]:
    gaps = [repair.gap_s for repair in seen.repairs if repair.gap_s is not None]
    assert len(gaps) > 5
    assert len(gaps) >= 0.9 * len(seen.repairs)
    return gaps


def mean_depth(seen: Observation) -> float:
    """The mean depth of the tree at the end."""
    parent = seen.trees[-1].parent
    total = 0
    for node in range(len(parent)):
        here = node
        while parent[here] != NOBODY:
            here = int(parent[here])
            total += 1
    return total / len(parent)


def held(seen: Observation) -> Observation:
    """What every run has to keep to, however much of it is left out."""
    assert not seen.violations
    assert seen.served[-1].served == seen.served[-1].subscribed == 49
    assert seen.packets.delivered / seen.packets.due > 0.99
    return seen


def test_outcomes_and_octets_are_the_same_with_everything_and_with_elision() -> None:
    scenario = parse(SCENARIO, "fifty")
    whole = replace(scenario, elide=False)
    elided = [held(simulate(scenario, seed)) for seed in SEEDS]
    everything = [held(simulate(whole, seed)) for seed in SEEDS]
    for ours, theirs in zip(elided, everything, strict=True):
        assert theirs.events > 3 * ours.events
        sent = control(ours)
        for kind, octets in control(theirs).items():
            assert abs(sent[kind] - octets) <= TOLERANCE * max(octets, 1), kind
    # why 80 ms: a slow clock shows a gap up to one of its intervals longer
    middle = [
        statistics.median(gap for seen in runs for gap in gaps_s(seen))
        for runs in (elided, everything)
    ]
    assert abs(middle[0] - middle[1]) < 0.08
    # why their mean: trees of two samples differ, by up to a level in a single pair
    depth = [statistics.mean(map(mean_depth, runs)) for runs in (elided, everything)]
    assert abs(depth[0] - depth[1]) < 0.6
