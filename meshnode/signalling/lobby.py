"""Everybody gets everybody's tracks: one lobby of clients at this node (RFC 0015).

What a guest sends is a stream like any other, `LOBBY.GUEST`: it is claimed, counted,
shown, watched by WHEP and carried by the mesh.  What the others send comes to a guest
as outlets on the one connection it has, each following one track of one other guest:
nobody's packets are ever mixed into another one's track.

A guest is whoever a dialect lets in; the dialect speaks for it (`Speaker`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from meshnode.signalling.connection import Addresses, Connection, Rules
from meshnode.signalling.members import Member, Publisher, Track, Viewer
from meshnode.signalling.problems import Refused
from meshnode.signalling.seam import Media
from meshnode.signalling.sessions import Entrant
from meshnode.signalling.stream import stream_name
from meshnode.signalling.streams import Streams
from meshnode.signalling.tracks import Inlet, Outlet, Source
from meshproto.errors import LimitError, MeshError
from meshproto.ids import ProducerId, StreamName, TransportId
from meshproto.wire.sdp.sections import ReceiveRules

NOWHERE = TransportId(0)
NO_MEDIA = ReceiveRules(video=(), audio=())


class Speaker(Protocol):
    """How a dialect speaks with one guest."""

    def negotiate(self) -> None:
        """The guest's connection has an offer to make."""

    def seen(self, address: tuple[str, int]) -> None:
        """Authenticated checks of the guest come from this address."""

    def complain(self, status: int, detail: str) -> None:
        """Something is not possible; statuses are those of HTTP."""

    def left(self, reason: str) -> None:
        """The guest is out."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a guest may do.  `refusal` says why it must not publish, if so."""

    entrant: Entrant
    refusal: Refused | None = None
    plays: bool = True


@dataclass(frozen=True, slots=True)
class Premises:
    """What all lobbies of a node share."""

    media: Media
    streams: Streams
    addresses: Addresses
    clock: Callable[[], float]
    guests_max: int


@dataclass(slots=True)
class _Watched:
    """One other guest's stream as this guest gets it."""

    viewer: Viewer
    outlets: dict[ProducerId, Outlet] = field(default_factory=dict)


