"""The whole brain is deterministic: the same seed is the same run, event by event.

Forty nodes with gossip, routes, trees and every kind of fault run here and in another
process that hashes strings differently; the hash over every event and every word of
every brain must be the same (RFC 0012 section 3.1).
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from meshsim.eventlog import EventLog
from meshsim.run import simulate
from meshsim.scenario import parse

SCENARIO = """
title = "Everything at once, with the whole brain"
nodes = 40
duration_s = 36
settle_s = 10

[weather]
loss = 0.01
burst_s = 0.2
jitter = 0.5
duplicate = 0.005
reorder = 0.005

[arrivals]
come = "randomly"
over_s = 3

[[streams]]
name = "one"
kind = "middle"
at_s = 3

[[streams]]
name = "two"
kind = "strong"
at_s = 5

[[audiences]]
stream = "one"
come = "flash"
at_s = 5
over_s = 5

[[audiences]]
stream = "two"
share = 0.3
at_s = 8

[[churn]]
per_min = 0.3
at_s = 10

[[faults]]
what = "crash"
who = "busiest"
at_s = 16
for_s = 2

[[faults]]
what = "freeze"
who = "relay"
at_s = 19
for_s = 2

[[faults]]
what = "partition"
who = "region"
portion = 0.3
at_s = 22
for_s = 4

[[faults]]
what = "worsen"
who = "child"
count = 5
lag_s = 0.1
at_s = 27
for_s = 5

[[faults]]
what = "readdress"
at_s = 28

[[faults]]
what = "clock"
by_s = -30
at_s = 29

[[faults]]
what = "lose"
share = 0.3
at_s = 30
for_s = 2

[media]
packets_per_s = 10
full_packets_per_s = 20
"""


def digest(seed: int) -> str:
    scenario = parse(SCENARIO, "everything")
    seen = simulate(scenario, seed, log=EventLog())
    assert seen.events > 30_000
    assert len(seen.joins) > 50
    assert len(seen.faults) >= 5
    octets = seen.traffic[-1].octets
    return f"{seen.log_hash} {sorted(octets.items())} {seen.packets}"


def elsewhere(seed: int, hash_seed: str) -> subprocess.Popen[str]:
    """The digest in a fresh process that hashes strings differently."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    code = f"import runpy; print(runpy.run_path({__file__!r})['digest']({seed}))"
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> str:
    text, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    return text.strip()


@pytest.mark.long
def test_the_same_seed_is_the_same_run_in_every_process_and_another_is_not() -> None:
    again, other = elsewhere(1, "1"), elsewhere(2, "271828")
    here = digest(1)
    assert said(again) == here != said(other)
