"""Records of distribution trees, kinds 64-95 (RFC 0011 section 3).

An *edge* is one stream over one link in one direction.  The node below names it by the
serial of the Join that made it, so that an answer or a farewell which comes late never
touches a younger edge of the same two nodes.
"""

from __future__ import annotations

from enum import Enum

from meshproto.ids import NodeId, ShortId, StreamId
from meshproto.wire.control import schema as s
from meshproto.wire.control.peer import PEER, PeerRecord

PATH_MAX = 24
TARGETS_MAX = 3
KIN_MAX = 8
LAYERS_MAX = 16

MESSAGE_OCTETS_MAX = 64_000
"""A client's message in one record (RFC 0006 section 5.1), with its label."""

LABEL_OCTETS_MAX = 1_024
"""A label of 256 characters (RFC 0002 section 5.3), whatever they are."""


def _message() -> s.Codec:
    octets, text = s.blob(MESSAGE_OCTETS_MAX), s.text(MESSAGE_OCTETS_MAX)

    def read(data: object) -> bytes | str:
        found: bytes | str = (text if type(data) is str else octets).decode(data)
        return found

    return s.Codec(lambda value: value, read)


SERIAL = s.integer(2**32 - 1)
SEQUENCE = s.integer(2**48 - 1)
MASK = s.integer(2**LAYERS_MAX - 1)
COUNT = s.integer(2**20)
DELAY = s.seconds(60.0)
PATH = s.array(s.SHORT, PATH_MAX)
DELAYS = s.array(DELAY, PATH_MAX)


class Use(Enum):
    """What an edge is asked for."""

    NEW = 0  # a first parent
    REPAIR = 1  # a parent for an orphan
    MOVE = 2  # a better parent, packets beside the old one
    STANDBY = 3  # heartbeats only, until it is activated
    DUAL = 4  # audio and the lowest layer beside the parent, for good
    STARVED = 5  # a first parent for one whom nobody took: may have a reserved slot


class Why(Enum):
    """Why a Join is refused or an edge ended."""

    BELOW = 0  # the joiner is in the root path
    FULL = 1  # no slot here nor below nor above
    DEPTH = 2  # the root path is as long as may be
    ORIGIN = 3  # the stream has another origin here
    UNKNOWN = 4  # no such stream, nor a way to its origin
    BUSY = 5  # a queue or a limit is full
    LEASE = 6  # no viewer stands behind it
    GONE = 7  # the stream ended
    LEAVING = 8  # this node goes, or leaves the tree
    LOOP = 9  # the child turned up in the root path
    NO_MEDIA = 10  # a standby was asked of a node that has nothing


@s.structure
class Target(s.Record):
    """A node that may serve the joiner; `peer` makes it reachable without a search."""

    node: NodeId = s.wire(s.NODE)
    delay_s: float = s.wire(DELAY)
    room: int = s.wire(s.integer(65_535))
    peer: PeerRecord | None = s.wire(s.optional(PEER), default=None)


TARGETS = s.array(s.nested(Target), TARGETS_MAX)


@s.structure
class Demand(s.Record):
    """What stands below the joiner: layers, viewers, nodes (itself included), free
    slots without and with the reserve, and the age of the youngest lease.
    """

    layers: int = s.wire(MASK)
    viewers: int = s.wire(COUNT)
    subtree: int = s.wire(COUNT)
    room: int = s.wire(s.integer(65_535))
    spare: int = s.wire(s.integer(65_535))
    lease_s: float = s.wire(DELAY)


@s.structure
class Place(s.Record):
    """Where a mover stands and what it wins: for the node that may give up its place
    (RFC 0011 section 6.3).
    """

    parent: NodeId = s.wire(s.NODE)
    delay_s: float = s.wire(DELAY)
    gain_s: float = s.wire(DELAY)
    path: tuple[ShortId, ...] = s.wire(PATH)
    peer: PeerRecord | None = s.wire(s.optional(PEER), default=None)


