"""A stream that is published here and offered to the mesh.

The whole mesh hears of each change of a notice, so only what a viewer's choice depends
on is told: tracks, layers and their sizes at once, bitrates when they are far off what
was told.  What trees reckon with stays in this node and may change every few seconds.
"""

from __future__ import annotations

from typing import Protocol

from meshnode.node import media_map
from meshnode.signalling.members import Publisher
from meshproto.forwarding.relay_table import Slot
from meshproto.ids import StreamId, StreamName
from meshproto.wire.control.directory import Layer, Media

REFRESH_S = 4.0
"""Between two looks: sizes and first bitrates are known after two seconds."""

RATE_SHARE = 0.25
"""A rate that moved so much is worth a new count of slots."""

TOLD_FACTOR = 2.0
"""A bitrate that is off by this factor is worth telling the whole mesh."""


class Mesh(Protocol):
    """Where streams are offered."""

    def publish(
        self,
        name: StreamName,
        media: Media,
        rates_bps: tuple[int, ...],
        secret: bytes | None = None,
    ) -> StreamId:
        """Offer a stream, or say that it changed."""


class Departure:
    """One of them."""

    def __init__(
        self, stream: StreamId, name: StreamName, secret: bytes | None
    ) -> None:
        self.stream = stream
        self.name = name
        self.secret = secret
        self.publisher: Publisher | None = None
        self._media: Media | None = None
        self._rates: tuple[int, ...] = ()
        self._looked_s = float("-inf")

    def __repr__(self) -> str:
        return f"<Departure {self.name} {self._rates}>"

    @property
    def slots(self) -> tuple[Slot, ...]:
        """What the stream's slots are bound to."""
        publisher = self.publisher
        return () if publisher is None else media_map.slots_of(publisher.tracks)

    def publish(self, mesh: Mesh, now: float) -> None:
        """Offer it as it is now.  Raises `MeshError` where a table is full."""
        assert self.publisher is not None
        tracks = self.publisher.tracks
        self._looked_s = now
        self._media, self._rates = (
            media_map.media_of(tracks, self.publisher.about),
            media_map.rates_of(tracks),
        )
        mesh.publish(self.name, self._media, self._rates, self.secret)

    def refresh(self, mesh: Mesh, now: float) -> None:
        """Say what changed enough since it was last said."""
        if self.publisher is None or now - self._looked_s < REFRESH_S:
            return
        self._looked_s = now
        tracks = self.publisher.tracks
        media = media_map.media_of(tracks, self.publisher.about)
        rates = media_map.rates_of(tracks)
        fresh = self._media is None or _worth_telling(self._media, media)
        if fresh:
            self._media = media
        if fresh or _moved(self._rates, rates):
            self._rates = rates
            assert self._media is not None
            mesh.publish(self.name, self._media, rates, self.secret)


def _moved(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    if len(before) != len(after):
        return True
    return any(
        abs(a - b) > RATE_SHARE * max(a, b) for a, b in zip(before, after, strict=True)
    )


def _worth_telling(told: Media, now: Media) -> bool:
    if len(told.tracks) != len(now.tracks):
        return True
    return any(
        (a.kind, a.codec, a.fmtp, len(a.layers))
        != (b.kind, b.codec, b.fmtp, len(b.layers))
        or any(map(_layer_moved, a.layers, b.layers))
        for a, b in zip(told.tracks, now.tracks, strict=True)
    )


def _layer_moved(told: Layer, now: Layer) -> bool:
    if (told.rid, told.width, told.height) != (now.rid, now.width, now.height):
        return True
    if not told.bitrate_bps or not now.bitrate_bps:
        return told.bitrate_bps == 0 and now.bitrate_bps > 0
    ratio = now.bitrate_bps / told.bitrate_bps
    return not 1 / TOLD_FACTOR <= ratio <= TOLD_FACTOR
