"""A stream that comes over the mesh: its producers, and the publisher they stand for.

The publisher is a member of the registry like any other, under the door "mesh".  Its
transport leads to nobody (`TransportKind.MESH`): what its producers are asked for goes
to whichever leg is active, and the tree decides which one that is.
"""

from __future__ import annotations

import asyncio

from meshnode.control.changes import StreamSeen
from meshnode.node import media_map
from meshnode.node.parts import Parts
from meshnode.signalling.members import Publisher
from meshnode.signalling.streams import Streams
from meshproto.errors import MeshError
from meshproto.forwarding.relay_table import Slot
from meshproto.ids import StreamId, StreamName
from meshproto.wire.control.directory import Media

DOOR = "mesh"


class Arrival:
    """One of them; `fed` once packets have a way here."""

    def __init__(self, stream: StreamId, name: StreamName, now: float) -> None:
        self.stream = stream
        self.name = name
        self.fed = asyncio.Event()
        self.member: Publisher | None = None
        self.media = Media(False, ())
        self.slots: tuple[Slot, ...] = ()
        self.mask = 1
        self.viewers = 0
        self._idle_since: float | None = now

    def __repr__(self) -> str:
        fed = "fed" if self.fed.is_set() else "waiting"
        return f"<Arrival {self.name} {fed}, {self.viewers} viewers>"

    # -- who watches -------------------------------------------------------------------

    def audience(self, viewers: int, now: float) -> None:
        """So many watch here now."""
        self.viewers = viewers
        if viewers:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now

    def idle_for(self, now: float) -> float:
        """For how long nobody has watched, in seconds."""
        return 0.0 if self._idle_since is None else now - self._idle_since

    # -- coming and going --------------------------------------------------------------

    def open(self, parts: Parts, seen: StreamSeen) -> None:
        """Producers for what `seen` has, and a publisher for them.

        Raises `MeshError` where a table is full; then nothing is left behind.
        """
        streams = parts.streams
        local = streams.get(self.name)
        # why as its owner: the directory has decided whose stream it is
        lingering = local is not None and local.publisher is None
        streams.claim(self.name, local.owner if local and lingering else DOOR, "")
        carried = media_map.carried_tracks(seen.media)
        ids = [streams.directory.new_producer() for _ in carried]
        tracks = media_map.tracks_of(seen.media, ids)
        transport = parts.port.add_mesh()
        try:
            parts.port.plane.program(media_map.producers_of(transport, tracks))
        except MeshError:
            parts.port.plane.close_transport(transport)
            raise
        member = Publisher(
            streams.directory.new_number(),
            DOOR,
            self.name,
            transport,
            lambda reason: self.dismiss(parts, member, reason),
            parts.clock(),
            owner=DOOR,
            tracks=tracks,
        )
        self.member, self.media = member, seen.media
        self.slots = media_map.slots_of(tracks)
        self.mask = media_map.mask_of(seen.media)
        streams.publish(member)
        if self.fed.is_set():
            streams.connected(member)

    def feed(self, streams: Streams) -> None:
        """Packets have a way here: the stream is live."""
        self.fed.set()
        if self.member is not None:
            streams.connected(self.member)

    def detach(self) -> Publisher | None:
        """The present member, which is to be dismissed when the next one stands."""
        member, self.member = self.member, None
        return member

    def dismiss(self, parts: Parts, member: Publisher, reason: str) -> None:
        """End one member with its producers; ending it twice is fine."""
        if self.member is member:
            self.member = None
        parts.port.plane.close_transport(member.transport)
        parts.streams.closed(member, reason)

    def close(self, parts: Parts, reason: str) -> None:
        """The stream comes no more; viewers stay for the registry's linger."""
        self.fed.clear()
        self.slots = ()
        member = self.detach()
        if member is not None:
            self.dismiss(parts, member, reason)