@s.record(64)
class Join(s.Record):
    """Asks for `stream`; `after` is the newest extended sequence that is here."""

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    origin: NodeId = s.wire(s.NODE)
    use: Use = s.wire(s.choice(Use))
    demand: Demand = s.wire(s.nested(Demand))
    after: int | None = s.wire(s.optional(SEQUENCE), default=None)
    place: Place | None = s.wire(s.optional(s.nested(Place)), default=None)


@s.record(65)
class Accept(s.Record):
    """The edge stands.  `alias` and `base` are of its leg (RFC 0011 section 8.2),
    `delay_s`, `path` and `delays` of the sender, `rates_bps` one per layer; `heir`
    takes the mover's old slot (a swap).
    """

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    alias: int = s.wire(s.integer(2**32 - 1))
    base: int = s.wire(SEQUENCE)
    delay_s: float = s.wire(DELAY)
    path: tuple[ShortId, ...] = s.wire(PATH)
    delays: tuple[float, ...] = s.wire(DELAYS)
    rates_bps: tuple[int, ...] = s.wire(s.array(s.integer(2**32 - 1), LAYERS_MAX))
    heir: NodeId | None = s.wire(s.optional(s.NODE), default=None)


@s.record(66)
class Redirect(s.Record):
    """Not here: try these, best first."""

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    targets: tuple[Target, ...] = s.wire(TARGETS)


@s.record(67)
class Refuse(s.Record):
    """Not here, and no hint."""

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    reason: Why = s.wire(s.choice(Why))


@s.record(68)
class Stalled(s.Record):
    """No media here now: the joiner is queued and served when it returns."""

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)


@s.record(69)
class Leave(s.Record):
    """The joiner ends an edge or a wish; `heir` may have the slot (a swap)."""

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    heir: NodeId | None = s.wire(s.optional(s.NODE), default=None)


@s.record(70)
class Drop(s.Record):
    """The parent ends an edge; who has lost its parent so may try `targets`."""

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    reason: Why = s.wire(s.choice(Why))
    targets: tuple[Target, ...] = s.wire(TARGETS, default=())


@s.record(71)
class Path(s.Record):
    """The parent's place changed: its delay, and the root path that ends with it."""

    stream: StreamId = s.wire(s.STREAM)
    delay_s: float = s.wire(DELAY)
    path: tuple[ShortId, ...] = s.wire(PATH)
    delays: tuple[float, ...] = s.wire(DELAYS)


@s.record(72)
class Interest(s.Record):
    """What stands below an active edge now; the first makes a moving edge active."""

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    demand: Demand = s.wire(s.nested(Demand))


@s.record(73)
class Pause(s.Record):
    """Send nothing above `after` until Leave or Resume (RFC 0011 section 6.1)."""

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    after: int = s.wire(SEQUENCE)


@s.record(74)
class Resume(s.Record):
    """Send on, from `after` + 1."""

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    after: int = s.wire(SEQUENCE)


@s.record(75)
class Pulse(s.Record):
    """The publisher is silent, the tree is whole: numbered by the origin alone."""

    stream: StreamId = s.wire(s.STREAM)
    number: int = s.wire(s.integer(2**53))


@s.record(76)
class Query(s.Record):
    """Asks where a node stands in a tree."""

    stream: StreamId = s.wire(s.STREAM)
    token: int = s.wire(SERIAL)


@s.record(77)
class Tell(s.Record):
    """Answers a Query; `slots` 0 means full, no `path` means not in the tree.  `kin`
    are children with their delay and room.
    """

    stream: StreamId = s.wire(s.STREAM)
    token: int = s.wire(SERIAL)
    delay_s: float = s.wire(DELAY)
    slots: int = s.wire(s.integer(255))
    path: tuple[ShortId, ...] = s.wire(PATH)
    delays: tuple[float, ...] = s.wire(DELAYS)
    kin: tuple[Target, ...] = s.wire(s.array(s.nested(Target), KIN_MAX))


