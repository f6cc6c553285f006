"""One run of one scenario with one seed (RFC 0012 section 2).

`simulate` builds the world, plays workload and faults on it, samples it by the clock,
lets the checkers look, and returns what was seen.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from meshproto.config.directory import DirectoryConfig
from meshproto.errors import MeshError
from meshproto.node import NodeConfig
from meshsim import world
from meshsim.checkers import Broken, Checkers
from meshsim.engine import Engine, collector_paused
from meshsim.errors import ScenarioError
from meshsim.eventlog import EventLog
from meshsim.mesh import Mesh
from meshsim.observation import Observation
from meshsim.recorder import Recorder
from meshsim.scenario import Scenario
from meshsim.space import population_of, space_of
from meshsim.stage import Stage
from meshsim.strikes import Faults
from meshsim.workload import Play

SAMPLE_S = 5.0
COLD_S = 15.0
"""When the overlay of a cold start is judged."""

SAMPLED_MAX = 100


def configured(brain: Mapping[str, Any], *, directory: bool = False) -> NodeConfig:
    """The constants with a scenario's changes; `ScenarioError` names a wrong one."""
    # why off: figures of trees must not hold gossip that nobody there needs
    config = NodeConfig(directory=DirectoryConfig(enabled=directory))
    for name, value in brain.items():
        *way, last = name.split(".")
        try:
            config = _changed(config, way, last, value)
        except (AttributeError, TypeError):
            message = f"brain.{name}={value!r} is no constant; see meshproto.config"
            raise ScenarioError(message) from None
    return config


def _changed(value: Any, way: list[str], last: str, wanted: Any) -> Any:
    if way:
        inner = _changed(getattr(value, way[0]), way[1:], last, wanted)
        return replace(value, **{way[0]: inner})
    return replace(value, **{last: wanted})


def simulate(
    scenario: Scenario,
    seed: int,
    progress: Callable[[float], object] | None = None,
    log: EventLog | None = None,
) -> Observation:
    """Run it; `progress(share done)` is called from time to time.

    With `log` the hash of everything that happened stands in the observation.
    """
    return Run(scenario, seed, log).play(progress)


class PromiseBrokenError(MeshError):
    """Ends a run at the first violation, after the event that caused it."""


def _stop(now: float, touched: list[Any]) -> None:
    del now
    raise PromiseBrokenError(str(touched[0]))


class Run:
    """One run, for those who want to look at it while it goes."""

    def __init__(self, scenario: Scenario, seed: int, log: EventLog | None) -> None:
        self.scenario = scenario
        built = world.build(scenario, seed, log)
        self.engine: Engine = built.engine
        self.seen = Observation(
            scenario.name,
            seed,
            space_of(built.network.paths),
            population_of(built.population),
            title=scenario.title,
            steady=(scenario.settle_s, scenario.duration_s),
            parameters={"nodes": scenario.nodes, "model": scenario.paths.model},
        )
        self.checkers = Checkers(told=self._broken)
        sampled = range(min(SAMPLED_MAX, scenario.nodes))
        self.recorder = Recorder(self.seen, self.checkers, sampled)
        if scenario.checks.stop:
            self.engine.watch(_stop)
        self.mesh = Mesh(
            self.engine,
            built.network,
            built.population,
            self.recorder,
            configured(dict(scenario.brain), directory=scenario.directory),
            built.addresses,
            scenario.media,
            elide=scenario.elide,
            directory=scenario.directory,
        )
        self.recorder.watch(self.mesh)

    def play(self, progress: Callable[[float], object] | None = None) -> Observation:
        """From the first event to the last."""
        engine = self.engine
        self.begin()
        began, wall = engine.now, time.monotonic()
        with collector_paused(), suppress(PromiseBrokenError):
            engine.run_until(self.scenario.duration_s, self._progress(progress))
        self.seen.wall_s = time.monotonic() - wall
        self.seen.simulated_s = engine.now - began
        return self.end()

    def begin(self) -> Stage:
        """Arrange for all that the scenario says; the stage on which it plays."""
        scenario, engine = self.scenario, self.engine
        stage = Stage(self.mesh)
        Play(engine, stage).schedule(scenario.workload)
        Faults(engine, stage).schedule(scenario.faults)
        engine.at(min(COLD_S, scenario.duration_s), self._cold)
        engine.at(SAMPLE_S, self._sample)
        if 0.0 < scenario.settle_s < scenario.duration_s:
            # why half a second before: that is when the faults of a scenario begin
            engine.at(scenario.settle_s - 0.5, self._settled)
        return stage

    def end(self) -> Observation:
        """Close the books."""
        seen, engine = self.seen, self.engine
        seen.events = engine.events
        seen.memory_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        self.recorder.overlay_shot(engine.now)
        self.recorder.finish(engine.now)
        if self.mesh.finding is not None:
            seen.lookups = self.mesh.finding.lookups
        if engine.log is not None:
            seen.log_hash = engine.log.digest()
        return seen

    def _broken(self, broken: Broken) -> None:
        self.recorder.broken(broken)

    def _progress(
        self, told: Callable[[float], object] | None
    ) -> Callable[[float], object] | None:
        if told is None:
            return None
        return lambda now: told(now / self.scenario.duration_s)

    def _cold(self) -> None:
        self.recorder.overlay_shot(self.engine.now, "cold")

    def _settled(self) -> None:
        now = self.engine.now
        self.recorder.steady()
        self.recorder.overlay_shot(now, "settled")
        for stream in self.mesh.clocks:
            shot = self.recorder.tree_shot(stream, now)
            self.seen.trees.append(replace(shot, label="settled"))

    def _sample(self) -> None:
        now = self.engine.now
        self.recorder.sample(now)
        within = self.scenario.checks.served_within_s
        if self.mesh.network.divided:
            self.mesh.disturbed_at = now
        calm = now - max(self.mesh.disturbed_at, self.scenario.settle_s) > within
        self.recorder.unserved(within, now, calm=calm)
        self.engine.after(SAMPLE_S, self._sample)
