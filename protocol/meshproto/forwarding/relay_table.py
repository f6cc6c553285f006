"""The forwarding table between nodes: which legs carry a stream (RFC 0011 section 8).

A *leg* is one stream over one link in one direction.  The tree decides about legs, the
plane obeys; it moves packets, keeps the history, sends and judges the sequence
heartbeat and the keep-alive, and makes the pre-programmed switch to the standby on its
own.  What it saw comes back as `PlaneNotice` values, which the brain only records.

Per stream there are at most two ingress legs: the active one, and one more that is a
standby (heartbeats only), joining (packets, make-before-break) or dual (packets, for
good).  Packets of both pass duplicate suppression before history and forwarding.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from meshproto.forwarding.table import ForwardingDelta
from meshproto.ids import NodeId, ProducerId, StreamId

LayerMask = int
"""Layers of a stream, one bit each, bit 0 the lowest; audio is always carried."""


class Second(Enum):
    """What the second ingress leg of a stream is for."""

    STANDBY = "standby"  # heartbeats only; the plane activates it on silence
    JOINING = "joining"  # packets; its first new packet is reported
    DUAL = "dual"  # audio and the lowest layer, all the time


@dataclass(frozen=True, slots=True)
class OpenStream:
    """Carry `stream` from now on; `origin` when its publisher is here."""

    stream: StreamId
    origin: bool = False


@dataclass(frozen=True, slots=True)
class CloseStream:
    """Forget the stream with all its legs and its history."""

    stream: StreamId


@dataclass(frozen=True, slots=True)
class SetActive:
    """Packets come from `parent`; None: from nobody.

    `alias` is the leg's SSRC base and `base` the 48 bit extended sequence of its first
    packet, both from the parent's Accept (RFC 0011 section 8.2).
    """

    stream: StreamId
    parent: NodeId | None
    alias: int = 0
    base: int = 0


@dataclass(frozen=True, slots=True)
class SetSecond:
    """The second ingress leg and its use; `parent` None takes it away.

    A `JOINING` or `DUAL` leg that becomes active is named by a `SetActive` of the same
    parent, which clears the second leg in the same step.
    """

    stream: StreamId
    parent: NodeId | None
    use: Second = Second.STANDBY
    alias: int = 0
    base: int = 0


@dataclass(frozen=True, slots=True)
class OpenLeg:
    """Send `stream` to `child`: from `start` (extended sequence) out of the history, or
    from the key-frame cache when `start` is None.  `standby`: heartbeats only, until
    the child activates it.
    """

    stream: StreamId
    child: NodeId
    alias: int
    layers: LayerMask
    start: int | None = None
    standby: bool = False


@dataclass(frozen=True, slots=True)
class SetLeg:
    """Change the layers that `child` gets, pause above sequence `pause_after`, or
    resume (`pause_after` None) with replay of what was held back.
    """

    stream: StreamId
    child: NodeId
    layers: LayerMask
    pause_after: int | None = None


@dataclass(frozen=True, slots=True)
class CloseLeg:
    """Send nothing more to `child`; its alias is never used again on that link."""

    stream: StreamId
    child: NodeId


@dataclass(frozen=True, slots=True)
class Slot:
    """Layer `rid` of `producer`; `bit` is its bit in a `LayerMask`, None where it is
    always carried (sound).
    """

    producer: ProducerId
    rid: str = ""
    bit: int | None = None


@dataclass(frozen=True, slots=True)
class BindStream:
    """Slot n of the stream is the n-th of `slots` from now on (16 at most).

    At the origin the producers are the publisher's, elsewhere those of a MESH
    transport.  Control says it again when the publisher came back or its tracks
    changed; the brain has no part in it.
    """

    stream: StreamId
    slots: tuple[Slot, ...]


RelayDelta = (
    OpenStream | CloseStream | SetActive | SetSecond | OpenLeg | SetLeg | CloseLeg
)
"""A change to the legs of a stream, as the brain decides it."""

PlaneDelta = ForwardingDelta | RelayDelta | BindStream
"""Everything that programs a plane."""


@dataclass(frozen=True, slots=True)
class FirstNew:
    """The joining leg brought packet `sequence`, which was not in the history."""

    stream: StreamId
    parent: NodeId
    sequence: int


@dataclass(frozen=True, slots=True)
class NothingNew:
    """The joining leg has run for 3 packets and 100 ms and the active one is ahead
    by `lead` packets: it needs a pause of the old leg to prove itself.
    """

    stream: StreamId
    parent: NodeId
    newest: int
    lead: int


@dataclass(frozen=True, slots=True)
class Activated:
    """Silence of the active leg: the plane made `parent` active, from `sequence`."""

    stream: StreamId
    parent: NodeId
    sequence: int


@dataclass(frozen=True, slots=True)
class LegActivated:
    """`child` turned its standby leg here into an active one, from `sequence`."""

    stream: StreamId
    child: NodeId
    sequence: int


@dataclass(frozen=True, slots=True)
class Silent:
    """Active and second leg are both silent: no new packet from anybody.

    `link_alive`: keep-alives of the active parent still come (it is stalled).  When
    they stop as well, the notice comes once more without it.
    """

    stream: StreamId
    link_alive: bool


@dataclass(frozen=True, slots=True)
class Flowing:
    """New packets come again over `parent`."""

    stream: StreamId
    parent: NodeId
    sequence: int


PlaneNotice = FirstNew | NothingNew | Activated | LegActivated | Silent | Flowing
"""What a plane reports about relay legs."""
