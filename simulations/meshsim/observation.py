"""What a run saw: plain values between the host, which fills them, and the report.

The host and the checkers append what happened, in the order of virtual time, and
compute nothing; `meshsim.metrics` turns it into figures afterwards.  Nodes are numbers
from 0, the rows of every array.  Times are seconds of the virtual clock, except
`wall_s`.  Everything is small per event, so that a run of 10,000 nodes can keep all of
it; what happens per packet or per datagram is only counted (RFC 0012 section 3.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from meshsim.violation import Parameter, Violation

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

NOBODY = -1
"""The parent of an origin, and of a node outside the tree."""


class Space(Protocol):
    """The latency model, as the oracle sees it: noise and queues left out."""

    def one_way_s(self, node: int) -> Floats:
        """Delay from `node` to every node; 0 to itself, infinite where none can be."""
        ...

    def one_way_to_s(self, node: int) -> Floats:
        """Delay from every node to `node`; the same row where a model is symmetric."""
        ...

    def direct_s(self, node: int) -> Floats:
        """The shortest way from `node`: the direct one where everybody can link."""
        ...


@dataclass(frozen=True, slots=True)
class Population:
    """Who took part, one row per node that ever existed in the run."""

    slots: Ints
    """Copies of one stream that a node may feed: 0.75 x uplink / rate, at most 16."""
    hop_s: Floats
    """What a node adds to what it passes on: processing and serialisation."""
    names: tuple[str, ...]
    """Node class: `thin`, `middle`, `strong`, or the label of a topology."""
    burst: Ints | None = None
    """Children a node may have for a short time; None: 25 % over its slots."""


@dataclass(frozen=True, slots=True)
class OverlayShot:
    """The links that were up at one instant; each pair once, in any order."""

    time_s: float
    pairs: Ints
    """Shape (links, 2)."""
    alive: Flags
    label: str = ""
    """`cold`: judged as a cold start; `settled`: as the overlay (else the last is)."""


@dataclass(frozen=True, slots=True)
class TreeShot:
    """One distribution tree at one instant."""

    time_s: float
    stream: str
    origin: int
    parent: Ints
    """The active parent of each node, `NOBODY` for the origin and outsiders."""
    subscribed: Flags
    """Alive, connected and wanting the stream: those who ought to be served."""
    served: Flags
    """Those of them to whom packets came in the last second."""
    label: str = ""
    """`settled` for the shot by which the tree is judged; without one, the last is."""


@dataclass(frozen=True, slots=True)
class Join:
    """One node's way into a tree, from its first request to the last answer.

    Only joins of newcomers: repairs and moves are told apart.  `messages` counts the
    records of the exchange in both directions; `accepted_s` is None if never accepted.
    `wished_s` is when somebody here or below first wanted the stream: before the first
    request links and routes may have to come.
    """

    node: int
    asked_s: float
    accepted_s: float | None
    refusals: int
    messages: int
    wished_s: float | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """A viewer waited for the directory; `found_s` is None if the stream ended first.

    `across`: a partition lay between viewer and publisher, and `asked_s` is its end.
    """

    node: int
    asked_s: float
    found_s: float | None
    across: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """A join or activation request arrived at `target`, of whatever cause."""

    time_s: float
    node: int
    target: int


@dataclass(frozen=True, slots=True)
class Fault:
    """Something was broken at `time_s`; `kind` as in scenario files (`crash`, ...).

    Repairs after faults of one `label` are counted together; the acceptance table knows
    `one`, `five`, `twenty` and `region`.
    """

    time_s: float
    kind: str
    nodes: tuple[int, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Repair:
    """A survivor that a fault cut off from media, and when packets came again.

    `fault` is the index in `Observation.faults`.  `gap_s` is the time from the last
    packet before to the first *new* one after; None if none came.
    """

    fault: int
    node: int
    gap_s: float | None


class Cause(Enum):
    """Why a node changed its parent."""

    MAINTENANCE = "maintenance"  # for a shorter path
    ASIDE = "aside"  # past a relay that is there for this node alone
    SWAP = "swap"  # to make room for another's gain
    ROUTE = "route"
    REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Move:
    """A node with a parent took another one.

    `gain_s` is how much shorter the new path from the origin is in the latency model,
    at that moment; a move for a shorter path that gains nothing was a false one.
    """

    time_s: float
    node: int
    cause: Cause
    gain_s: float


@dataclass(frozen=True, slots=True)
class Escape:
    """The path to a parent became 100 ms worse at `since_s`.

    The child left at `left_s`, None if it stayed although there was a better parent.
    """

    node: int
    since_s: float
    left_s: float | None


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A node's search for neighbours in a settled mesh, when it ended.

    `neighbours` are the near members that it found, `linked` those to which it has a
    lasting link some seconds later.
    """

    node: int
    probes: int
    took_s: float
    neighbours: tuple[int, ...]
    linked: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ServedSample:
    """How many wanted media and how many had it, at one instant."""

    time_s: float
    subscribed: int
    served: int


