"""The few calls into which every dialect is turned: publish, play, restart, end.

Each of them is one synchronous step: a description is read, an answer is written, the
transport and the forwarding table are programmed, and nobody waits for anything.  That
is why an answer takes milliseconds, and why a request that fails half way leaves
nothing behind: the transport is closed, and with it goes what was programmed.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from meshnode.signalling.entries import candidates, entries, entry, outgoing, producers
from meshnode.signalling.members import (
    Leg,
    Member,
    Publisher,
    Track,
    Viewer,
)
from meshnode.signalling.problems import Refused
from meshnode.signalling.seam import Media, Message, Transport
from meshnode.signalling.sessions import (
    Door,
    Entrant,
    Pending,
    Session,
    Sessions,
    new_etag,
)
from meshnode.signalling.stream import Stream
from meshnode.signalling.streams import Streams
from meshproto.errors import MeshError
from meshproto.forwarding.table import ForwardingDelta, Selection
from meshproto.ids import StreamName
from meshproto.wire.parameters import MediaKind
from meshproto.wire.sdp import counteroffer, play, publish
from meshproto.wire.sdp import offer as offers
from meshproto.wire.sdp.endpoint import LocalEndpoint, RemoteEndpoint
from meshproto.wire.sdp.model import SdpLimits
from meshproto.wire.sdp.offer import Offer
from meshproto.wire.sdp.play import PlayTrack
from meshproto.wire.sdp.section import Section
from meshproto.wire.sdp.sections import NegotiatedTrack

OFFER_VALID_S = 30.0
"""How long a player may take to answer our offer (draft-ietf-wish-whep)."""

Addresses = Callable[[bool], Sequence[tuple[str, int]]]
"""The addresses to name, best first, to a client that is on this machine or not."""


@dataclass(frozen=True, slots=True)
class _Seat:
    """A finished negotiation, before its transport exists."""

    local: LocalEndpoint
    remote: RemoteEndpoint
    description: str
    sections: tuple[Section, ...]
    data: bool
    id: str = ""
    etag: str = ""


class Calls:
    """Opens, changes and ends sessions on one media port.

    `untagged_patches` counts trickle fragments that came without If-Match.
    """

    def __init__(
        self,
        media: Media,
        streams: Streams,
        addresses: Addresses,
        clock: Callable[[], float],
        *,
        sdp_limits: SdpLimits,
        tracks_per_client: int,
    ) -> None:
        self.sessions = Sessions()
        self.untagged_patches = 0
        self.streams = streams
        self._media = media
        self._addresses = addresses
        self._clock = clock
        self._sdp_limits = sdp_limits
        self._tracks_max = tracks_per_client

    # -- the calls ---------------------------------------------------------------------

    def publish(self, name: StreamName, text: str, entrant: Entrant) -> Session:
        """Open a publisher's session.

        Raises `Refused`, `LimitError`, and `DecodeError` for an offer we cannot take.
        """
        self.streams.claim(name, entrant.owner, entrant.address)
        offer = self._read(text)
        local = self._local_endpoint(entrant.here)
        agreed = publish.answer(offer, local)
        seat = _Seat(
            local, agreed.remote, agreed.text, agreed.sections, agreed.data is not None
        )
        transport = self._accept(seat)
        publisher = Publisher(
            self.streams.directory.new_number(),
            Door.WHIP.value,
            name,
            transport.id,
            transport.close,
            self._clock(),
            transport.send_message,
            entrant.address,
            entrant.owner,
            tracks=tuple(self._track(track) for track in agreed.tracks),
            secret=entrant.secret,
        )
        session = self._session(Door.WHIP, publisher, transport, seat)
        self._program(transport, producers(publisher, agreed.tracks))
        self.streams.publish(publisher)
        return session

    def play(self, name: StreamName, text: str, entrant: Entrant) -> Session:
        """Open a viewer's session; raises as `publish` does."""
        stream = self.streams.audience(name, entrant.address)
        offer = self._read(text)
        local = self._local_endpoint(entrant.here)
        agreed = play.answer(offer, local, outgoing(stream))
        seat = _Seat(
            local, agreed.remote, agreed.text, agreed.sections, agreed.data is not None
        )
        return self._seat_viewer(stream, entrant, agreed.tracks, seat)

    def counter_offer(self, name: StreamName, entrant: Entrant) -> Pending:
        """Offer the stream to a player that made no offer of its own."""
        stream = self.streams.audience(name, entrant.address)
        local = self._local_endpoint(entrant.here)
        offer = counteroffer.offer(local, outgoing(stream), send=play.WHEP_RULES)
        expires_s = self._clock() + OFFER_VALID_S
        new_id = self.sessions.new_id()
        pending = Pending(new_id, name, local, offer, entrant, expires_s)
        self.sessions.pend(pending)
        return pending

    def answer(self, pending: Pending, text: str) -> Session:
        """A player answers our offer: open its session under the offer's id."""
        stream = self.streams.audience(pending.stream, pending.entrant.address)
        agreed = counteroffer.accept(pending.offer, text)
        seat = _Seat(
            pending.local,
            agreed.remote,
            pending.description,
            pending.offer.sections,
            agreed.data is not None,
            pending.id,
            pending.etag,
        )
        self.sessions.answered(pending)
        return self._seat_viewer(stream, pending.entrant, agreed.tracks, seat)

    def restart(self, session: Session, ufrag: str, pwd: str) -> LocalEndpoint:
        """ICE restart (RFC 9725 section 4.3.3): our new end, under a new entity tag."""
        fresh_ufrag, fresh_pwd = session.transport.restart_ice(ufrag)
        session.remote_ufrag, session.remote_pwd = ufrag, pwd
        session.local = replace(
            session.local,
            ufrag=fresh_ufrag,
            pwd=fresh_pwd,
            session_version=session.local.session_version + 1,
        )
        session.etag = new_etag()
        return session.local

    def select(self, chosen: Iterable[tuple[Leg, Selection]]) -> None:
        """Give viewers' legs the layers that were chosen for them."""
        deltas = [leg.select(selection) for leg, selection in chosen]
        self._media.plane.program([delta for delta in deltas if delta is not None])

    def end(self, session: Session, reason: str) -> None:
        """End a session; ending it twice is fine."""
        session.transport.close(reason)

    def handle_timeout(self) -> None:
        """Let time pass: call about once a second."""
        self.streams.handle_timeout()
        self.sessions.forget(self._clock())

    # -- inside ------------------------------------------------------------------------

    def _read(self, text: str) -> Offer:
        offer = offers.read(text, self._sdp_limits)
        sections, maximum = len(offer.description.media), self._tracks_max
        if sections > maximum:
            raise Refused(
                422,
                f"limit tracks_per_client={maximum} reached: the offer has {sections}",
                members={"limit": "tracks_per_client", "maximum": maximum},
            )
        return offer

    def _local_endpoint(self, local: bool) -> LocalEndpoint:
        ufrag, pwd = self._media.new_credentials()
        return LocalEndpoint(
            ufrag,
            pwd,
            self._media.fingerprint,
            candidates(self._addresses(local)),
            session_id=secrets.randbits(62),
        )

    def _accept(self, seat: _Seat) -> Transport:
        remote = seat.remote
        return self._media.accept(
            remote_ufrag=remote.ufrag,
            remote_fingerprints=tuple(
                (f.algorithm, f.value) for f in remote.fingerprints
            ),
            dtls_role=remote.our_dtls_role.value,
            local_ufrag=seat.local.ufrag,
            local_pwd=seat.local.pwd,
            data=seat.data,
        )

    def _seat_viewer(
        self,
        stream: Stream,
        entrant: Entrant,
        tracks: Sequence[PlayTrack],
        seat: _Seat,
    ) -> Session:
        transport = self._accept(seat)
        viewer = Viewer(
            self.streams.directory.new_number(),
            Door.WHEP.value,
            stream.name,
            transport.id,
            transport.close,
            self._clock(),
            transport.send_message,
            entrant.address,
            legs=self._legs(transport, tracks),
        )
        session = self._session(Door.WHEP, viewer, transport, seat)
        self._program(transport, entries(stream, viewer))
        self.streams.watch(viewer)
        return session

    def _session(
        self, door: Door, member: Member, transport: Transport, seat: _Seat
    ) -> Session:
        """The session, in the table and wired to its transport until that closes."""
        session = Session(
            seat.id or self.sessions.new_id(),
            door,
            member,
            transport,
            seat.local,
            seat.remote.ufrag,
            seat.remote.pwd,
            seat.description,
            seat.sections,
            seat.etag or new_etag(),
        )
        self.sessions.add(session)
        transport.on_state(lambda _: self._changed(session))
        transport.on_message(lambda message: self._said(session, message))
        return session

    def _changed(self, session: Session) -> None:
        state = session.transport.state.value
        if state == "connected":
            self.streams.connected(session.member)
        elif state == "closed":
            self.sessions.end(session, self._clock())
            self.streams.closed(session.member, session.transport.close_reason)

    def _said(self, session: Session, message: Message) -> None:
        self.streams.message(session.member, message.label, message.data)

    def _program(self, transport: Transport, deltas: Iterable[ForwardingDelta]) -> None:
        try:
            self._media.plane.program(list(deltas))
        except MeshError:
            transport.close("the forwarding table refused it")
            raise

    def _track(self, agreed: NegotiatedTrack) -> Track:
        producer = self.streams.directory.new_producer()
        return Track(producer, agreed.kind, agreed.mid, agreed.codecs, agreed.rids)

    def _legs(
        self, transport: Transport, tracks: Sequence[PlayTrack]
    ) -> tuple[Leg, ...]:
        counts: Counter[MediaKind] = Counter()
        legs = []
        for track in tracks:
            consumer = self.streams.directory.new_consumer()
            row = entry(consumer, transport.id, track)
            legs.append(Leg(row, counts[track.kind]))
            counts[track.kind] += 1
        return tuple(legs)
