"""The forwarding table's vocabulary: what control tells a packet path.

Control decides, planes obey (RFC 0001 section 2).  A plane is programmed with
`ForwardingDelta` values only, and each of them is plain data, so that the very same
deltas are test vectors, cross a thread into the native plane, and drive the simulator.

A *producer* is one track entering over a transport.  It has one *layer* per simulcast
rid, or a single layer named "" without simulcast.  A *consumer* is that track leaving
over another transport, under an SSRC, payload types and extension ids of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire.parameters import Codec, Extension, MediaKind, SsrcBinding


class TransportKind(Enum):
    """What is at the far end of a transport."""

    CLIENT = "client"  # a WebRTC peer: ICE-lite, DTLS, SRTP
    LOCAL = "local"  # this process: packets are handed over in the clear
    RELAY = "relay"  # a neighbour node: a link that carries legs of many streams
    MESH = "mesh"  # nobody: it owns the producers of one stream that legs bring


@dataclass(frozen=True, slots=True)
class Selection:
    """Which layer a consumer gets.

    `rid` None means automatic: the best that the viewer's bandwidth estimate allows.
    The `max_` fields cap spatial and temporal layers of scalable codecs, None is no
    cap.  A paused consumer gets nothing.
    """

    rid: str | None = None
    max_spatial: int | None = None
    max_temporal: int | None = None
    paused: bool = False


@dataclass(frozen=True, slots=True)
class AddProducer:
    """A track begins to enter over `transport`.

    `rids` are the simulcast layers in the order of the offer, empty without simulcast.
    """

    producer: ProducerId
    transport: TransportId
    kind: MediaKind
    mid: str
    codecs: tuple[Codec, ...]
    extensions: tuple[Extension, ...] = ()
    rids: tuple[str, ...] = ()
    ssrcs: tuple[SsrcBinding, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoveProducer:
    """The track ended; its consumers stay, silent, until moved or removed."""

    producer: ProducerId


@dataclass(frozen=True, slots=True)
class AddConsumer:
    """`producer` begins to leave over `transport` as SSRC `ssrc`.

    `codecs` are the viewer's; a packet is forwarded only if the codec it came in has
    its counterpart (same name) here.  `first_sequence` lies in the lower half of the
    16 bit space (RFC 0003 section 4: a late joiner must not start behind a wrap).
    """

    consumer: ConsumerId
    producer: ProducerId
    transport: TransportId
    kind: MediaKind
    mid: str
    ssrc: int
    rtx_ssrc: int | None
    codecs: tuple[Codec, ...]
    extensions: tuple[Extension, ...] = ()
    selection: Selection = Selection()
    first_sequence: int = 0
    first_timestamp: int = 0


@dataclass(frozen=True, slots=True)
class MoveConsumer:
    """The consumer follows another producer from now on, without a seam in its own
    numbering (a publisher came back, or moved).
    """

    consumer: ConsumerId
    producer: ProducerId


@dataclass(frozen=True, slots=True)
class SetSelection:
    """Change which layer the consumer gets, at the next key frame."""

    consumer: ConsumerId
    selection: Selection


@dataclass(frozen=True, slots=True)
class RemoveConsumer:
    """The track stops leaving over that transport."""

    consumer: ConsumerId


@dataclass(frozen=True, slots=True)
class RequestKeyFrame:
    """Ask the producer for a key frame on every layer (throttled like any PLI)."""

    producer: ProducerId


ForwardingDelta = (
    AddProducer
    | RemoveProducer
    | AddConsumer
    | MoveConsumer
    | SetSelection
    | RemoveConsumer
    | RequestKeyFrame
)
"""A change to the forwarding table: the only thing that control says to a plane about
media."""