@dataclass(frozen=True, slots=True)
class TrafficSample:
    """Octets sent since the start of the run by all nodes, by kind; headers included.

    Kinds: `media`, `probe`, `link`, `overlay`, `directory`, `routing`, `distribution`,
    `gossip`; others are shown under their own names.
    """

    time_s: float
    alive: int
    octets: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Packets:
    """Media packets inside the steady window, all subscribers together.

    Octets stand for the nominal rate of the stream, also where the packet clock ran
    slower, so that control may be weighed against them.
    """

    due: int = 0
    """Packets of the origin while a node was subscribed and connected."""
    delivered: int = 0
    """Different packets handed to a viewer."""
    duplicates: int = 0
    """Packets handed to a viewer a second time."""
    received: int = 0
    """Copies that arrived at nodes, wanted or not."""
    delivered_octets: int = 0


class LoopKind(Enum):
    """Where a cycle was seen."""

    ROUTE = "route"
    TREE = "tree"


@dataclass(frozen=True, slots=True)
class Loop:
    """A cycle of next hops or of active edges; `ended_s` is None if it was for ever."""

    kind: LoopKind
    began_s: float
    ended_s: float | None


class StepKind(Enum):
    """What a node does in the story of one repair."""

    DIES = "dies"
    NOTICES = "notices"
    HOLDS = "holds"
    ASKS = "asks"
    ACCEPTED = "is accepted by"
    REFUSED = "is refused by"
    STALLED = "is queued at"
    SERVED = "has media again from"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a story; `other` is the node at the other end, if any."""

    time_s: float
    node: int
    kind: StepKind
    other: int | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """One repair, for the page: the tree before it and what happened, in order."""

    before: TreeShot
    steps: tuple[Step, ...]


@dataclass(slots=True)
class Observation:
    """Everything that one run of one seed saw; the host fills it as time goes by."""

    scenario: str
    seed: int
    space: Space
    population: Population
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """Effective parameters that matter to a reader: nodes, model, churn, loss, ..."""
    title: str = ""
    """One sentence on the scenario, from its file."""
    steady: tuple[float, float] = (0.0, 0.0)
    """The window in which rates are measured; (0, 0): the whole run."""
    overlays: list[OverlayShot] = field(default_factory=list)
    trees: list[TreeShot] = field(default_factory=list)
    """In order of time."""
    joins: list[Join] = field(default_factory=list)
    asks: list[Ask] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    repairs: list[Repair] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    escapes: list[Escape] = field(default_factory=list)
    newcomers: list[Newcomer] = field(default_factory=list)
    served: list[ServedSample] = field(default_factory=list)
    traffic: list[TrafficSample] = field(default_factory=list)
    packets: Packets = field(default_factory=Packets)
    loops: list[Loop] = field(default_factory=list)
    over_cap: int = 0
    """Times that a node had children over its slots longer than a burst may last."""
    over_burst: int = 0
    """Times that a node had children over its burst."""
    violations: list[Violation] = field(default_factory=list)
    story: Story | None = None
    ancestor: Observation | None = None
    """The same scenario under the draft protocol, when it was asked for."""
    simulated_s: float = 0.0
    wall_s: float = 0.0
    memory_bytes: int = 0
    """Largest resident set of the process during the run."""
    events: int = 0
    """Events that the engine handled."""
    log_hash: str = ""
    """Hash of the event log, empty when it was off."""
