"""The producers of a stream that legs bring to this node, watched here or not.

A relay without viewers needs them as well: numbers, history and repair of a leg belong
to producers (RFC 0003 section 13).  They hang on a transport to nobody
(`TransportKind.MESH`): what they are asked for goes to whichever leg is active.

Of a track with simulcast only the layers are fetched that viewers here have use for;
the plane knows which (`LayersWanted`), the mask says so to the tree.
"""

from __future__ import annotations

from meshnode.node import media_map
from meshnode.node.parts import Parts
from meshproto.errors import MeshError
from meshproto.ids import ProducerId
from meshproto.wire.control.directory import Media


class Carried:
    """One stream's transport, tracks and slots, made from what the directory says.

    Raises `MeshError` where a table is full; then nothing is left behind.
    """

    def __init__(self, parts: Parts, media: Media) -> None:
        directory = parts.streams.directory
        ids = [directory.new_producer() for _ in media_map.carried_tracks(media)]
        self.media = media
        self.tracks = media_map.tracks_of(media, ids)
        self.slots = media_map.slots_of(self.tracks)
        self.transport = parts.port.add_mesh()
        self.spent = False
        """Whether the tree that fed them is over.  The next one may have another
        origin, whose numbers begin anywhere (RFC 0003 section 13.1): below those of the
        last one its packets would be taken for old ones.
        """
        self._parts = parts
        self._wanted: dict[ProducerId, tuple[str, ...]] = {}
        try:
            parts.port.plane.program(
                media_map.producers_of(self.transport, self.tracks)
            )
        except MeshError:
            self.close()
            raise

    def __repr__(self) -> str:
        return f"<Carried {self.transport} {len(self.tracks)} tracks>"

    def serves(self, media: Media) -> bool:
        """Whether these producers fit what the stream has now."""
        return media_map.shape(self.media) == media_map.shape(media)

    def learn(self, media: Media) -> None:
        """The directory has other figures for the same tracks."""
        self.media = media
        media_map.describe(self.tracks, media)

    def want(self, producer: ProducerId, rids: tuple[str, ...]) -> bool:
        """The plane has use for these layers of a track; whether it is one of these."""
        if all(track.producer != producer for track in self.tracks):
            return False
        self._wanted[producer] = rids
        return True

    @property
    def mask(self) -> int:
        """The layers to fetch, never 0; the lowest where nothing was said yet."""
        mask = 0
        for slot in self.slots:
            rids = self._wanted.get(slot.producer)
            lowest = slot.bit == 0 if rids is None else slot.rid in rids
            if slot.bit is not None and (lowest or not slot.rid):
                mask |= 1 << slot.bit
        return mask or 1

    def close(self) -> None:
        """Forget them."""
        self._parts.port.plane.close_transport(self.transport)
