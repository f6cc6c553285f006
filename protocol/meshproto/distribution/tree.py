"""The state of one tree at one node: values only, the rules are elsewhere.

Above: the parent, perhaps a second one.  Below: the children, and joiners who wait for
media.  Besides: what this node itself wants.  `root` is the root path with this node at
its end; whoever finds itself in somebody's root path must not become its child.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from meshproto.distribution.naming import Naming
from meshproto.ids import NodeId, ShortId, StreamId
from meshproto.wire.control.distribution import Demand, Join, Use

if TYPE_CHECKING:
    from meshproto.config.distribution import DistributionConfig
    from meshproto.distribution.moves import Move
    from meshproto.distribution.scouts import Scouts
    from meshproto.distribution.survey import Survey
    from meshproto.distribution.swap import Deal, Promise
    from meshproto.distribution.turns import Turn
    from meshproto.distribution.upstream import Search


ACTIVE = frozenset({Use.NEW, Use.REPAIR, Use.STARVED})
"""Uses whose edge makes a node the parent from the first packet on."""


class Alarm(Enum):
    """What a tree waits for; with the stream it is the key of a timer."""

    SEARCH = "search"
    MOVE_SEARCH = "move-search"
    SECOND_SEARCH = "second-search"
    HOLD = "hold"
    PACKET = "packet"
    PULSE = "pulse"
    LEASE = "lease"
    REPORT = "report"
    COLLECT = "collect"
    SECOND = "second"
    TURN = "turn"
    WORSE = "worse"
    MOVE = "move"
    BURST = "burst"
    LINGER = "linger"
    ASIDE = "aside"
    LEAVE = "leave"
    DEAL = "deal"
    PROMISE = "promise"

    # why: identity is equality for members, and keys are hashed on every event
    __hash__ = object.__hash__


class Upper:
    """An edge upwards: the parent, a standby, or one who may become the parent."""

    __slots__ = ("alias", "base", "delay_s", "delays", "node", "path", "serial", "use")

    def __init__(self, node: NodeId, serial: int, use: Use) -> None:
        self.node = node
        self.serial = serial
        self.use = use
        self.alias = 0
        self.base = 0
        self.delay_s = 0.0
        self.path: tuple[ShortId, ...] = ()
        self.delays: tuple[float, ...] = ()


class Child:
    """An edge downwards; `lease_at` is when the youngest lease below was issued."""

    __slots__ = (
        "alias",
        "cost_bps",
        "layers",
        "lease_at",
        "node",
        "promised",
        "released",
        "room",
        "serial",
        "since",
        "spare",
        "subtree",
        "use",
        "viewers",
        "wanted",
    )

    def __init__(self, join: Join, node: NodeId, alias: int, now: float) -> None:
        self.node = node
        self.serial = join.serial
        self.use = join.use
        self.alias = alias
        self.since = now
        self.cost_bps = 0
        self.promised = 0
        self.released = 0
        """How often it was asked to move."""
        self.layers = join.demand.layers
        self.hear(join.demand, now)

    def hear(self, demand: Demand, heard_at: float) -> None:
        """Take what the child says stands below it."""
        self.wanted = demand.layers
        self.viewers = demand.viewers
        self.subtree = demand.subtree
        self.room = demand.room
        self.spare = demand.spare
        self.lease_at = heard_at - demand.lease_s
        self.promised = 0

    @property
    def report(self) -> tuple[int, int, int, int]:
        """What its last report said, without layers and lease."""
        return (self.viewers, self.subtree, self.room, self.spare)

    @property
    def carries(self) -> bool:
        """Whether packets flow over the edge, not only heartbeats."""
        return self.use is not Use.STANDBY

    @property
    def active(self) -> bool:
        """Whether this node is the parent of the child, by all that is known."""
        return self.use in ACTIVE

    @property
    def full(self) -> bool:
        """Whether the edge takes a slot: a whole copy flows."""
        return self.use is not Use.STANDBY and self.use is not Use.DUAL


def _watches(join: Join) -> bool:
    return join.use is not Use.STANDBY and bool(join.demand.viewers)


class Tree:
    """Everything a node knows of one stream's tree."""

    __slots__ = (
        "aside_s",
        "asked_at",
        "began_at",
        "children",
        "commits",
        "deal",
        "declined",
        "delay_s",
        "dual",
        "fed",
        "heirs",
        "known",
        "layers",
        "lease_sent_at",
        "live",
        "locks",
        "lost_at",
        "move",
        "moved_at",
        "naming",
        "offered",
        "origin",
        "outside_at",
        "outside_pause_s",
        "parent",
        "placed_at",
        "promise",
        "publishing",
        "pulse",
        "pulsed_at",
        "queue",
        "quiet",
        "rates_bps",
        "relied_at",
        "reported",
        "reported_at",
        "root",
        "root_delays",
        "scouts",
        "search",
        "second",
        "second_retry_s",
        "second_search",
        "settled_delay_s",
        "settled_hop_s",
        "stream",
        "subscribed",
        "survey",
        "told_delay_s",
        "turn",
        "vain",
        "viewers",
    )

    def __init__(self, stream: StreamId, origin: NodeId) -> None:
        self.stream = stream
        self.origin = origin
        self.rates_bps: tuple[int, ...] = ()
        # what this node itself wants
        self.publishing = False
        self.subscribed = False
        self.layers = 0
        self.viewers = 0
        self.dual = False
        # above
        self.parent: Upper | None = None
        self.second: Upper | None = None
        self.search: Search | None = None
        self.second_search: Search | None = None
        self.second_retry_s = 0.0
        self.outside_at = self.outside_pause_s = 0.0
        self.vain: dict[NodeId, tuple[int, float]] = {}
        self.survey: Survey | None = None
        self.scouts: Scouts | None = None
        self.live = False
        self.quiet = False
        self.pulse = 0
        self.pulsed_at = -1e9
        self.root: tuple[ShortId, ...] = ()
        self.root_delays: tuple[float, ...] = ()
        self.naming = Naming()
        self.delay_s = 0.0
        self.told_delay_s = 0.0
        self.settled_delay_s = self.settled_hop_s = 0.0
        self.began_at: float | None = None
        self.lost_at: float | None = None
        self.asked_at: float | None = None
        self.known: dict[NodeId, float] = {}
        self.reported: Demand | None = None
        self.reported_at = self.lease_sent_at = self.relied_at = -1e9
        # below
        self.children: dict[NodeId, Child] = {}
        self.queue: dict[NodeId, tuple[Join, float]] = {}
        self.heirs: dict[NodeId, float] = {}
        self.fed = False
        self.aside_s = 0.0
        self.offered: tuple[bool, float, int, int] | None = None
        # moves
        self.turn: Turn | None = None
        self.move: Move | None = None
        self.moved_at = -1e9
        self.placed_at = -1e9
        """Since when it is in the tree, or lost a parent: moves do not count."""
        self.declined: dict[NodeId, float] = {}
        self.locks: dict[NodeId, float] = {}
        self.commits: dict[tuple[NodeId, int], tuple[NodeId, float]] = {}
        self.deal: Deal | None = None
        self.promise: Promise | None = None

    @property
    def attached(self) -> bool:
        """Whether media can come here: a parent, or the publisher itself."""
        return self.publishing or self.parent is not None

    @property
    def wanted(self) -> bool:
        """Whether anybody here or below is interested, or counts on this node."""
        return (
            self.publishing
            or self.subscribed
            or bool(self.queue)
            or bool(self.children)
        )

    @property
    def needed(self) -> bool:
        """Whether packets are for somebody here or below: for one who only stands by
        for others, or only feeds such, they are not (RFC 0011 section 6.4).
        """
        return (
            self.publishing
            or self.subscribed
            or any(_watches(join) for join, _ in self.queue.values())
            or any(c.carries and c.viewers for c in self.children.values())
        )

    @property
    def left_over(self) -> bool:
        """Whether this node passed packets on, and is now only counted on."""
        here = self.publishing or self.subscribed or bool(self.queue)
        below = any(child.carries for child in self.children.values())
        return self.fed and not (here or below)

    @property
    def guests(self) -> list[Child]:
        """The children for whose sake alone a node without viewers is in the tree."""
        if self.publishing or self.subscribed or self.queue:
            return []
        fed = [child for child in self.children.values() if child.carries]
        return fed if all(child.active for child in fed) else []

    @property
    def joining(self) -> bool:
        """Whether this node looks for its first parent."""
        return self.began_at is not None and not self.attached

    def decline(self, node: NodeId, until: float, maximum: int) -> None:
        """Keep in mind who does not want us, the latest `maximum` of them."""
        self.declined.pop(node, None)
        self.declined[node] = until
        if len(self.declined) > maximum:
            del self.declined[next(iter(self.declined))]

    def in_vain(self, node: NodeId, now: float, config: DistributionConfig) -> None:
        """A node was asked in vain to be the second parent: from the second time on it
        is left alone for longer and longer.
        """
        count, _ = self.vain.pop(node, (0, 0.0))
        longer = 2.0 ** min(count - 1, 8)
        pause_s = min(config.standby_retry_s * longer, config.declined_s)
        self.vain[node] = (count + 1, now + (pause_s if count else 0.0))
        if len(self.vain) > config.candidates_max:
            del self.vain[next(iter(self.vain))]

    def spared(self, node: NodeId, now: float) -> bool:
        """Whether that was so lately that it is not asked now."""
        return self.vain.get(node, (0, now))[1] > now

    def remember(self, node: NodeId, delay_s: float, maximum: int) -> None:
        """Keep a member in mind for repair, the latest `maximum` of them."""
        self.known.pop(node, None)
        self.known[node] = delay_s
        if len(self.known) > maximum:
            del self.known[next(iter(self.known))]
