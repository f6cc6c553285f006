"""The two endpoints: WHIP takes publishers (RFC 9725), WHEP takes players.

An endpoint answers an offer with 201, our answer, and three headers a client lives by:
Location (an absolute path without a query, since OBS keeps only the path), ETag, and
Link for what else the session can do.  Everything that can fail has failed before the
201: clients are told at once, and in words, what stands against them.

WHEP has a second way.  A player may leave the offer to us by posting none, or one that
has no section for us; it then gets 406 with our offer, and PATCHes its answer to the
Location (draft-ietf-wish-whep section 4.3).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from meshnode.observe.health import Health
from meshnode.signalling.access import Gatekeeper
from meshnode.signalling.calls import Calls
from meshnode.signalling.doorway import (
    Doorway,
    Handler,
    bearer,
    read_text,
    require_type,
)
from meshnode.signalling.entrance import Onward
from meshnode.signalling.extensions import EVENT_TYPES
from meshnode.signalling.problems import Refused
from meshnode.signalling.resource import FRAGMENT, SDP
from meshnode.signalling.seam import Elsewhere
from meshnode.signalling.sessions import Entrant, Pending, Session
from meshnode.signalling.stream import stream_name
from meshnode.signalling.trust import Caller
from meshproto.errors import DecodeError, LimitError, MeshError
from meshproto.ids import StreamName

_EXTENSION = "urn:ietf:params:whep:ext:core"
DRAIN_RETRY_S = 10
_OURS_TO_OFFER = frozenset(
    {"sdp-refused-nothing", "sdp-refused-empty", "sdp-refused-direction"}
)


@dataclass(frozen=True, slots=True)
class House:
    """What both endpoints share."""

    calls: Calls
    doorway: Doorway
    gatekeeper: Gatekeeper
    health: Health
    sdp_bytes: int
    elsewhere: Elsewhere | None = None
    find_onward: Callable[[], Onward | None] = lambda: None
    serves_clients: bool = True

    def welcome(self) -> None:
        """Raise `Refused` (503, 403) unless the node takes new sessions."""
        if not self.serves_clients:
            raise Refused(403, "this node relays for other nodes and serves no clients")
        if not self.health.ready:
            raise Refused(
                503,
                f"this node is {self.health.phase.value} and takes no new sessions",
                retry_after_s=DRAIN_RETRY_S,
            )


class WhipEndpoint:
    """Handlers of `/whip/{stream}`."""

    def __init__(self, house: House) -> None:
        self._house = house

    def methods(self) -> dict[str, Handler]:
        """What the endpoint answers to."""
        return {"POST": self.post, "GET": _nothing, "HEAD": _nothing}

    async def post(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Publish: an offer for an answer."""
        house = self._house
        house.welcome()
        name = stream_name(request.match_info["stream"])
        grant = house.gatekeeper.publish(
            bearer(request), name, time.time(), caller.local
        )
        if grant.owner:
            house.doorway.charge(f"key {grant.owner}")
        require_type(request, SDP)
        text = await read_text(request, house.sdp_bytes)
        entrant = Entrant(caller.address, grant.owner, caller.here, grant.secret)
        if house.elsewhere is not None:
            house.elsewhere.arriving(name, grant.owner, grant.secret)
        return created(request, house.calls.publish(name, text, entrant))


class WhepEndpoint:
    """Handlers of `/whep/{stream}`."""

    def __init__(self, house: House) -> None:
        self._house = house

    def methods(self) -> dict[str, Handler]:
        """What the endpoint answers to."""
        return {"POST": self.post, "GET": _nothing, "HEAD": self.head}

    async def head(self, _request: web.Request, _caller: Caller) -> web.StreamResponse:
        """How generic players tell a WHEP URL from a page."""
        return web.Response(content_type=SDP)

    async def post(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Play: an offer for an answer, or ours for the player to answer; 307 to
        another node where this one is full or drains.
        """
        house = self._house
        name = stream_name(request.match_info["stream"])
        onward = house.find_onward()
        was_sent = onward is not None and onward.arrived(request, name)
        try:
            return await self._play(request, caller, name)
        except (LimitError, Refused) as error:
            url = None
            if onward is not None and not was_sent and _may_go_on(error):
                url = onward.url(name, caller.address)
            if url is None:
                raise
            return web.Response(
                status=307, headers={"Location": url, "Cache-Control": "no-store"}
            )

    async def _play(
        self, request: web.Request, caller: Caller, name: StreamName
    ) -> web.StreamResponse:
        house = self._house
        house.welcome()
        require_type(request, SDP)
        text = await read_text(request, house.sdp_bytes)
        entrant = Entrant(caller.address, here=caller.here)
        if house.elsewhere is not None:
            gate = house.calls.streams.gate
            gate.stream(name)
            gate.viewer(house.calls.streams.get(name))
            await house.elsewhere.bring(name)
        try:
            if text.strip():
                return created(request, house.calls.play(name, text, entrant))
        except DecodeError as error:
            if error.reason not in _OURS_TO_OFFER:
                raise
        return created(request, house.calls.counter_offer(name, entrant), status=406)


def _may_go_on(error: MeshError) -> bool:
    """Whether another node could help; a caller that has too many cannot be helped."""
    if isinstance(error, LimitError):
        return error.limit != "sessions_per_address"
    return isinstance(error, Refused) and error.status == 503


async def _nothing(_request: web.Request, _caller: Caller) -> web.StreamResponse:
    """An endpoint is there, and has nothing to show (RFC 9725 section 4.2)."""
    return web.Response(status=204)


def created(
    request: web.Request, session: Session | Pending, *, status: int = 201
) -> web.Response:
    """The answer (or our offer), where the session lives, and what it can do."""
    base = request.rel_url.raw_path.rpartition(f"/{session.door.value}/")[0]
    location = f"{base}{session.path}"
    response = web.Response(
        status=status,
        # as bytes: with a text, aiohttp adds a charset, which strict clients refuse
        body=session.description.encode(),
        content_type=SDP,
        headers={
            "Location": location,
            "ETag": session.etag,
            "Accept-Patch": FRAGMENT if status == 201 else SDP,
            "Cache-Control": "no-store",
        },
    )
    if session.door.value == "whep":
        types = ",".join(EVENT_TYPES)
        response.headers.add(
            "Link",
            f'<{location}/events>; rel="{_EXTENSION}:server-sent-events"; '
            f'events="{types}"',
        )
        response.headers.add("Link", f'<{location}/layer>; rel="{_EXTENSION}:layer"')
    return response
