"""The clients of a dialect as members of one room, named as the dialect (RFC 0015).

What a guest sends are streams like any other, and what the others send comes to it over
the one connection it has (RFC 0014): at whichever node they are, and by whichever door
they came, for the room is one.

A guest is whoever a dialect lets in; the dialect speaks for it (`Speaker`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from meshnode.signalling.connection import Connection, Rules
from meshnode.signalling.problems import Refused
from meshnode.signalling.rooms.rooms import Rooms
from meshnode.signalling.rooms.values import (
    Removed,
    RoomEvent,
    Wanted,
    Who,
    valid_id,
)
from meshnode.signalling.sessions import Entrant
from meshproto.wire.sdp.sections import ReceiveRules

NO_MEDIA = ReceiveRules(video=(), audio=())


class Speaker(Protocol):
    """How a dialect speaks with one guest."""

    def negotiate(self) -> None:
        """The guest's connection has an offer to make."""

    def seen(self, address: tuple[str, int]) -> None:
        """Authenticated checks of the guest come from this address."""

    def complain(self, status: int, detail: str) -> None:
        """Something is not possible; statuses are those of HTTP."""

    def left(self, reason: str) -> None:
        """The guest is out."""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a guest may do.  `refusal` says why it must not publish, if so."""

    entrant: Entrant
    refusal: Refused | None = None
    plays: bool = True


class Guest:
    """One client, as its seat in the room sees it.  Made by `Lobby.enter` only."""

    def __init__(self, lobby: Lobby, name: str, speaker: Speaker, visit: Visit) -> None:
        self.name = name
        self.visit = visit
        self._lobby = lobby
        self._speaker = speaker
        self._gone = False
        rules = Rules(
            here=visit.entrant.here,
            receive=ReceiveRules() if visit.refusal is None else NO_MEDIA,
        )
        joined = lobby.rooms.join(
            Who(lobby.door, name, "", name),
            self,
            rules,
            address=visit.entrant.address,
        )
        self.seat = joined.seat
        self.seat.wanted = Wanted(everything=visit.plays)

    def __repr__(self) -> str:
        return f"<Guest {self.seat!r}>"

    @property
    def connection(self) -> Connection:
        """Its connection."""
        return self.seat.connection

    def offered(self, text: str) -> str | None:
        """Its offer for our answer; says so where it may not send what it offers."""
        answer = self.connection.offered(text)
        refusal = self.visit.refusal
        if refusal is not None and "a=inactive" in (answer or ""):
            self._speaker.complain(refusal.status, refusal.detail)
        return answer

    def leave(self, reason: str) -> None:
        """Out, with all it sent and got; leaving twice is fine."""
        if not self._gone:
            self._gone = True
            self._lobby.rooms.leave(self.seat, reason)
            self._speaker.left(reason)

    # -- what its seat tells -----------------------------------------------------------

    def negotiate(self) -> None:
        """See `rooms.values.Guest`."""
        self._speaker.negotiate()

    def told(self, event: RoomEvent) -> None:
        """No dialect has a word for what happens in a room, but for the end."""
        if isinstance(event, Removed) and not self._gone:
            self._gone = True
            self._speaker.left(event.reason)

    def changed(self, state: str) -> None:
        """Its transport is on, up or gone."""
        transport = self.connection.transport
        if state == "closed":
            self.leave("" if transport is None else transport.close_reason)
        elif transport is not None and transport.address is not None:
            self._speaker.seen(transport.address)


class Lobby:
    """The room of one dialect.

    `is_open`: whoever reaches the dialect may send, without any key.
    """

    def __init__(self, door: str, rooms: Rooms, *, is_open: bool = False) -> None:
        self.door = door
        self.rooms = rooms
        self.is_open = is_open

    def __len__(self) -> int:
        room = self.rooms.get(self.door)
        return 0 if room is None else len(room)

    def enter(self, name: str, speaker: Speaker, visit: Visit) -> Guest:
        """Let a guest in.

        Raises `Refused` (400, 409) for a name that cannot be or is taken, `LimitError`
        at a bound.
        """
        if visit.refusal is not None and self.is_open:
            visit = Visit(visit.entrant, plays=visit.plays)
        return Guest(self, valid_id(name, "the name of a guest"), speaker, visit)
