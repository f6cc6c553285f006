"""What is around a seat: the node it is in, who sits there, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshnode.signalling.connection import Addresses, Connection
from meshnode.signalling.members import Publisher, Track
from meshnode.signalling.rooms import names
from meshnode.signalling.rooms.values import Said, Who
from meshnode.signalling.seam import Media
from meshnode.signalling.streams import Streams
from meshproto.ids import StreamName, TransportId

if TYPE_CHECKING:
    from meshnode.signalling.rooms.seat import Seat

DOOR = "room"
NOWHERE = TransportId(0)


@dataclass(frozen=True, slots=True)
class House:
    """What seats need of the node."""

    media: Media
    streams: Streams
    addresses: Addresses
    clock: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who sits there since when (Unix time), and what only it knows: `owner`, `secret`
    claim its streams.
    """

    who: Who
    owner: str
    secret: bytes | None = field(default=None, repr=False)
    address: str = ""
    since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Host:
    """Who is told what a seat does: `showed` that its own tracks changed, `said` what
    the member says to the others, `moved` that it sits somewhere else by now;
    `arriving` hears of streams before they are claimed.
    """

    showed: Callable[[Seat], None]
    said: Callable[[Said], None]
    moved: Callable[[Seat], None]
    arriving: Callable[[Publisher], None]


def publisher_of(
    house: House,
    identity: Identity,
    connection: Connection,
    stream: StreamName,
    hang_up: Callable[[str], None],
    *tracks: Track,
    **facts: str,
) -> Publisher:
    """The publisher of a member's stream: of itself without `tracks`, or of a track;
    `facts` are what there is to tell of it besides (RFC 0014 section 3.1).
    """
    transport, who = connection.transport, identity.who
    told = {"name": who.name, **facts}
    return Publisher(
        house.streams.directory.new_number(),
        DOOR,
        stream,
        NOWHERE if transport is None else transport.id,
        hang_up,
        house.clock(),
        connection.say,
        # why the member's alone: sessions of an address are counted by it
        "" if tracks else identity.address,
        identity.owner,
        tracks=tracks,
        secret=identity.secret,
        about=names.about(who.room, who.user, who.peer, **told),
    )
