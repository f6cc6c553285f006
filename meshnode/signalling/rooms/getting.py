"""What one member gets of the others: tracks of theirs, and how much of each.

A stream that it is to get has an outlet at its connection at once and a leg once that
is agreed; then the member is a viewer of the stream like any other.  What it is told of
the sizes it shows, of its limit and of what was lost chooses the layers.

A stream's name outlives its publisher: who left and came back as another peer publishes
under the same one.  To a client that is another track all the same, for it knows tracks
by peer and label.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from meshnode.signalling.connection import Connection
from meshnode.signalling.members import Leg, Track, Viewer
from meshnode.signalling.problems import Refused
from meshnode.signalling.rooms.around import DOOR, House
from meshnode.signalling.rooms.fitting import PAUSED, Layers, Picture, fit
from meshnode.signalling.rooms.playing import Playing
from meshnode.signalling.rooms.slots import Slots
from meshnode.signalling.rooms.values import (
    LayersSeen,
    Quality,
    RoomEvent,
    SlotCounts,
    SlotsChanged,
)
from meshnode.signalling.stream import Stream
from meshnode.signalling.tracks import Outlet, Source
from meshproto.errors import MeshError
from meshproto.forwarding.table import ForwardingDelta as Delta
from meshproto.forwarding.table import Selection
from meshproto.ids import ConsumerId, StreamName
from meshproto.wire.parameters import MediaKind


class Getting:
    """Of one member; `tell` has it hear of what changes, once it has left `close` ends
    all.
    """

    def __init__(
        self,
        house: House,
        connection: Connection,
        peer: str,
        tell: Callable[[RoomEvent], None],
    ) -> None:
        self.limit_bps = 0
        """What its pictures may take together, 0 for no limit."""
        self.loss = 0.0
        """The share of what it gets that was lost lately."""
        self._house = house
        self._connection = connection
        self._peer = peer
        self._tell = tell
        self._closed = False
        self._playing: dict[StreamName, Playing] = {}
        self._choices: dict[StreamName, str] = {}
        self._layers: dict[StreamName, tuple[str, ...]] = {}
        self._slots: Slots | None = None

    def __len__(self) -> int:
        return len(self._playing)

    def close(self) -> None:
        """Get nothing any more."""
        self._closed = True
        for name in tuple(self._playing):
            self.drop(name)

    # -- what comes --------------------------------------------------------------------

    @property
    def playing(self) -> dict[StreamName, Outlet]:
        """The streams it gets or shall get."""
        return {name: playing.outlet for name, playing in self._playing.items()}

    def play(self, name: StreamName, peer: str, label: str, track: Track) -> None:
        """Get a stream: one track of another member."""
        if (known := self._playing.get(name)) is not None:
            self._watch_again(name, known)
        elif not self._closed and (outlet := self._outlet(track, f"{peer}-{label}")):
            self._playing[name] = Playing(peer, label, outlet)
            if outlet.leg is not None:
                self.placed(outlet)

    def _outlet(self, track: Track, called: str) -> Outlet | None:
        if self._slots is not None:
            return self._slots.take(track, called)
        peer, _, _ = called.rpartition("-")
        return self._connection.send(Source(track.kind, track.codecs, peer, called))

    def have_slots(self, counts: SlotCounts | None) -> None:
        """Get tracks that stay, whoever is in them; None: each track as its own."""
        for name in tuple(self._playing):
            self.drop(name)
        if self._slots is not None:
            self._slots.close()
        self._slots = None if counts is None else Slots(counts, self._connection)

    def tell_slots(self) -> None:
        """Tell the member whom its slots show, where that changed."""
        if self._slots is not None and (news := self._slots.news()):
            self._tell(SlotsChanged(news))

    def keep(self, wanted: Mapping[StreamName, str]) -> None:
        """Drop every stream but these, and those that are not of these peers any more:
        who left and is back is another one, though its streams are called as before.
        """
        for name, playing in tuple(self._playing.items()):
            if wanted.get(name) != playing.peer:
                self.drop(name)

    def drop(self, name: StreamName) -> None:
        """Get it no more."""
        if self._slots is not None:
            with contextlib.suppress(MeshError):
                self._select(name, PAUSED)  # its slot stays
        playing = self._playing.pop(name, None)
        self._choices.pop(name, None)
        self._layers.pop(name, None)
        if playing is not None:
            (self._slots or self._connection).stop(playing.outlet)
            self._unwatch(playing, "not wanted any more")

    # -- how much of it ----------------------------------------------------------------

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
        self._tell(Quality(self._peer, self.loss))

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
                self._tell(LayersSeen(playing.outlet.source.track_id, rids))

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

    # -- its legs ----------------------------------------------------------------------

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
        streams, transport = self._house.streams, self._connection.transport
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
            self._connection.say,
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
