"""The same seed is the same run: in this process, in others, whatever they hash by.

What runs is a whole scenario of the ancestor, with churn, weather and faults, so that
every part of meshsim below the host takes part.
"""

from __future__ import annotations

import os
import subprocess
import sys

from meshsim import links
from meshsim.ancestor import AncestorMesh
from meshsim.eventlog import EventLog
from meshsim.scenario import parse
from meshsim.strikes import Faults
from meshsim.workload import Play
from meshsim.world import build

SCENARIO = """
title = "Everything at once"
nodes = 60
duration_s = 20

[paths]
model = "cities"

[weather]
loss = 0.02
burst_s = 0.2
jitter = 1.0
duplicate = 0.01
reorder = 0.01

[arrivals]
come = "randomly"
over_s = 3

[[streams]]
name = "s"
kind = "middle"

[[audiences]]
stream = "s"
come = "flash"
over_s = 5

[[churn]]
per_min = 0.5

[[faults]]
what = "crash"
who = "busiest"
at_s = 10
for_s = 2

[[faults]]
what = "partition"
who = "region"
portion = 0.3
share = 0.5
at_s = 12
for_s = 3

[[faults]]
what = "lose"
share = 0.3
every_s = 4
at_s = 5
for_s = 1
"""


def digest(seed: int) -> str:
    scenario = parse(SCENARIO, "everything")
    log = EventLog()
    world = build(scenario, seed, log)
    chance = world.engine.stream("links")
    copies = [node.copies for node in world.population]
    mesh = AncestorMesh(
        world.engine,
        world.network,
        links.ideal(world.network.paths, copies, chance),
        [node.kind for node in world.population],
    )
    Play(world.engine, mesh).schedule(scenario.workload)
    faults = Faults(world.engine, mesh)
    faults.schedule(scenario.faults)
    world.engine.run_until(scenario.duration_s)
    assert len(faults.struck) >= 3
    assert sum(mesh.packets) > 1000
    log.write(
        world.engine.now, f"{mesh.packets} {world.network.octets} {faults.struck}"
    )
    return log.digest()


def test_the_same_seed_twice_is_the_same_run_and_another_is_not() -> None:
    assert digest(1) == digest(1) != digest(2)


def elsewhere(hash_seed: str) -> str:
    """The digest of seed 1 in a fresh process that hashes strings differently."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    code = f"import runpy; print(runpy.run_path({__file__!r})['digest'](1))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_another_process_with_other_hashes_has_the_same_run() -> None:
    assert elsewhere("1") == elsewhere("271828") == digest(1)
