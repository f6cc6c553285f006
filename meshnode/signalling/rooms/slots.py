"""Slots: tracks that a member of a large room has for good, whoever is in them.

Where everybody gets a track of its own for each other member, every newcomer and every
change of the last N is an exchange of descriptions with everybody.  A member with slots
agrees on its tracks once.  Who is shown in them changes with a move in the forwarding
table, which has no seam in the numbers, and with a word to the client (RFC 0014 section
5.4).
"""

from __future__ import annotations

from typing import Protocol

from meshnode.signalling.layers import layer_order
from meshnode.signalling.members import Track
from meshnode.signalling.rooms.values import SlotCounts
from meshnode.signalling.tracks import Outlet, Source
from meshproto.wire.parameters import Codec, MediaKind

SLOTS_MAX = 64
"""Of each kind."""

STREAM = "slots"
"""The MediaStream that a client sees them in."""

_CODECS = {
    MediaKind.AUDIO: (Codec(111, "opus", 48_000, 2),),
    MediaKind.VIDEO: (
        Codec(96, "vp8", 90_000, 1, feedback=("nack", "nack pli", "ccm fir")),
    ),
}
"""What everybody has; other tracks are shown in no slot."""


class Sender(Protocol):
    """What is needed of a `Connection`."""

    def send(self, source: Source) -> Outlet:
        """Have the client get a track."""

    def stop(self, outlet: Outlet) -> None:
        """Stop sending it."""


class Slots:
    """The slots of one member, on its connection."""

    def __init__(self, counts: SlotCounts, connection: Sender) -> None:
        self.lowest = counts.lowest
        self._connection = connection
        wanted = {MediaKind.AUDIO: counts.audio, MediaKind.VIDEO: counts.video}
        # why backwards: the first one is taken first
        self._free = {
            kind: [connection.send(_source(kind, n)) for n in range(count)][::-1]
            for kind, count in wanted.items()
        }
        self._all = tuple(outlet for free in self._free.values() for outlet in free)
        self._showing: dict[str, str] = {}
        self._told: dict[str, str] = {}

    def take(self, track: Track, called: str) -> Outlet | None:
        """A free slot for a track that the client calls so; None without one, and for
        tracks in other codecs.
        """
        free = self._free[track.kind]
        names = {codec.name for codec in _CODECS[track.kind]}
        if not free or names.isdisjoint(codec.name for codec in track.codecs):
            return None
        outlet = free.pop()
        self._showing[outlet.source.track_id] = called
        return outlet

    def stop(self, outlet: Outlet) -> None:
        """It shows nobody any more."""
        self._free[outlet.source.kind].append(outlet)
        self._showing[outlet.source.track_id] = ""

    def rid_for(self, track: Track) -> str | None:
        """The layer to begin with, None for the best that fits."""
        return (layer_order(track)[0] or None) if self.lowest else None

    def news(self) -> dict[str, str]:
        """What is shown elsewhere than was told last."""
        told, self._told = self._told, dict(self._showing)
        return {slot: t for slot, t in self._told.items() if told.get(slot, "") != t}

    def close(self) -> None:
        """The member gets tracks as they come, or other slots."""
        for outlet in self._all:
            self._connection.stop(outlet)


def _source(kind: MediaKind, number: int) -> Source:
    return Source(kind, _CODECS[kind], STREAM, f"slot-{kind.value[0]}{number}")