@s.record(78)
class MoveCommit(s.Record):
    """Travels up the new parent's path and locks it (RFC 0011 section 6.2)."""

    stream: StreamId = s.wire(s.STREAM)
    token: int = s.wire(SERIAL)
    mover: NodeId = s.wire(s.NODE)
    hops: int = s.wire(s.integer(PATH_MAX))


@s.record(79)
class MoveVerdict(s.Record):
    """Travels back; `path` is the sender's at this moment, empty when refused."""

    stream: StreamId = s.wire(s.STREAM)
    token: int = s.wire(SERIAL)
    mover: NodeId = s.wire(s.NODE)
    granted: bool = s.wire(s.boolean())
    path: tuple[ShortId, ...] = s.wire(PATH)


@s.record(80)
class SwapAsk(s.Record):
    """Asks a child to take `place`; `weight_s` is what the other side wins."""

    stream: StreamId = s.wire(s.STREAM)
    token: int = s.wire(SERIAL)
    weight_s: float = s.wire(s.seconds(1e6))
    place: Place = s.wire(s.nested(Place))


@s.record(81)
class SwapAnswer(s.Record):
    """The child agrees or not, after it measured."""

    stream: StreamId = s.wire(s.STREAM)
    token: int = s.wire(SERIAL)
    agreed: bool = s.wire(s.boolean())


@s.record(82)
class SwapGo(s.Record):
    """The mover has taken the slot here: go where you agreed to."""

    stream: StreamId = s.wire(s.STREAM)
    token: int = s.wire(SERIAL)


@s.record(83)
class Release(s.Record):
    """Please move elsewhere while I still serve you; `targets` have room.  With `aside`
    only to them, and only if that costs little: you are my only child.
    """

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    targets: tuple[Target, ...] = s.wire(TARGETS)
    aside: bool = s.wire(s.boolean(), default=False)


@s.record(84)
class Rely(s.Record):
    """What stands below a child that counts on this node as its standby."""

    stream: StreamId = s.wire(s.STREAM)
    serial: int = s.wire(SERIAL)
    demand: Demand = s.wire(s.nested(Demand))


@s.record(85, bulk=True)
class MessageDown(s.Record):
    """What the publisher said to all viewers (RFC 0011 section 8.3): `sequence` is the
    `source` node's own, text stays text and octets octets.
    """

    stream: StreamId = s.wire(s.STREAM)
    source: NodeId = s.wire(s.NODE)
    sequence: int = s.wire(s.integer(2**53))
    label: str = s.wire(s.text(LABEL_OCTETS_MAX))
    data: bytes | str = s.wire(_message())


@s.record(86, bulk=True)
class MessageUp(s.Record):
    """What a viewer at `source` said to the publisher."""

    stream: StreamId = s.wire(s.STREAM)
    source: NodeId = s.wire(s.NODE)
    sequence: int = s.wire(s.integer(2**53))
    label: str = s.wire(s.text(LABEL_OCTETS_MAX))
    data: bytes | str = s.wire(_message())


@s.record(87)
class WhoAbove(s.Record):
    """A child asks for the NodeIds of its root path (RFC 0011 section 4.5)."""

    stream: StreamId = s.wire(s.STREAM)


@s.record(88)
class Names(s.Record):
    """The nodes from the origin to the sender: the root path by whole names."""

    stream: StreamId = s.wire(s.STREAM)
    nodes: tuple[NodeId, ...] = s.wire(s.array(s.NODE, PATH_MAX))


Message = MessageDown | MessageUp
"""A data-channel message on its way."""

FromBelow = (
    Join
    | Leave
    | Interest
    | Rely
    | Pause
    | Resume
    | Query
    | SwapAnswer
    | MoveCommit
    | MessageUp
    | WhoAbove
)
"""What a child or a joiner says."""

FromAbove = (
    Accept
    | Redirect
    | Refuse
    | Stalled
    | Drop
    | Path
    | Pulse
    | Tell
    | MoveVerdict
    | SwapAsk
    | SwapGo
    | Release
    | MessageDown
    | Names
)
"""What a parent, or a node that was asked, says."""

TreeRecord = FromBelow | FromAbove
"""Everything that `Distribution.receive` takes."""
