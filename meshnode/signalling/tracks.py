"""The two ends of a track at a connection: what a client sends us, what we send it.

An outlet is a track that somebody wants the client to get.  It waits until a section
has room for it, then has a leg in the forwarding table, and may lose both again: the
client can stop a section whenever it likes, and gets the track back when it opens it.

    WAITING --agreed--> SENDING --stopped there--> REFUSED --opened there--> SENDING
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from meshnode.signalling.entries import CNAME, MSID_MAX, entry, new_ssrc
from meshnode.signalling.members import Leg, Track
from meshproto.forwarding.table import AddProducer
from meshproto.ids import ConsumerId, TransportId
from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp.play import OutgoingTrack, PlayTrack
from meshproto.wire.sdp.sections import NegotiatedTrack


class OutletState(Enum):
    """Life of an outlet, see above."""

    WAITING = "waiting"
    SENDING = "sending"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Source:
    """A track to send: its kind, the codecs it comes in, and its names outside.

    A client sees `stream_id` as the id of the MediaStream, `track_id` as the track's.
    `index` is its place among the tracks of its kind in their stream (`members.Leg`).
    """

    kind: MediaKind
    codecs: tuple[Codec, ...]
    stream_id: str
    track_id: str
    index: int = 0


class Outlet:
    """One track on its way to the client.  Made by `Connection.send` only.

    `leg` is there while it is SENDING; its producer is whatever the owner lets it
    follow.
    """

    __slots__ = ("consumer", "leg", "source", "state", "track")

    def __init__(self, consumer: ConsumerId, source: Source) -> None:
        self.consumer = consumer
        self.source = source
        self.leg: Leg | None = None
        self.state = OutletState.WAITING
        self.track = _track(source)

    def __repr__(self) -> str:
        where = self.track.mid or "nowhere"
        return f"<Outlet {self.consumer} {self.state.value} in {where}>"

    def place(self, transport: TransportId, agreed: PlayTrack) -> None:
        """The client takes it, in the section of `agreed`."""
        self.bind(agreed.mid)
        self.state = OutletState.SENDING
        self.leg = Leg(entry(self.consumer, transport, agreed), self.source.index)

    def fits(self, agreed: PlayTrack) -> bool:
        """Whether the leg it has serves what is agreed now."""
        if self.leg is None or self.leg.mid != agreed.mid:
            return False
        had = self.leg.entry
        extended = set(had.extensions) <= set(agreed.extensions)
        return extended and _payload_types(had.codecs) <= _payload_types(agreed.codecs)

    def bind(self, mid: str) -> None:
        """It has that section, "" for none."""
        self.track = replace(self.track, mid=mid)

    def unplace(self) -> None:
        """It has no section any more, and waits for another."""
        # why a new SSRC: packets were sent under the old one, and their numbers would
        # start again (RFC 3711 section 9.1 forbids that under one key)
        self.track = _track(self.source)
        self.leg = None
        self.state = OutletState.WAITING

    def refuse(self) -> None:
        """The client will not have it in its section; whoever takes it again must get
        it under another SSRC, for the same reason.
        """
        self.track = replace(_track(self.source), mid=self.track.mid)
        self.leg = None
        self.state = OutletState.REFUSED


def _track(source: Source) -> OutgoingTrack:
    """What a description calls it, under SSRCs that were never used."""
    return OutgoingTrack(
        source.kind,
        source.codecs,
        new_ssrc(),
        new_ssrc() if source.kind is MediaKind.VIDEO else None,
        CNAME,
        source.stream_id[:MSID_MAX],
        source.track_id[:MSID_MAX],
    )


def _payload_types(codecs: Iterable[Codec]) -> set[tuple[str, int, int | None]]:
    return {(c.name, c.payload_type, c.rtx_payload_type) for c in codecs}


@dataclass(frozen=True, slots=True)
class Inlet:
    """One track that the client sends: `agreed` as negotiated, `track` as entered."""

    agreed: NegotiatedTrack
    track: Track

    @property
    def names(self) -> tuple[str, str]:
        """What the client calls its MediaStream and its track."""
        return self.agreed.stream_id, self.agreed.track_id

    def entry(self, transport: TransportId) -> AddProducer:
        """Its place in the forwarding table."""
        return AddProducer(
            self.track.producer,
            transport,
            self.track.kind,
            self.track.mid,
            self.track.codecs,
            self.agreed.extensions,
            self.track.rids,
            self.agreed.ssrcs,
        )


def split(
    known: Iterable[Inlet], agreed: Sequence[NegotiatedTrack]
) -> tuple[list[Inlet], list[Inlet], list[NegotiatedTrack]]:
    """Which inlets stay as they are, which go, and which tracks are new."""
    now = {track.mid: track for track in agreed}
    stay = [inlet for inlet in known if now.get(inlet.agreed.mid) == inlet.agreed]
    gone = [inlet for inlet in known if now.get(inlet.agreed.mid) != inlet.agreed]
    kept = {inlet.agreed.mid for inlet in stay}
    return stay, gone, [track for track in agreed if track.mid not in kept]
