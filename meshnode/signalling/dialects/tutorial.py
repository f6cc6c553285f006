"""The signalling of the two-slot tutorial: a WebSocket at `/` of a port of its own.

    sender, receiver             who a page is, said once
    createOffer {sdp}            from the sender, and to a receiver
    createAnswer {sdp}           to the sender, and from a receiver
    iceCandidate {candidate}     both ways

The original passes messages between two pages.  Here the node is the other side of
both: the sender's page talks to the node, and so does every receiver's, however many
there are and whichever page was opened first.  `peer_to_peer` has the original's way.

There is one sender; a second one is told so, and takes the place when it is free.
"""

from __future__ import annotations

import secrets

from aiohttp import web

from meshnode.signalling.dialects.common import (
    Line,
    Message,
    Sockets,
    candidate_in,
    description,
    visit_of,
)
from meshnode.signalling.doorway import Endpoint
from meshnode.signalling.endpoints import House
from meshnode.signalling.lobby import Guest, Lobby
from meshnode.signalling.problems import Refused
from meshnode.signalling.trust import Caller
from meshproto.errors import DecodeError

NAME = "tutorial"
SENDER = "sender"
RECEIVER = "receiver"
SAYS = {SENDER: "createOffer", RECEIVER: "createAnswer"}


def role_of(message: Message, known: str) -> str:
    """The role that a first message names, `known` afterwards.

    Raises `DecodeError` for what that role does not say.
    """
    kind = message.get("type")
    if kind in SAYS:
        if known not in ("", kind):
            raise Refused(409, f"this socket is the {known} already")
        return str(kind)
    if not known:
        raise DecodeError("message-order", "say first who you are: sender or receiver")
    if kind not in (SAYS[known], "iceCandidate"):
        raise DecodeError("message-type", f"a {known} says {SAYS[known]}, iceCandidate")
    return known


class Tutorial:
    """The routes of the dialect's listener, through the node."""

    def __init__(self, house: House, lobby: Lobby) -> None:
        self._house = house
        self._lobby = lobby
        self._sockets = Sockets(house, lobby.rooms.limits.members_per_room)

    def endpoints(self) -> dict[str, Endpoint]:
        """Path to endpoint."""
        return {"/": self._house.doorway.door({"GET": self.socket})}

    async def socket(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """One page, as long as its socket is open."""
        with self._sockets.one(caller):
            page = _Page(self, request, caller)
            try:
                return await page.line.serve(request, page.hear)
            finally:
                page.close()

    def enter(
        self, role: str, page: _Page, request: web.Request, caller: Caller
    ) -> Guest:
        """A guest for that page."""
        name = SENDER if role == SENDER else f"{RECEIVER}-{secrets.token_hex(4)}"
        plays = role == RECEIVER
        visit = visit_of(self._house, request, caller, NAME, plays=plays)
        return self._lobby.enter(name, page, visit)


class _Page:
    """The `Speaker` of one guest, and what its socket hears."""

    def __init__(
        self, tutorial: Tutorial, request: web.Request, caller: Caller
    ) -> None:
        self.line = Line()
        self._tutorial = tutorial
        self._request = request
        self._caller = caller
        self._role = ""
        self._guest: Guest | None = None

    def close(self) -> None:
        """The socket is gone."""
        if self._guest is not None:
            self._guest.leave("the page hung up")

    def hear(self, message: Message) -> None:
        """One message."""
        role = role_of(message, self._role)
        guest = self._guest or self._tutorial.enter(
            role, self, self._request, self._caller
        )
        self._role, self._guest = role, guest
        match message["type"]:
            case "createOffer":
                answer = guest.offered(description(message.get("sdp"), "offer"))
                if answer is not None:
                    self._describe("createAnswer", "answer", answer)
            case "createAnswer":
                text = description(message.get("sdp"), "answer")
                guest.connection.answered(text)
            case "iceCandidate":
                candidate = candidate_in(message.get("candidate"))["candidate"]
                guest.connection.trickled(str(candidate))

    def _describe(self, message: str, kind: str, text: str) -> None:
        self.line.say({"type": message, "sdp": {"type": kind, "sdp": text}})

    # -- what the guest has to say -----------------------------------------------------

    def negotiate(self) -> None:
        """An offer of ours: to receivers only, for a sender has nothing to get."""
        text = None if self._guest is None else self._guest.connection.offer()
        if text is not None:
            self._describe("createOffer", "offer", text)

    def seen(self, address: tuple[str, int]) -> None:
        """There is no word for it in this dialect."""

    def complain(self, status: int, detail: str) -> None:
        """Something is not possible."""
        self.line.complain(status, detail)

    def left(self, reason: str) -> None:
        """The connection is over; the page may begin again on the same socket."""
        self._guest, self._role = None, ""
        del reason
