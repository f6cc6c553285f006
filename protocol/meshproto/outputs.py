"""What the brain asks its driver to do, and the box in which machines put it.

After one input the driver drains the box until it is empty, in order (RFC 0001 section
3).  Child machines share their parent's `Outbox` and speak of neighbours by `NodeId`;
`Node` turns a `Send` into frames of a link, everything else goes to the driver as it
is.  The box is bounded: a machine that fills it has a defect, not bad luck.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum

from meshproto.errors import LimitError
from meshproto.events import Event
from meshproto.forwarding.relay_table import RelayDelta
from meshproto.forwarding.table import ForwardingDelta
from meshproto.ids import LinkId, NodeId, StreamId
from meshproto.wire.control.peer import MediaAddress, PeerRecord
from meshproto.wire.control.schema import Record

OUTPUTS_MAX = 65_536
"""Outputs of one input; more means that a machine answers its own output."""


class Purpose(Enum):
    """What a link is dialled for; each has a quota of its own (RFC 0007 section 6)."""

    OVERLAY = "overlay"
    TREE = "tree"


@dataclass(frozen=True, slots=True)
class Send:
    """A record for a neighbour that has a link; becomes part of a `Transmit`."""

    neighbour: NodeId
    record: Record


@dataclass(frozen=True, slots=True)
class Transmit:
    """One datagram of a link: DTLS application data, at most 1,150 octets."""

    link: LinkId
    frame: bytes


@dataclass(frozen=True, slots=True)
class Gossip:
    """One GossipSub RPC for a neighbour, over its ordered libp2p stream."""

    neighbour: NodeId
    rpc: bytes


@dataclass(frozen=True, slots=True)
class Dial:
    """Set up a link; ends in `link_up` or `dial_failed`.

    `through` is a common neighbour that can pass the descriptor (3 round trips instead
    of a libp2p connection), None if there is none.
    """

    peer: PeerRecord
    purpose: Purpose
    through: NodeId | None = None


@dataclass(frozen=True, slots=True)
class HangUp:
    """Close the link to a neighbour; `reason` is a short fixed label."""

    neighbour: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Measure the round trip to a media port by one plain STUN Binding.

    Ends in `probed(token, rtt_s or None)`.
    """

    address: MediaAddress
    token: int


@dataclass(frozen=True, slots=True)
class Deliver:
    """A data-channel message for clients here: for the publisher of `stream` if `up`,
    else for its viewers.
    """

    stream: StreamId
    up: bool
    label: str
    data: bytes | str


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to check a link: `tree` links every 250 ms, others every 2 s."""

    neighbour: NodeId
    tree: bool


Output = (
    Send
    | Transmit
    | Gossip
    | Dial
    | HangUp
    | Probe
    | Pace
    | Deliver
    | RelayDelta
    | ForwardingDelta
    | Event
)
"""Everything that `poll` returns; a driver never sees `Send`."""


class Outbox:
    """A bounded queue of outputs, shared by a machine and its children."""

    __slots__ = ("_queue",)

    def __init__(self) -> None:
        self._queue: deque[Output] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def put(self, output: Output) -> None:
        """Append an output; `LimitError` if the box runs over."""
        if len(self._queue) >= OUTPUTS_MAX:
            raise LimitError("outputs_max", OUTPUTS_MAX)
        self._queue.append(output)

    def send(self, neighbour: NodeId, record: Record) -> None:
        """Append a record for `neighbour`."""
        self.put(Send(neighbour, record))

    def poll(self) -> Output | None:
        """Take the oldest output, None when empty."""
        return self._queue.popleft() if self._queue else None
