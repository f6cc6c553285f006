"""Small runs of whole brains for tests of the simulator's own parts."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from meshsim.run import Run
from meshsim.scenario import Scenario, parse
from meshsim.stage import Stage

SMALL = """
title = "A few"
nodes = 8
duration_s = 40

[paths]
model = "uniform"

[population]
mix = "plain"

[[streams]]
name = "main"
node = 0
at_s = 2

[[audiences]]
stream = "main"
at_s = 3

[brain.distribution]
children_max = 3

[media]
packets_per_s = 10
full_packets_per_s = 20
"""


@cache
def scenario() -> Scenario:
    return parse(SMALL, "small")


class Small:
    """A run in which everybody is served, at 10 s."""

    def __init__(self, seed: int = 1, until_s: float = 10.0, **changes: object) -> None:
        self.run = Run(replace(scenario(), **changes), seed, None)  # type: ignore[arg-type]
        self.stage: Stage = self.run.begin()
        self.mesh, self.engine = self.run.mesh, self.run.engine
        self.engine.run_until(until_s)

    @property
    def now(self) -> float:
        return self.engine.now

    def wait(self, seconds: float) -> None:
        self.engine.run_until(self.now + seconds)

    def stream(self) -> bytes:
        return next(iter(self.mesh.clocks))

    def newest(self, node: int) -> int:
        return self.mesh.hosts[node].plane.streams[self.stream()].newest  # type: ignore[index]

    def relay(self) -> int:
        """A node, not the origin, that feeds somebody else."""
        found = self.mesh.relays()
        return found[0][0]

    def orphans(self) -> list[int]:
        """Living viewers below nobody."""
        return [
            host.index
            for host in self.mesh.hosts[1:]
            if host.up and self.mesh.parent(host.index) is None
        ]
