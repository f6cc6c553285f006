"""What is around a seat: the node it is in, who sits there, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meshnode.signalling.connection import Addresses
from meshnode.signalling.members import Publisher
from meshnode.signalling.rooms.values import Said, Who
from meshnode.signalling.seam import Media
from meshnode.signalling.streams import Streams

if TYPE_CHECKING:
    from meshnode.signalling.rooms.seat import Seat


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
