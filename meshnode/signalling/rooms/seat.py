"""One member at this node: its connection, what it publishes, what it gets.

What the client sends becomes streams of its own, one for each track; what others send
comes as legs of those streams.  A seat is the `Party` of its connection and a member
several times over in the registry of streams: a publisher for each of its tracks and
one for itself, a viewer of each stream it gets.

A connection that is lost leaves the streams lingering, as with every publisher; when
the member is back its tracks have the same names, and the legs of the others move to
them without a seam.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from meshnode.signalling.connection import Connection, Rules
from meshnode.signalling.members import Publisher
from meshnode.signalling.rooms import names
from meshnode.signalling.rooms.around import (
    Host,
    House,
    Identity,
    publisher_of,
)
from meshnode.signalling.rooms.getting import Getting
from meshnode.signalling.rooms.values import (
    Guest,
    Removed,
    RoomEvent,
    Said,
    Shown,
    SlotCounts,
    Wanted,
)
from meshnode.signalling.streams import LINGER_S
from meshnode.signalling.tracks import Inlet, Outlet
from meshproto.errors import MeshError
from meshproto.ids import ProducerId, StreamName

TRACKS_MAX = 8
"""Of one member; what it sends beyond that nobody gets."""


class Seat:
    """See above."""

    def __init__(
        self,
        house: House,
        identity: Identity,
        guest: Guest,
        rules: Rules,
        host: Host,
    ) -> None:
        self.who = identity.who
        self.identity = identity
        self.wanted = Wanted()
        self.guest = guest
        self.left = False
        self.connection = Connection(
            house.media, house.streams.directory, house.addresses, self, rules
        )
        self.gets = Getting(house, self.connection, self.who.peer, self.tell)
        self._house = house
        self._host = host
        self._published: dict[str, tuple[ProducerId, Publisher]] = {}
        self._lost: dict[str, Publisher] = {}
        """Those whose connection was lost: their streams linger."""
        self._shown: dict[str, Shown] = {}
        self._expected: dict[str, Shown] = {}
        self._expected_until_s = 0.0
        self._presence = publisher_of(
            *(house, identity, self.connection),
            names.member_stream(self.who.room, self.who.user),
            self._dismissed,
            since=str(identity.since_ms),
        )

    def __repr__(self) -> str:
        shows, gets = len(self._shown), len(self.gets)
        return f"<Seat {self.who.room}/{self.who.user} shows {shows}, gets {gets}>"

    # -- coming and going --------------------------------------------------------------

    def enter(self) -> None:
        """Be known as a member.  Raises `Refused` or `LimitError`."""
        self._publish(self._presence)
        self._house.streams.connected(self._presence)

    def leave(self, reason: str, *, linger: bool = False) -> None:
        """End everything; calling it again is fine.

        `linger`: the member is back on another connection, or will be, and the legs of
        the others wait for that as for any publisher.
        """
        if self.left:
            return
        self.left = True
        self.gets.close()
        ends = [publisher for _, publisher in self._published.values()]
        # why these, too: a page that leaves closes its connection, and the goodbye of
        # that may be here first
        ends += self._lost.values()
        self._published.clear()
        self._lost.clear()
        for publisher in (*ends, self._presence):
            self._close(publisher, reason) if linger else self._end(publisher, reason)
        self.connection.close(reason)

    def beat(self) -> None:
        """Once a second: whoever is here keeps its names, muted or not."""
        now = self._house.clock()
        for _, publisher in self._published.values():
            publisher.heard_s = now
        self._presence.heard_s = now
        if now > self._expected_until_s:
            self._expected.clear()

    def tell(self, event: RoomEvent) -> None:
        """Something happened in the room."""
        if not self.left:
            self.guest.told(event)

    # -- what it shows -----------------------------------------------------------------

    @property
    def shown(self) -> tuple[Shown, ...]:
        """The tracks it publishes."""
        return tuple(self._shown.values())

    @property
    def streams(self) -> dict[StreamName, Shown]:
        """The same and those it is expected to show again, by names of streams."""
        room, user = self.who.room, self.who.user
        shown = {**self._expected, **self._shown}.values()
        return {names.track_stream(room, user, s.label): s for s in shown}

    def expect(self, tracks: Iterable[Shown]) -> None:
        """The member showed these where it sat before: until it does so here, others
        keep what they have of them, as they do of every publisher that is gone.
        """
        self._expected = {shown.label: shown for shown in tracks}
        self._expected_until_s = self._house.clock() + LINGER_S

    def mute(self, kind: str, source: str, muted: bool) -> bool:
        """The member says that its tracks of that kind and source show nothing for now,
        or something again; False where there is none.
        """
        found = [s for s in self.shown if (s.kind, s.source) == (kind, source)]
        for shown in found:
            if shown.muted is not muted:
                self._tell_muted(shown, muted)
        return bool(found)

    def _tell_muted(self, shown: Shown, muted: bool) -> None:
        self._shown[shown.label] = replace(shown, muted=muted)
        if known := self._published.get(shown.label):
            publisher = known[1]
            more = {"muted": "1"} if muted else {}
            kept = {k: v for k, v in publisher.about.items() if k != "muted"}
            publisher.about = {**kept, **more}
        self._host.showed(self)

    def producers(self) -> dict[ProducerId, str]:
        """Labels by what the packet path calls the tracks."""
        return {producer: label for label, (producer, _) in self._published.items()}

    def received(self, inlets: Sequence[Inlet]) -> None:
        """See `connection.Party`."""
        lost, before = self.connection.transport is None, self.producers()
        now = {inlet.track.producer for inlet in inlets}
        for label, (producer, _) in tuple(self._published.items()):
            if producer not in now:
                self._hide(label, lost=lost)
        known = self.producers()
        for inlet in inlets:
            if inlet.track.producer not in known and self._may_show():
                self._show(inlet)
        if not lost and self.producers() != before:
            self._host.showed(self)

    def _may_show(self) -> bool:
        return not self.left and len(self._published) < TRACKS_MAX

    def _show(self, inlet: Inlet) -> None:
        label, source, track = self._label(inlet), inlet.names[0], inlet.track
        publisher = publisher_of(
            *(self._house, self.identity, self.connection),
            names.track_stream(self.who.room, self.who.user, label),
            partial(self._dropped, label),
            track,
            label=label,
            source=source[:64],
        )
        with contextlib.suppress(MeshError):  # a full table: the track is not shown
            self._publish(publisher)
            self._published[label] = (track.producer, publisher)
            self._shown[label] = Shown(label, track.kind.value, source)
            self._expected.pop(label, None)
            self._lost.pop(label, None)
            if self._is_connected():
                self._house.streams.connected(publisher)

    def _label(self, inlet: Inlet) -> str:
        letter = inlet.track.kind.value[0]
        taken = self._published
        return next(
            f"{letter}{n}" for n in range(len(taken) + 1) if f"{letter}{n}" not in taken
        )

    def _publish(self, publisher: Publisher) -> None:
        streams = self._house.streams
        self._host.arriving(publisher)
        streams.claim(publisher.stream, publisher.owner, publisher.address)
        streams.publish(publisher)

    def _hide(self, label: str, *, lost: bool) -> None:
        """A track is gone; where its connection was `lost`, its stream lingers."""
        _, publisher = self._published.pop(label)
        if lost:
            self._lost[label] = publisher
            self._close(publisher, "the connection was lost")
        else:
            self._shown.pop(label, None)
            self._end(publisher, "the track ended")

    def _dropped(self, label: str, reason: str) -> None:
        """The registry hangs up on a track: it is taken over, or ended."""
        if found := self._published.pop(label, None):
            self._shown.pop(label, None)
            self._close(found[1], reason)

    def _dismissed(self, reason: str) -> None:
        """The registry hangs up on the member itself: it is somewhere else by now."""
        self.leave(reason, linger=True)
        self._host.moved(self)
        self.guest.told(Removed(reason))

    def _close(self, publisher: Publisher, reason: str) -> None:
        self._house.streams.closed(publisher, reason)

    def _end(self, publisher: Publisher, reason: str) -> None:
        streams = self._house.streams
        streams.closed(publisher, reason)
        stream = streams.get(publisher.stream)
        if stream is None or stream.publisher is not None:
            return
        if stream.owner == publisher.owner:  # else it is somebody else's by now
            streams.end(publisher.stream, reason)

    def say_onward(self, said: Said) -> None:
        """Let members at other nodes hear it, by the first track that they get."""
        for _, publisher in self._published.values():
            self._house.streams.onward(publisher.stream, said.label, said.data)
            return

    # -- its connection ----------------------------------------------------------------

    def have_slots(self, counts: SlotCounts | None) -> None:
        """See `Getting.have_slots`."""
        self.wanted = replace(self.wanted, slots=counts)
        self.gets.have_slots(counts)

    def placed(self, outlet: Outlet) -> None:
        """See `connection.Party`."""
        self.gets.placed(outlet)

    def lost(self, outlet: Outlet) -> None:
        """See `connection.Party`."""
        self.gets.lost(outlet)

    def negotiate(self) -> None:
        """See `connection.Party`."""
        if not self.left:
            self.guest.negotiate()

    def changed(self, state: str) -> None:
        """See `connection.Party`."""
        if state == "connected":
            for _, publisher in tuple(self._published.values()):
                self._house.streams.connected(publisher)
        if not self.left:
            self.guest.changed(state)

    def said(self, label: str, data: bytes | str) -> None:
        """See `connection.Party`."""
        self._host.said(Said(self.who, label, data))

    def _is_connected(self) -> bool:
        transport = self.connection.transport
        return transport is not None and transport.state.value == "connected"
