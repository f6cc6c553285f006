"""Which tracks of the others a member is to get (RFC 0014 section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from meshnode.signalling.rooms.values import Shown, Wanted, Who
from meshproto.ids import StreamName

Entry = tuple[StreamName, Who, Shown]
"""One track of a member, and its stream."""


class Place(Protocol):
    """A seat, as far as matters here."""

    @property
    def who(self) -> Who:
        """Whose it is."""

    @property
    def wanted(self) -> Wanted:
        """What it wants of the others."""


def chosen(
    seat: Place, tracks: Sequence[Entry], order: Sequence[str], voices: Sequence[str]
) -> list[Entry]:
    """What a seat is to get: what it wants of the others; of pictures the last n by
    `order`, of sound the loudest by `voices`, both peers with the first ones first.
    """
    wanted, me = seat.wanted, seat.who.user
    found = [e for e in tracks if e[1].user != me and wanted.has(e[1].peer, e[2].label)]
    slots = wanted.slots
    if slots is not None:
        found = _first(found, "audio", voices, slots.audio)
        found = _first(found, "video", order, slots.video)
    if wanted.last_n is not None:
        found = _first(found, "video", order, wanted.last_n)
    return found


def _first(
    tracks: list[Entry], kind: str, order: Sequence[str], most: int
) -> list[Entry]:
    """Of a kind only the first few by `order`, of the others everything."""
    places = {peer: place for place, peer in enumerate(order)}
    some = [entry for entry in tracks if entry[2].kind == kind]
    # why stable: whoever never spoke keeps its place, so that pictures do not dance
    some.sort(key=lambda entry: places.get(entry[1].peer, len(places)))
    kept = {entry[0] for entry in some[:most]}
    return [e for e in tracks if e[2].kind != kind or e[0] in kept]
