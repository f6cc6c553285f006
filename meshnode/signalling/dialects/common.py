"""What dialects share: who knocks and what it may do, and fields of their messages.

Clients of these dialects know no keys.  What they do know is a URL, and a URL can carry
a token (`?access_token=`, RFC 6750 section 2.3); without one the rules are those of
WHIP: who may publish without a key is this very machine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from aiohttp import web

from meshnode.signalling.access import TOKEN_BYTES_MAX
from meshnode.signalling.buckets import network
from meshnode.signalling.doorway import bearer
from meshnode.signalling.endpoints import House
from meshnode.signalling.lobby import Visit
from meshnode.signalling.problems import Refused
from meshnode.signalling.sessions import Entrant
from meshnode.signalling.trust import Caller
from meshproto.errors import DecodeError

TOKEN_PARAMETER = "access_token"  # noqa: S105 - the name of it
TEXT_MAX = 512 * 1024
CANDIDATE_MAX = 1024


def visit_of(
    house: House,
    request: web.Request,
    caller: Caller,
    stream: str,
    *,
    plays: bool = True,
) -> Visit:
    """What the client may do.  Raises `Refused` where the node takes nobody."""
    house.welcome()
    token = bearer(request) or request.query.get(TOKEN_PARAMETER, "")[:TOKEN_BYTES_MAX]
    try:
        grant = house.gatekeeper.publish(token, stream, time.time(), caller.local)
    except Refused as refused:
        return Visit(Entrant(caller.address, here=caller.here), refused, plays)
    entrant = Entrant(caller.address, grant.owner, caller.here, grant.secret)
    return Visit(entrant, plays=plays)


def charge(house: House, caller: Caller) -> None:
    """A WebSocket costs what a POST costs.  Raises `Refused` (429)."""
    house.doorway.charge(f"address {network(caller.address)}")


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
