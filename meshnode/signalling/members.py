"""Publishers and viewers as the stream registry knows them, whatever door they used.

A member is a client transport or this very process; the registry can hang up on it and
send it messages, and that is all it may do.  What a publisher brings are tracks, what a
viewer gets are legs: one leg per track of the same kind, in order, so that the second
video of a stream stays the second video when its publisher comes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple

from meshnode.signalling.broadcast import Broadcast
from meshproto.forwarding.table import (
    AddConsumer,
    ForwardingDelta,
    MoveConsumer,
    Selection,
    SetSelection,
)
from meshproto.ids import ConsumerId, ProducerId, StreamName, TransportId
from meshproto.wire.parameters import Codec, MediaKind


class MemberState(Enum):
    """Life of a member."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    CLOSED = "closed"


class SessionEvent(NamedTuple):
    """One server-sent event for a viewer: its type and plain data."""

    type: str
    data: object


@dataclass(slots=True)
class Layer:
    """A layer of a track as it was last measured; sizes are 0 where unknown."""

    codec: str
    packets: int = 0
    bitrate_bps: int = 0
    width: int = 0
    height: int = 0
    key_frames_requested: int = 0
    live: bool = True


@dataclass(slots=True)
class Track:
    """A track that enters; `layers` are those seen so far, by rid."""

    producer: ProducerId
    kind: MediaKind
    mid: str
    codecs: tuple[Codec, ...]
    rids: tuple[str, ...] = ()
    layers: dict[str, Layer] = field(default_factory=dict)

    @property
    def codec(self) -> str:
        """The name of the codec the publisher's first choice was answered with."""
        return self.codecs[0].name if self.codecs else ""


@dataclass(slots=True)
class Leg:
    """A track that leaves: the `index`-th of its kind in the stream.

    `entry` is how it enters the forwarding table; `entered` tells whether it is there,
    which it cannot be while the stream lingers without any track.  `layer` is the rid
    the viewer gets at the moment, None while it gets nothing.
    """

    entry: AddConsumer
    index: int
    entered: bool = False
    layer: str | None = None

    @property
    def consumer(self) -> ConsumerId:
        """Its id in the forwarding table."""
        return self.entry.consumer

    @property
    def kind(self) -> MediaKind:
        """Audio or video."""
        return self.entry.kind

    @property
    def mid(self) -> str:
        """The viewer's section."""
        return self.entry.mid

    @property
    def selection(self) -> Selection:
        """Which layer the viewer wants."""
        return self.entry.selection

    def takes(self, track: Track) -> bool:
        """Whether the viewer can decode what `track` carries."""
        names = {codec.name for codec in self.entry.codecs}
        return any(codec.name in names for codec in track.codecs)

    def follow(self, track: Track) -> ForwardingDelta:
        """The change that makes the leg carry `track` from now on."""
        self.entry = replace(self.entry, producer=track.producer)
        if self.entered:
            return MoveConsumer(self.consumer, track.producer)
        self.entered = True
        return self.entry

    def select(self, selection: Selection) -> SetSelection | None:
        """The change to another choice of layers, None while the leg waits."""
        self.entry = replace(self.entry, selection=selection)
        return SetSelection(self.consumer, selection) if self.entered else None


def _nowhere(_label: str, _data: bytes | str) -> bool:
    return False


@dataclass(slots=True, eq=False)
class Member:
    """One end of a stream.

    `number` names it in status and events, `owner` says whose credential it used,
    `address` where its request came from; `hang_up(reason)` ends it, `send(label,
    data)` gives it a data-channel message and is False where that is impossible;
    `feedback` gets the RTCP packets meant for a member in this process.
    """

    number: int
    door: str
    stream: StreamName
    transport: TransportId
    hang_up: Callable[[str], None]
    began_s: float
    send: Callable[[str, bytes | str], bool] = _nowhere
    address: str = ""
    owner: str = ""
    feedback: Callable[[bytes], None] | None = None
    state: MemberState = MemberState.CONNECTING


@dataclass(slots=True, eq=False)
class Publisher(Member):
    """A member that brings tracks; `heard_s` is when its media was last seen to flow
    and `packets` how much there had been by then.  `secret` claims the stream's name in
    the mesh, None leaves that to the node; `about` is what the directory says of the
    stream besides its tracks.
    """

    tracks: tuple[Track, ...] = ()
    heard_s: float = 0.0
    packets: int = 0
    secret: bytes | None = field(default=None, repr=False)
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Viewer(Member):
    """A member that gets tracks; `feeds` carry its events to open event streams."""

    legs: tuple[Leg, ...] = ()
    feeds: Broadcast[SessionEvent] = field(default_factory=lambda: Broadcast(64))
    estimate_bps: int = 0


def of_kind(tracks: tuple[Track, ...], leg: Leg) -> Track | None:
    """The track that `leg` belongs to, by kind and place."""
    same = [track for track in tracks if track.kind is leg.kind]
    return same[leg.index] if leg.index < len(same) else None
