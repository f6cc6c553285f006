"""Scenarios: one TOML file each, parsed to frozen values (RFC 0012 section 9).

Everything that a run depends on besides seed and version is in its scenario.  A
parameter is a dotted path into the file, so `--nodes 100`, `--set paths.model=cities`
and `--set faults.0.count=5` all work, and a sweep can vary any of them.  `brain` holds
changes to the constants of `meshproto.config`, which the host applies.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from meshsim import values
from meshsim.errors import ScenarioError
from meshsim.faults import Fault, What, Who
from meshsim.network import Conditions
from meshsim.population import MIXES
from meshsim.weather import Loss
from meshsim.workload import Arrivals, Audience, Churn, Rooms, Stream, Workload

NODES_MAX = 100_000
EVERYBODY = Arrivals()  # at once, at time 0
DURATION_MAX_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class PathsSpec:
    """Where delays come from: a latency model (`planetlab`, `cities`, `synth`), the
    same delay everywhere (`uniform` with `one_way_s`), the name of a generator,
    `topohub:KEY` or the path of a file.  `reach` is for graphs: `edges` or `all`;
    `listed` for files of matrices: node n is row n, not a row drawn for it.
    """

    model: str = "planetlab"
    reach: str = "edges"
    listed: bool = False
    one_way_s: float = 0.02

    def __post_init__(self) -> None:
        if self.reach not in {"edges", "all"}:
            raise ValueError(f"reach={self.reach!r} is unknown; expected edges or all")


@dataclass(frozen=True, slots=True)
class PopulationSpec:
    """Who the nodes are: a named mix, scaled to `slots_per_node` if given; `per_prefix`
    nodes share a /24; `serialise` limits uplinks to their rate, packet by packet.
    """

    mix: str = "study"
    slots_per_node: float | None = None
    per_prefix: int = 1
    serialise: bool = False

    def __post_init__(self) -> None:
        if self.mix not in MIXES:
            known = ", ".join(MIXES)
            raise ValueError(f"mix={self.mix!r} is unknown; expected one of {known}")


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to packets everywhere, before faults; see `Conditions`."""

    loss: float = 0.0
    burst_s: float = 0.0
    bad_loss: float = 0.5
    jitter: float = 0.0
    jitter_s: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    reorder_s: float = 0.02

    def __post_init__(self) -> None:
        Loss(self.loss, self.burst_s, self.bad_loss)

    def conditions(self) -> Conditions:
        """The same for the network."""
        return Conditions(
            loss=Loss(self.loss, self.burst_s, self.bad_loss),
            jitter=self.jitter,
            jitter_s=self.jitter_s,
            duplicate=self.duplicate,
            reorder=self.reorder,
            reorder_s=self.reorder_s,
        )


@dataclass(frozen=True, slots=True)
class Media:
    """The packet clock of streams: everywhere and always at `packets_per_s`, and at
    `full_packets_per_s` from `around_s` before to `around_s` after a fault.
    """

    packets_per_s: float = 20.0
    full_packets_per_s: float = 100.0
    around_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Checks:
    """What checkers hold a run to: every connected subscriber is served within
    `served_within_s` of the last fault; `stop` ends the run at the first violation,
    else it goes on and the report lists sixteen of them at most.
    """

    served_within_s: float = 10.0
    stop: bool = False


@dataclass(frozen=True, slots=True)
class AncestorSpec:
    """Whether to run the draft protocol beside ours, and which variant of it."""

    compare: bool = False
    variant: str = "literal"


