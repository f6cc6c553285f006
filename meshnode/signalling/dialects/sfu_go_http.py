"""The HTTP side of the sfu-go dialect: `/ws`, `/api/rooms`, `/health`.

A room has one id by every door: the name it was made with, where that is an id, else
one that is drawn.  Removing a room takes the admin right where there is a key, else a
caller on this machine.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from meshnode.observe.metrics import CONTENT_TYPE
from meshnode.signalling.access import Gatekeeper, Right
from meshnode.signalling.dialects.sfu_go import SfuGo, stamp
from meshnode.signalling.dialects.sfu_go_metrics import Figures, exposed
from meshnode.signalling.dialects.socket import Socket, SocketLimits
from meshnode.signalling.doorway import Doorway, Endpoint, bearer, read_text
from meshnode.signalling.problems import Refused
from meshnode.signalling.rooms.rooms import Rooms
from meshnode.signalling.rooms.values import Roll, display_name, valid_id
from meshnode.signalling.trust import Caller

BODY_MAX = 4_096


class SfuGoDoor:
    """Handlers of the dialect; `open_rooms`: whoever reaches this door may join."""

    def __init__(
        self,
        rooms: Rooms,
        doorway: Doorway,
        gatekeeper: Gatekeeper,
        limits: SocketLimits,
        welcome: Callable[[], None],
        instance: str,
        *,
        open_rooms: bool,
        metrics: bool = False,
    ) -> None:
        self._received = self._sent = self._connections = 0
        self._sockets: set[Socket] = set()
        self._metrics = metrics
        self._rooms = rooms
        self._doorway = doorway
        self._gatekeeper = gatekeeper
        self._limits = limits
        self._welcome = welcome
        self._instance = instance
        self._open_rooms = open_rooms

    def endpoints(self) -> dict[str, Endpoint]:
        """Path to endpoint."""
        door = self._doorway.door
        metrics = {"/metrics": door({"GET": self.metrics})} if self._metrics else {}
        return metrics | {
            "/ws": door({"GET": self.socket}),
            "/api/rooms": door({"GET": self.list, "POST": self.create}),
            "/api/rooms/{room}": door({"GET": self.look, "DELETE": self.delete}),
            "/health": door({"GET": self.health}),
        }

    # -- the socket --------------------------------------------------------------------

    async def socket(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """A client, for as long as it stays."""
        user = request.query.get("userId", "")
        if not user:
            return await _refuse(request, "Missing userId")
        self._welcome()
        name = request.query.get("name", "")
        key = bearer(request) or _asked(request)
        socket = Socket(self._limits)

        def may_join(room: str, token: str) -> None:
            if not self._open_rooms:
                shown = token or key
                self._gatekeeper.publish(shown, room, time.time(), caller.local)

        client = SfuGo(
            self._rooms,
            socket,
            caller,
            (user, name),
            may_join,
            self._may_command(key, caller),
        )
        self._connections += 1
        self._sockets.add(socket)
        try:
            return await socket.run(request, client.hear, client.complain)
        finally:
            client.gone()
            self._sockets.discard(socket)
            self._received += socket.received
            self._sent += socket.sent

    def _may_command(self, key: str, caller: Caller) -> bool:
        if not self._gatekeeper.has_key:
            return caller.local
        try:
            return Right.ADMIN in self._gatekeeper.admin(key, time.time()).rights
        except Refused:
            return False

    # -- rooms -------------------------------------------------------------------------

    async def list(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """All rooms."""
        found = [described(room.roll()) for room in self._rooms]
        return _json({"rooms": found, "total": len(found)})

    async def create(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Make a room that stays while it is empty."""
        body = _object(await read_text(request, BODY_MAX))
        name = display_name(body.get("name", ""))
        most = body.get("maxPeers", 0)
        if (
            type(most) is not int
            or not 0 <= most <= self._rooms.limits.members_per_room
        ):
            bound = self._rooms.limits.members_per_room
            raise Refused(400, f"maxPeers must be a whole number from 1 to {bound}")
        id_ = _id_for(name)
        if not self._open_rooms:
            self._gatekeeper.publish(bearer(request), id_, time.time(), caller.local)
        if self._rooms.get(id_) is not None:
            raise Refused(409, f"there is a room {id_} already")
        return _json(described(self._rooms.create(id_, name, most).roll()))

    async def look(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """One room."""
        room = self._rooms.get(request.match_info["room"])
        if room is None:
            raise Refused(404, "there is no such room")
        return _json(described(room.roll()))

    async def delete(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Close a room, and remove its members here."""
        if not self._may_command(bearer(request), caller):
            raise Refused(403, "closing a room needs the admin right")
        if not self._rooms.delete(valid_id(request.match_info["room"], "room")):
            raise Refused(404, "there is no such room")
        return web.Response(status=204)

    async def health(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """The state of things; there is no Redis here."""
        return _json(
            {
                "status": "healthy",
                "timestamp": stamp(),
                "instanceId": self._instance,
                "redis": "disabled",
                "rooms": len(self._rooms),
                "peers": sum(len(room.seats) for room in self._rooms),
            }
        )

    async def metrics(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """Figures under sfu-go's names."""
        body = exposed(self.figures())
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    def figures(self) -> Figures:
        """What is counted here."""
        seats = [seat for room in self._rooms for seat in room.seats.values()]
        tokens = self._rooms.tokens
        return Figures(
            sum(bool(room.seats) for room in self._rooms),
            len(seats),
            self._connections,
            self._sent + sum(socket.sent for socket in self._sockets),
            self._received + sum(socket.received for socket in self._sockets),
            tokens.taken,
            tokens.refused.total(),
            self._rooms.octets(),
            sum(seat.gets.loss for seat in seats) / len(seats) if seats else 0.0,
        )


def described(roll: Roll) -> dict[str, object]:
    """A room as the API shows it."""
    return {
        "id": roll.id,
        "name": roll.name,
        "state": roll.state.value,
        "peerCount": len(roll.members),
        "trackCount": roll.tracks,
        "maxPeers": roll.members_max,
        "createdAt": _time(roll.age_s),
        "updatedAt": _time(roll.idle_s),
    }


def _time(ago_s: float) -> str:
    then = datetime.now(UTC) - timedelta(seconds=ago_s)
    return then.isoformat(timespec="seconds").replace("+00:00", "Z")


def _id_for(name: str) -> str:
    try:
        return valid_id(name, "name")
    except Refused:
        return secrets.token_hex(8)


def _object(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text or "{}")
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "the body must be a JSON object")
    return body


def _json(value: object) -> web.Response:
    return web.json_response(value, headers={"Cache-Control": "no-store"})


async def _refuse(request: web.Request, reason: str) -> web.StreamResponse:
    """Open the socket and close it with words: a browser shows nobody a status."""
    socket = web.WebSocketResponse()
    if not socket.can_prepare(request).ok:
        raise Refused(400, f"{reason}: open a WebSocket at /ws?userId=...")
    await socket.prepare(request)
    await socket.close(code=1008, message=reason.encode())
    return socket


def _asked(request: web.Request) -> str:
    """A bearer where a page can put one: a WebSocket has no headers of its own."""
    query = request.query
    return query.get("access_token", "") or query.get("token", "")
