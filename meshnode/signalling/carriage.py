"""What runs over one connection, and its place in the forwarding table.

`Connection` agrees with the client, this class does what was agreed: producers for the
tracks that the client sends, legs for those it takes.  A leg begins with what the
history of its producer holds since the last key frame, so what a publisher sent while
the two sides were still talking is not lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from meshnode.signalling.directory import Directory
from meshnode.signalling.members import Track
from meshnode.signalling.tracks import Inlet, Outlet, OutletState, Source, split
from meshproto.forwarding.table import (
    ForwardingDelta,
    RemoveConsumer,
    RemoveProducer,
)
from meshproto.ids import ConsumerId, TransportId
from meshproto.wire.sdp.play import OutgoingTrack, PlayTrack
from meshproto.wire.sdp.sections import NegotiatedTrack

Program = Callable[[Sequence[ForwardingDelta]], None]


class Owner(Protocol):
    """Who is told of what begins and ends."""

    def received(self, inlets: Sequence[Inlet]) -> None:
        """These are the tracks that the client sends from now on."""

    def placed(self, outlet: Outlet) -> None:
        """The outlet has a (new) leg: program it to follow a track."""

    def lost(self, outlet: Outlet) -> None:
        """The outlet's leg is gone from the table."""


class Carriage:
    """The inlets and outlets of one connection."""

    def __init__(self, program: Program, directory: Directory, owner: Owner) -> None:
        self.inlets: tuple[Inlet, ...] = ()
        self._program = program
        self._directory = directory
        self._owner = owner
        self._outlets: dict[ConsumerId, Outlet] = {}

    def __len__(self) -> int:
        return len(self._outlets)

    @property
    def outlets(self) -> tuple[Outlet, ...]:
        """The tracks that the client gets or shall get, the oldest first."""
        return tuple(self._outlets.values())

    @property
    def waiting(self) -> tuple[Outlet, ...]:
        """Outlets that no section has room for yet."""
        return tuple(o for o in self.outlets if o.state is OutletState.WAITING)

    def add(self, source: Source) -> Outlet:
        """One more track for the client."""
        outlet = Outlet(self._directory.new_consumer(), source)
        self._outlets[outlet.consumer] = outlet
        return outlet

    def remove(self, outlet: Outlet) -> bool:
        """Stop it.  Whether the client was ever told of it."""
        if self._outlets.pop(outlet.consumer, None) is None:
            return False
        self._unleg(outlet)
        return bool(outlet.track.mid)

    # -- what descriptions say ---------------------------------------------------------

    def offerable(self) -> list[OutgoingTrack]:
        """The tracks for an offer of ours: a client has said no to the others."""
        outlets = self._outlets.values()
        return [o.track for o in outlets if o.state is not OutletState.REFUSED]

    def answerable(self) -> list[OutgoingTrack]:
        """The tracks for an answer: who opens a section gets what it refused in it."""
        return [outlet.track for outlet in self._outlets.values()]

    def bind(self, tracks: Iterable[OutgoingTrack]) -> None:
        """An offer put the tracks into these sections."""
        by_ssrc = {outlet.track.ssrc: outlet for outlet in self.outlets}
        for track in tracks:
            by_ssrc[track.ssrc].bind(track.mid)

    def unbind(self) -> None:
        """That offer counts for nothing: who waited has no section yet."""
        for outlet in self.waiting:
            outlet.bind("")

    # -- what was agreed ---------------------------------------------------------------

    def receive(
        self, transport: TransportId, agreed: Sequence[NegotiatedTrack]
    ) -> None:
        """The client sends these tracks, and no others.  Raises `MeshError`."""
        stay, gone, new = split(self.inlets, agreed)
        fresh = [Inlet(track, self._entered(track)) for track in new]
        if not gone and not fresh:
            return
        order = {track.mid: place for place, track in enumerate(agreed)}
        deltas: list[ForwardingDelta] = [RemoveProducer(i.track.producer) for i in gone]
        self._program([*deltas, *(inlet.entry(transport) for inlet in fresh)])
        self.inlets = tuple(sorted([*stay, *fresh], key=lambda i: order[i.agreed.mid]))
        self._owner.received(self.inlets)

    def send(self, transport: TransportId, agreed: Sequence[PlayTrack]) -> None:
        """The client takes these tracks, and no others of those it was offered."""
        by_ssrc = {track.ssrc: track for track in agreed}
        for outlet in self.outlets:
            track = by_ssrc.get(outlet.track.ssrc)
            if track is None:
                self._not_taken(outlet)
            elif outlet.leg is None:
                outlet.place(transport, track)
                self._owner.placed(outlet)
            elif not outlet.fits(track):
                self._unleg(outlet)
                outlet.unplace()

    def forget(self) -> None:
        """The transport is gone, and with it all it had in the table."""
        for outlet in self.outlets:
            had = outlet.leg is not None
            outlet.unplace()
            if had:
                self._owner.lost(outlet)
        if self.inlets:
            self.inlets = ()
            self._owner.received(())

    def _not_taken(self, outlet: Outlet) -> None:
        if not outlet.track.mid:
            return
        self._unleg(outlet)
        outlet.refuse()

    def _unleg(self, outlet: Outlet) -> None:
        leg, outlet.leg = outlet.leg, None
        if leg is None:
            return
        if leg.entered:
            self._program([RemoveConsumer(leg.consumer)])
        self._owner.lost(outlet)

    def _entered(self, agreed: NegotiatedTrack) -> Track:
        producer = self._directory.new_producer()
        return Track(producer, agreed.kind, agreed.mid, agreed.codecs, agreed.rids)