class Guest:
    """One client; the `Party` of its connection.  Made by `Lobby.enter` only."""

    def __init__(
        self,
        lobby: Lobby,
        name: str,
        stream: StreamName,
        speaker: Speaker,
        visit: Visit,
    ) -> None:
        premises = lobby.premises
        self.name = name
        self.stream = stream
        self.visit = visit
        self.tracks: tuple[Track, ...] = ()
        self._lobby = lobby
        self._streams = premises.streams
        self._speaker = speaker
        self._publisher: Publisher | None = None
        self._watched: dict[str, _Watched] = {}
        self._refused: set[str] = set()
        self._gone = False
        # why a member of its own: tracks come and go, the guest counts once
        self._member = Member(
            premises.streams.directory.new_number(),
            lobby.door,
            stream,
            NOWHERE,
            self.leave,
            premises.clock(),
            address=visit.entrant.address,
        )
        premises.streams.directory.add(self._member)
        self.connection = Connection(
            premises.media,
            premises.streams.directory,
            premises.addresses,
            self,
            Rules(
                here=visit.entrant.here,
                receive=ReceiveRules() if visit.refusal is None else NO_MEDIA,
            ),
        )

    def __repr__(self) -> str:
        return f"<Guest {self.stream} {len(self.tracks)} tracks>"

    def offered(self, text: str) -> str | None:
        """Its offer for our answer; says so where it may not send what it offers."""
        answer = self.connection.offered(text)
        refusal = self.visit.refusal
        if refusal is not None and "a=inactive" in (answer or ""):
            self._speaker.complain(refusal.status, refusal.detail)
        return answer

    def leave(self, reason: str) -> None:
        """Out, with all it sent and got; leaving twice is fine."""
        if self._gone:
            return
        self._gone = True
        for watched in tuple(self._watched.values()):
            self._streams.closed(watched.viewer, reason)
        self._watched.clear()
        self._unpublish(reason)
        self._streams.directory.remove(self._member)
        self.connection.close(reason)
        self._lobby.left(self)
        self._speaker.left(reason)

    # -- what the connection tells -----------------------------------------------------

    def negotiate(self) -> None:
        """See `Party`."""
        if not self._gone:
            self._speaker.negotiate()

    def received(self, inlets: Sequence[Inlet]) -> None:
        """Its tracks are another version of the same stream from now on."""
        self._unpublish("its tracks changed")
        self.tracks = tuple(inlet.track for inlet in inlets)
        if self.tracks:
            try:
                self._publish()
            except MeshError as error:
                self.tracks = ()
                self._said_no(error)
        self._lobby.changed()

    def placed(self, outlet: Outlet) -> None:
        """The outlet has a place in the forwarding table: let it follow its track."""
        found = self._lobby.track_of(self._followed(outlet))
        if outlet.leg is None or found is None:
            return
        try:
            self._lobby.premises.media.plane.program([outlet.leg.follow(found)])
        except MeshError as error:
            self._said_no(error)

    def lost(self, outlet: Outlet) -> None:
        """Nothing is kept of an outlet but what the connection has."""

    def changed(self, state: str) -> None:
        """Its transport is on, up or gone."""
        transport = self.connection.transport
        address = None if transport is None else transport.address
        if state == "closed":
            self.leave("" if transport is None else transport.close_reason)
            return
        if address is not None:
            self._speaker.seen(address)
        if state == "connected" and self._publisher is not None:
            self._streams.connected(self._publisher)

    def said(self, label: str, data: bytes | str) -> None:
        """A data-channel message: to all that get its stream, or to who publishes."""
        if self._publisher is not None:
            self._streams.message(self._publisher, label, data)

    # -- what it gets ------------------------------------------------------------------

    def follow(self, others: Sequence[Guest]) -> None:
        """Get the tracks of these guests and of nobody else."""
        if self._gone:
            return
        streams = {other.stream: other for other in others if other.tracks}
        for name in [name for name in self._watched if name not in streams]:
            self._unwatch(name, "it is not published any more")
        for name, other in streams.items():
            watched = self._watched.get(name) or self._watch(other)
            if watched is not None:
                self._adjust(watched, other)

    def _watch(self, other: Guest) -> _Watched | None:
        try:
            stream = self._streams.audience(other.stream, "")
        except MeshError as error:
            self._said_no(error)
            return None
        viewer = Viewer(
            self._streams.directory.new_number(),
            self._lobby.door,
            stream.name,
            NOWHERE,
            lambda reason: self._unwatch(stream.name, reason),
            self._lobby.premises.clock(),
            self.connection.say,
        )
        self._watched[other.stream] = watched = _Watched(viewer)
        self._streams.watch(viewer)
        self._streams.connected(viewer)
        return watched

    def _unwatch(self, name: str, reason: str) -> None:
        watched = self._watched.pop(name, None)
        if watched is None:
            return
        for outlet in watched.outlets.values():
            self.connection.stop(outlet)
        self._streams.closed(watched.viewer, reason)

    def _adjust(self, watched: _Watched, other: Guest) -> None:
        now = {track.producer: track for track in other.tracks}
        for producer in [p for p in watched.outlets if p not in now]:
            self.connection.stop(watched.outlets.pop(producer))
        for producer, track in now.items():
            if producer not in watched.outlets:
                source = Source(
                    track.kind, track.codecs, other.name, f"{other.name}-{producer}"
                )
                watched.outlets[producer] = self.connection.send(source)

    def _followed(self, outlet: Outlet) -> ProducerId | None:
        for watched in self._watched.values():
            for producer, known in watched.outlets.items():
                if known is outlet:
                    return producer
        return None

    # -- what it sends -----------------------------------------------------------------

    def _publish(self) -> None:
        transport, entrant = self.connection.transport, self.visit.entrant
        assert transport is not None
        self._streams.claim(self.stream, entrant.owner, "")
        self._publisher = member = Publisher(
            self._streams.directory.new_number(),
            self._lobby.door,
            self.stream,
            transport.id,
            self.leave,
            self._lobby.premises.clock(),
            self.connection.say,
            owner=entrant.owner,
            tracks=self.tracks,
            secret=entrant.secret,
        )
        self._streams.publish(member)
        if transport.state.value == "connected":
            self._streams.connected(member)

    def _unpublish(self, reason: str) -> None:
        member, self._publisher = self._publisher, None
        self.tracks = ()
        if member is not None:
            self._streams.closed(member, reason)

    def _said_no(self, error: MeshError) -> None:
        """Tell the guest, once for each reason."""
        text = str(error)
        if text not in self._refused and len(self._refused) < 16:
            self._refused.add(text)
            status = error.status if isinstance(error, Refused) else 503
            self._speaker.complain(status, text)


class Lobby:
    """The guests of one door, by name."""

    def __init__(self, door: str, premises: Premises) -> None:
        self.door = door
        self.premises = premises
        self._guests: dict[str, Guest] = {}

    def __len__(self) -> int:
        return len(self._guests)

    def __iter__(self) -> Iterator[Guest]:
        return iter(tuple(self._guests.values()))

    def enter(self, name: str, speaker: Speaker, visit: Visit) -> Guest:
        """Let a guest in.

        Raises `Refused` (400, 409) for a name that cannot be or is taken, `LimitError`
        at a bound.
        """
        if name in self._guests:
            raise Refused(409, f"{name} is here already, from another connection")
        if len(self._guests) >= self.premises.guests_max:
            raise LimitError("dialect_peers", self.premises.guests_max)
        self.premises.streams.directory.admit(visit.entrant.address)
        stream = stream_name(f"{self.door}.{name}")
        owner = visit.entrant.owner or f"{self.door}/{name}"
        visit = replace(visit, entrant=replace(visit.entrant, owner=owner))
        guest = self._guests[name] = Guest(self, name, stream, speaker, visit)
        self.changed()
        return guest

    def left(self, guest: Guest) -> None:
        """A guest is out."""
        if self._guests.get(guest.name) is guest:
            del self._guests[guest.name]
            self.changed()

    def changed(self) -> None:
        """Somebody came, went, or sends something else: have everybody follow."""
        for guest in self:
            if guest.visit.plays:
                guest.follow([other for other in self if other is not guest])

    def track_of(self, producer: ProducerId | None) -> Track | None:
        """A guest's track by its place in the forwarding table."""
        tracks = (track for guest in self for track in guest.tracks)
        return next((track for track in tracks if track.producer == producer), None)

    def close(self, reason: str) -> None:
        """Everybody out."""
        for guest in self:
            guest.leave(reason)