@dataclass(frozen=True, slots=True)
class Scenario:
    """A run, but for seed and version.

    Figures are taken from `settle_s` on.  `elide` samples checks, heartbeats and idle
    packet clocks in closed form instead of running them.  With `directory` streams are
    announced and found by gossip (RFC 0009), without it viewers are told the origin.
    """

    title: str
    nodes: int
    duration_s: float
    name: str = ""
    about: str = ""
    settle_s: float = 0.0
    elide: bool = True
    directory: bool = False
    paths: PathsSpec = PathsSpec()
    population: PopulationSpec = PopulationSpec()
    weather: Weather = Weather()
    arrivals: Arrivals = EVERYBODY
    streams: tuple[Stream, ...] = ()
    audiences: tuple[Audience, ...] = ()
    rooms: tuple[Rooms, ...] = ()
    churn: tuple[Churn, ...] = ()
    faults: tuple[Fault, ...] = ()
    media: Media = Media()
    checks: Checks = Checks()
    ancestor: AncestorSpec = AncestorSpec()
    brain: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if not 2 <= self.nodes <= NODES_MAX:
            raise ValueError(f"nodes={self.nodes} is not from 2 to {NODES_MAX}")
        if not 0.0 < self.duration_s <= DURATION_MAX_S:
            raise ValueError(
                f"duration_s={self.duration_s} is not a time up to 30 days"
            )
        if self.settle_s > self.duration_s:
            raise ValueError(f"settle_s={self.settle_s} is after the end of the run")
        self._check_names()

    def _check_names(self) -> None:
        names = [stream.name for stream in self.streams]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two streams are called {name!r}")
        for audience in self.audiences:
            if audience.stream not in names:
                raise ValueError(f"an audience watches {audience.stream!r}: no stream")
            if any(node >= self.nodes for node in audience.nodes):
                raise ValueError(
                    f"an audience has {audience.nodes}, beyond the last node"
                )
        for fault in self.faults:
            listed = fault.who is Who.NODES
            if listed != bool(fault.nodes):
                raise ValueError("a fault lists `nodes` if and only if who='nodes'")
            if any(node >= self.nodes for node in fault.nodes):
                raise ValueError(f"a fault hits {fault.nodes}, beyond the last node")
            pair = listed and fault.what in {What.SEVER, What.WORSEN}
            if pair and len(fault.nodes) != 2:
                raise ValueError(f"{fault.what.value} needs two nodes")

    @property
    def workload(self) -> Workload:
        """What the nodes do on purpose."""
        return Workload(
            self.arrivals, self.streams, self.audiences, self.rooms, self.churn
        )


def parse(text: str, name: str, overrides: Mapping[str, Any] | None = None) -> Scenario:
    """A scenario from TOML; `overrides` maps dotted paths to values.

    Raises `ScenarioError` with one sentence.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"scenario {name} is not TOML: {error}") from error
    table.setdefault("name", name)
    for path, value in (overrides or {}).items():
        override(table, path, value)
    brain = tuple(_flat(table.pop("brain", {}), ""))
    return replace(values.read(Scenario, table), brain=brain)


def _flat(table: Any, where: str) -> Iterator[tuple[str, Any]]:
    """Nested tables as dotted names and values."""
    if not isinstance(table, dict):
        raise ScenarioError(f"brain={table!r} is not a table")
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{where}{key}.")
        else:
            yield f"{where}{key}", value


def override(table: dict[str, Any], path: str, value: Any) -> None:
    """Set the entry of a dotted path, such as `faults.0.count`, in place."""
    *way, last = path.split(".")
    place: Any = table
    for step in way:
        if isinstance(place, list):
            place = place[_index(place, step, path)]
        elif isinstance(place, dict):
            place = place.setdefault(step, {})
        else:
            raise ScenarioError(f"parameter {path} leads into a plain value")
    if isinstance(place, list):
        place[_index(place, last, path)] = value
    elif isinstance(place, dict):
        place[last] = value
    else:
        raise ScenarioError(f"parameter {path} leads into a plain value")


def _index(items: list[Any], step: str, path: str) -> int:
    if not step.isdecimal() or int(step) >= len(items):
        raise ScenarioError(
            f"parameter {path} wants entry {step!r} of a list of {len(items)}"
        )
    return int(step)


def parameter(text: str) -> tuple[str, Any]:
    """`key=value` of a command line; the value is TOML, or else a text."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ScenarioError(f"parameter {text!r} is not key=value")
    try:
        parsed = tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        parsed = value
    return key.strip(), parsed


def names() -> list[str]:
    """The scenarios that come with meshsim, sorted."""
    folder = files("meshsim").joinpath("scenarios")
    found = [entry.name for entry in folder.iterdir()]
    return sorted(
        name.removesuffix(".toml") for name in found if name.endswith(".toml")
    )


def load(name: str, overrides: Mapping[str, Any] | None = None) -> Scenario:
    """A scenario by the name of one that comes with meshsim, or by path."""
    if name.endswith(".toml") or "/" in name:
        path = Path(name)
        try:
            return parse(path.read_text(encoding="utf-8"), path.stem, overrides)
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioError(f"cannot read scenario {name}: {error}") from error
    if name not in names():
        known = ", ".join(names())
        raise ScenarioError(f"scenario {name!r} is unknown; known are {known}")
    text = files("meshsim").joinpath("scenarios", f"{name}.toml").read_text("utf-8")
    return parse(text, name, overrides)
