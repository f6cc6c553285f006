"""The signalling of monoport: a WebSocket at `/sdp` on a port of its own.

    client says         join-room, offer, answer, ice-candidate; each with peerId
    server says         answer, offer, candidate, stun-candidate, error

`stun-candidate` tells a client where it is seen from, as a server-reflexive candidate.
It is sent on the word of checks whose integrity was verified and to the socket that the
transport belongs to, so nobody can have it sent to somebody, or of somebody else.

A peer id belongs to the socket that said it first, until that closes.  Descriptions of
a client that never joined are taken as if it had; there is only one room.  The client
offers first: an offer of ours before that would cross its own, which it cannot undo.
"""

from __future__ import annotations

import json
import re

from aiohttp import web

from meshnode.signalling.dialects.common import (
    Line,
    Message,
    Sockets,
    candidate_in,
    visit_of,
    word,
)
from meshnode.signalling.doorway import Endpoint
from meshnode.signalling.endpoints import House
from meshnode.signalling.lobby import Guest, Lobby
from meshnode.signalling.problems import Refused
from meshnode.signalling.trust import Caller
from meshproto.errors import DecodeError
from meshproto.wire.sdp.candidate import Candidate

NAME = "monoport"
PEER_ID_MAX = 100
SRFLX_PREFERENCE = 100
PRIORITY = (SRFLX_PREFERENCE << 24) | (65535 << 8) | 255
_UNRELATED = (("raddr", "0.0.0.0"), ("rport", "0"))
"""Where behind its translator the client is, is not ours to know."""
_FIRST_MID = re.compile(r"^a=mid:(\S+)", re.MULTILINE)


class Monoport:
    """The routes of the dialect's listener."""

    def __init__(self, house: House, lobby: Lobby) -> None:
        self._house = house
        self._lobby = lobby
        self._sockets = Sockets(house, lobby.rooms.limits.members_per_room)

    def endpoints(self) -> dict[str, Endpoint]:
        """Path to endpoint."""
        door = self._house.doorway.door
        return {"/": door({"GET": _ok}), "/sdp": door({"GET": self.socket})}

    async def socket(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """One client, as long as its socket is open."""
        with self._sockets.one(caller):
            client = _Client(self._house, self._lobby, request, caller)
            try:
                return await client.line.serve(request, client.hear)
            finally:
                client.close()


async def _ok(_request: web.Request, _caller: Caller) -> web.StreamResponse:
    return web.Response(text="OK")


class _Client:
    """The `Speaker` of one guest, and what its socket hears."""

    def __init__(
        self, house: House, lobby: Lobby, request: web.Request, caller: Caller
    ) -> None:
        self.line = Line()
        self._house = house
        self._lobby = lobby
        self._request = request
        self._caller = caller
        self._guest: Guest | None = None
        self._mid = ""
        self._seen = ""

    def close(self) -> None:
        """The socket is gone."""
        if self._guest is not None:
            self._guest.leave("the client hung up")

    def hear(self, message: Message) -> None:
        """One message; types nobody knows are passed over, as in the original."""
        match message.get("type"):
            case "join-room":
                self._joined(message)
            case "offer":
                self._offered(message)
            case "answer":
                self._joined(message).connection.answered(word(message, "sdp"))
            case "ice-candidate":
                candidate = candidate_in(message.get("candidate"))["candidate"]
                self._joined(message).connection.trickled(str(candidate))
            case str():
                pass
            case _:
                raise DecodeError("message-type", "type must be text")

    def _joined(self, message: Message) -> Guest:
        """Who says it: this socket's guest, and nobody else's."""
        name = word(message, "peerId", PEER_ID_MAX)
        if self._guest is None:
            visit = visit_of(self._house, self._request, self._caller, NAME)
            self._guest = self._lobby.enter(name, self, visit)
        elif self._guest.name != name:
            raise Refused(403, f"this socket is {self._guest.name}, not {name}")
        return self._guest

    def _offered(self, message: Message) -> None:
        guest = self._joined(message)
        answer = guest.offered(word(message, "sdp"))
        if answer is None:
            return
        self.line.say({"type": "answer", "sdp": answer})
        if not self._mid:
            found = _FIRST_MID.search(answer)
            self._mid = found[1] if found else "0"
            for candidate in guest.connection.local_candidates():
                init = self._init(candidate)
                self.line.say({"type": "candidate", "candidate": init})
            self.negotiate()

    def _init(self, candidate: str) -> str:
        return json.dumps(
            {"candidate": candidate, "sdpMid": self._mid or "0", "sdpMLineIndex": 0}
        )

    # -- what the guest has to say -----------------------------------------------------

    def negotiate(self) -> None:
        """An offer of ours, once the client has made one."""
        guest = self._guest
        text = guest.connection.offer() if guest is not None and self._mid else None
        if text is not None:
            self.line.say({"type": "offer", "sdp": text})

    def seen(self, address: tuple[str, int]) -> None:
        """Its address, as it is seen from here."""
        text = str(
            Candidate("1", 1, "udp", PRIORITY, *address[:2], "srflx", _UNRELATED)
        )
        if text != self._seen:
            self._seen = text
            message = {"type": "stun-candidate", "stunCandidate": self._init(text)}
            self.line.say(message)

    def complain(self, status: int, detail: str) -> None:
        """Something is not possible."""
        self.line.complain(status, detail)

    def left(self, reason: str) -> None:
        """The connection is over; the client may offer again on the same socket."""
        self._guest, self._mid, self._seen = None, "", ""
        del reason
