"""What dialects share: who knocks and what it may do, and fields of their messages.

Clients of these dialects know no keys.  What they do know is a URL, and a URL can carry
a token (`?access_token=`, RFC 6750 section 2.3); without one the rules are those of
WHIP: who may publish without a key is this very machine.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from aiohttp import web

from meshnode.signalling.access import TOKEN_BYTES_MAX
from meshnode.signalling.buckets import network
from meshnode.signalling.dialects.socket import Socket, SocketLimits
from meshnode.signalling.doorway import bearer
from meshnode.signalling.endpoints import House
from meshnode.signalling.lobby import Visit
from meshnode.signalling.problems import Refused, full, malformed
from meshnode.signalling.sessions import Entrant
from meshnode.signalling.trust import Caller
from meshproto.errors import DecodeError, LimitError

TOKEN_PARAMETER = "access_token"  # noqa: S105 - the name of it
TEXT_MAX = 512 * 1024
CANDIDATE_MAX = 1024
SOCKETS_PER_PEER = 2
"""Sockets may be open that nobody has joined by, as many as there may be guests."""
_log = logging.getLogger("meshnode.http")

Message = Mapping[str, Any]
Hear = Callable[[Message], None]


def visit_of(
    house: House,
    request: web.Request,
    caller: Caller,
    room: str,
    *,
    plays: bool = True,
) -> Visit:
    """What the client may do.  Raises `Refused` where the node takes nobody."""
    house.welcome()
    token = bearer(request) or request.query.get(TOKEN_PARAMETER, "")[:TOKEN_BYTES_MAX]
    try:
        grant = house.gatekeeper.publish(token, room, time.time(), caller.local)
    except Refused as refused:
        return Visit(Entrant(caller.address, here=caller.here), refused, plays)
    entrant = Entrant(caller.address, grant.owner, caller.here, grant.secret)
    return Visit(entrant, plays=plays)


class Sockets:
    """The open sockets of one dialect; `peers`: how many guests there may be."""

    def __init__(self, house: House, peers: int) -> None:
        self._house = house
        self._peers = peers
        self._open = 0

    @contextlib.contextmanager
    def one(self, caller: Caller) -> Iterator[None]:
        """Hold one; it costs what a POST costs.

        Raises `Refused` (429) where the caller asks too often, `LimitError` at the
        bound.
        """
        self._house.doorway.charge(f"address {network(caller.address)}")
        if self._open >= SOCKETS_PER_PEER * self._peers:
            raise LimitError("members_per_room", self._peers)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1


class Line:
    """One client's socket, by which mistakes are told as `{type: "error", ...}`."""

    def __init__(self) -> None:
        self._socket = Socket(SocketLimits())

    def say(self, message: Message) -> None:
        """One message to the client."""
        self._socket.send(message)

    def complain(self, status: int, detail: str) -> None:
        """What is wrong, by a status of HTTP and a sentence."""
        self.say({"type": "error", "code": status, "message": detail})

    async def serve(self, request: web.Request, hear: Hear) -> web.StreamResponse:
        """Hear message after message until either side hangs up."""

        def judged(message: Message) -> None:
            refused = _refusal(hear, message)
            if refused is not None:
                self.complain(refused.status, refused.detail)

        return await self._socket.run(request, judged, self.complain)


def _refusal(hear: Hear, message: Message) -> Refused | None:
    """What `hear` says to a message, None where it is fine with it."""
    try:
        hear(message)
    except Refused as refused:
        return refused
    except DecodeError as error:
        return malformed(error)
    except LimitError as error:
        return full(error)
    except Exception:
        _log.exception("unforeseen error in a dialect")
        return Refused(500, "this node failed; its log says more")
    return None


def word(message: Mapping[str, object], name: str, maximum: int = TEXT_MAX) -> str:
    """A field that must be text.  Raises `DecodeError`."""
    value = message.get(name)
    if not isinstance(value, str) or not value:
        raise DecodeError(f"message-{name}", f"{name} must be text and not empty")
    if len(value) > maximum:
        raise DecodeError(f"message-{name}", f"{name} is longer than {maximum}")
    return value


def description(value: object, kind: str) -> str:
    """The text of a description as browsers write it, `{type, sdp}`, of that type."""
    if not isinstance(value, dict) or value.get("type") != kind:
        raise DecodeError("message-sdp", f"sdp must be an object of type {kind!r}")
    return word(value, "sdp")


def candidate_in(value: object) -> dict[str, object]:
    """An `RTCIceCandidateInit`, also as a JSON text of one: what of it has a meaning.

    `candidate` is always there, "" for the end of candidates.
    """
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise DecodeError("message-candidate", "candidate is not JSON") from None
    given = {"candidate": ""} if value is None else value
    if not isinstance(given, dict):
        raise DecodeError("message-candidate", "candidate must be an object")
    found = {name: given.get(name) for name in _INIT if given.get(name) is not None}
    for name, field in found.items():
        if not isinstance(field, _INIT[name]) or len(str(field)) > CANDIDATE_MAX:
            raise DecodeError("message-candidate", f"{name} is not what it should be")
    return {"candidate": "", **found}


_INIT: dict[str, type] = {
    "candidate": str,
    "sdpMid": str,
    "sdpMLineIndex": int,
    "usernameFragment": str,
}
