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
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from meshnode.signalling.connection import Connection, Rules
from meshnode.signalling.members import Leg, Publisher, Track, Viewer
from meshnode.signalling.problems import Refused
from meshnode.signalling.rooms import names
from meshnode.signalling.rooms.around import (
    DOOR,
    Host,
    House,
    Identity,
    publisher_of,
)
from meshnode.signalling.rooms.fitting import PAUSED, Layers, Picture, fit
from meshnode.signalling.rooms.playing import Playing
from meshnode.signalling.rooms.slots import Slots
from meshnode.signalling.rooms.values import (
    Guest,
    LayersSeen,
    Quality,
    Removed,
    RoomEvent,
    Said,
    Shown,
    SlotCounts,
    SlotsChanged,
    Wanted,
)
from meshnode.signalling.stream import Stream
from meshnode.signalling.streams import LINGER_S
from meshnode.signalling.tracks import Inlet, Outlet, Source
from meshproto.errors import MeshError
from meshproto.forwarding.table import ForwardingDelta as Delta
from meshproto.forwarding.table import Selection
from meshproto.ids import ConsumerId, ProducerId, StreamName
from meshproto.wire.parameters import MediaKind

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
        self.limit_bps = 0
        """What its pictures may take together, 0 for no limit."""
        self.loss = 0.0
        """The share of what it gets that was lost lately."""
        self.guest = guest
        self.left = False
        self.connection = Connection(
            house.media, house.streams.directory, house.addresses, self, rules
        )
        self._house = house
        self._host = host
        self._published: dict[str, tuple[ProducerId, Publisher]] = {}
        self._shown: dict[str, Shown] = {}
        self._expected: dict[str, Shown] = {}
        self._expected_until_s = 0.0
        self._playing: dict[StreamName, Playing] = {}
        self._choices: dict[StreamName, str] = {}
        self._layers: dict[StreamName, tuple[str, ...]] = {}
        self._slots: Slots | None = None
        self._presence = publisher_of(
            *(house, identity, self.connection),
            names.member_stream(self.who.room, self.who.user),
            self._dismissed,
            since=str(identity.since_ms),
        )

    def __repr__(self) -> str:
        shows, gets = len(self._shown), len(self._playing)
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
        for name in tuple(self._playing):
            self.drop(name)
        ends = [publisher for _, publisher in self._published.values()]
        self._published.clear()
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

    def measure(self, consumers: Mapping[ConsumerId, Mapping[str, Any]]) -> None:
        """Learn how much of what the member gets was lost, and tell it."""
        legs = [playing.outlet.consumer for playing in self._playing.values()]
        found = [consumers[leg] for leg in legs if leg in consumers]
        packets = sum(one["packets"] for one in found)
        lost = sum(one["packets"] * one["fraction_lost"] for one in found)
        self.loss = lost / packets if packets else 0.0
        if found:
            self.tell_quality()

    def tell_quality(self) -> None:
        """How well things arrive at the client."""
        self.tell(Quality(self.who.peer, self.loss))

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
        lost = self.connection.transport is None
        now = {inlet.track.producer for inlet in inlets}
        for label, (producer, _) in tuple(self._published.items()):
            if producer not in now:
                self._hide(label, lost=lost)
        known = self.producers()
        for inlet in inlets:
            if inlet.track.producer not in known and self._may_show():
                self._show(inlet)
        if not lost:
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
        if stream is not None and stream.publisher is None:
            streams.end(publisher.stream, reason)

    def say_onward(self, said: Said) -> None:
        """Let members at other nodes hear it, by the first track that they get."""
        for _, publisher in self._published.values():
            self._house.streams.onward(publisher.stream, said.label, said.data)
            return

    # -- what it gets ------------------------------------------------------------------

    @property
    def playing(self) -> dict[StreamName, Outlet]:
        """The streams it gets or shall get."""
        return {name: playing.outlet for name, playing in self._playing.items()}

    def play(self, name: StreamName, peer: str, label: str, track: Track) -> None:
        """Get a stream: one track of another member."""
        if (known := self._playing.get(name)) is not None:
            self._watch_again(name, known)
        elif not self.left and (outlet := self._outlet(track, f"{peer}-{label}")):
            self._playing[name] = Playing(peer, label, outlet)
            if outlet.leg is not None:
                self.placed(outlet)

    def _outlet(self, track: Track, called: str) -> Outlet | None:
        if self._slots is not None:
            return self._slots.take(track, called)
        peer, _, _ = called.rpartition("-")
        return self.connection.send(Source(track.kind, track.codecs, peer, called))

    def have_slots(self, counts: SlotCounts | None) -> None:
        """Get tracks that stay, whoever is in them; None: each track as its own."""
        for name in tuple(self._playing):
            self.drop(name)
        if self._slots is not None:
            self._slots.close()
        self.wanted = replace(self.wanted, slots=counts)
        self._slots = None if counts is None else Slots(counts, self.connection)

    def tell_slots(self) -> None:
        """Tell the member whom its slots show, where that changed."""
        if self._slots is not None and (news := self._slots.news()):
            self.tell(SlotsChanged(news))

    def drop(self, name: StreamName) -> None:
        """Get it no more."""
        if self._slots is not None:
            with contextlib.suppress(MeshError):
                self._select(name, PAUSED)  # its slot stays
        playing = self._playing.pop(name, None)
        self._choices.pop(name, None)
        self._layers.pop(name, None)
        if playing is not None:
            (self._slots or self.connection).stop(playing.outlet)
            self._unwatch(playing, "not wanted any more")

    def choose(self, name: StreamName, rid: str) -> bool:
        """The member wants that layer; False where the stream is not there.

        Raises `MeshError` for a layer that there is not.
        """
        if not self._select(name, Selection(rid)):
            return False
        self._choices[name] = rid
        return True

    def show(self, name: StreamName, size: tuple[int, int]) -> bool:
        """The member shows a picture so large (pixels), (0, 0) not at all; False where
        the stream is not there.  What nobody sees is not watched any more: where no
        other member sees it either, it does not come to this node.
        """
        playing = self._playing.get(name)
        if playing is None:
            return False
        playing.size = size
        if playing.hidden:
            self._select(name, PAUSED)
            self._unwatch(playing, "not shown")
        else:
            self._watch_again(name, playing)
        return True

    def hides(self, name: StreamName) -> bool:
        """Whether the member has that stream and does not show it."""
        return name in self._playing and self._playing[name].hidden

    def _watch_again(self, name: StreamName, playing: Playing) -> None:
        leg = playing.outlet.leg
        if playing.viewer is not None or playing.hidden or leg is None:
            return
        stream = self._house.streams.get(name)
        if stream is None or stream.ended or not stream.tracks:
            return  # the room fetches it, and comes here then
        try:
            self._watch(name, playing)
        except MeshError:
            self.drop(name)  # another codec by now, or too many: the room tries again

    def _most(self, name: StreamName) -> str | None:
        stream, chosen = self._house.streams.get(name), self._choices.get(name)
        return self._playing[name].most(stream, chosen, self.loss)

    def fit(self, layers: Callable[[StreamName], Layers], order: Sequence[str]) -> None:
        """Choose layers: what is shown no larger than it is seen, and all within the
        limit, if there is one; pictures of the first peers in `order` come first.
        """
        places = {peer: place for place, peer in enumerate(order)}
        kinds = {name: p.outlet.source.kind for name, p in self._playing.items()}
        every = [name for name, kind in kinds.items() if kind is MediaKind.VIDEO]
        seen = [name for name in every if not self._playing[name].hidden]
        if not self.limit_bps:
            for name in seen:
                self._select(name, Selection(self._most(name)))
            return
        seen.sort(key=lambda n: places.get(self._playing[n].peer, len(places)))
        pictures = [Picture(n, layers(n), self._most(n)) for n in seen]
        fitting = fit(self.limit_bps, len(kinds) - len(every), pictures)
        for name, selection in fitting.items():
            self._select(name, selection)

    def tell_layers(self, layers: Callable[[StreamName], Layers]) -> None:
        """Tell the member of pictures that come in several layers, once."""
        if self._slots is not None and self._slots.lowest:
            return
        for name, playing in tuple(self._playing.items()):
            rids = tuple(rid for rid, _ in layers(name))
            if len(rids) > 1 and self._layers.get(name) != rids:
                self._layers[name] = rids
                self.tell(LayersSeen(playing.outlet.source.track_id, rids))

    def _select(self, name: StreamName, selection: Selection) -> bool:
        playing = self._playing.get(name)
        leg = None if playing is None else playing.outlet.leg
        if leg is None:
            return False
        if leg.selection != selection:
            before = leg.entry
            try:
                delta = leg.select(selection)
                self._house.media.plane.program([] if delta is None else [delta])
            except MeshError:
                leg.entry = before
                raise
        return True

    def placed(self, outlet: Outlet) -> None:
        """See `connection.Party`."""
        found = next(
            ((n, p) for n, p in self._playing.items() if p.outlet is outlet), None
        )
        if found is None or outlet.leg is None or found[1].hidden:
            return
        try:
            self._watch(*found)
        except MeshError:
            self.drop(found[0])  # the stream went meanwhile; the room tries again

    def _watch(self, name: StreamName, playing: Playing) -> None:
        streams, transport = self._house.streams, self.connection.transport
        leg = playing.outlet.leg
        assert transport is not None and leg is not None  # noqa: PT018
        stream = streams.audience(name, "")
        deltas = self._afresh(name, leg, stream)
        if stream.publisher is not None and stream.tracks:
            if not leg.takes(stream.tracks[0]):
                raise Refused(422, f"{name} has another codec by now")
            deltas.insert(0, leg.follow(stream.tracks[0]))
        self._house.media.plane.program(deltas)
        viewer = playing.viewer = Viewer(
            streams.directory.new_number(),
            DOOR,
            name,
            transport.id,
            lambda _reason: self.drop(name),
            self._house.clock(),
            self.connection.say,
            legs=(leg,),
        )
        streams.watch(viewer)
        streams.connected(viewer)

    def _afresh(self, name: StreamName, leg: Leg, stream: Stream) -> list[Delta]:
        """In a slot nothing counts that was chosen for the one before."""
        if self._slots is None:
            return []
        rid = self._slots.rid_for(stream.tracks[0]) if stream.tracks else None
        if rid is not None:
            self._choices[name] = rid
        delta = leg.select(Selection(rid))
        return [] if delta is None else [delta]

    def lost(self, outlet: Outlet) -> None:
        """See `connection.Party`."""
        for playing in self._playing.values():
            if playing.outlet is outlet:
                self._unwatch(playing, "its leg is gone")

    def _unwatch(self, playing: Playing, reason: str) -> None:
        viewer, playing.viewer = playing.viewer, None
        if viewer is not None:
            self._house.streams.closed(viewer, reason)

    # -- its connection ----------------------------------------------------------------

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
