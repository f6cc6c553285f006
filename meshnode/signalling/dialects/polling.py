"""The signalling of the Pion demo: HTTP alone, and the client asks every second.

    POST /offer                  {type, sdp} -> {"sdp": {type, sdp}, "peer_id": ...}
    GET  /renegotiate/{peer_id}  200 our offer, 204 when there is none for two seconds
    POST /answer/{peer_id}       {type, sdp} -> 200
    POST /answer                 the same with "peer_id" in the body or the query

A peer is found by an id that nobody can guess, and that nobody else is told: what the
peer sends has another name, for streams are listed and their names go to all.  Our
offer is written when the peer asks for it, of what there is at that moment, so a peer
that stops asking holds up nobody and nothing queues for it; after a while of that it is
forgotten.  An offer whose answer is outstanding is handed out again, since the response
may have been lost on its way.
"""

from __future__ import annotations

import asyncio
import secrets

from aiohttp import web

from meshnode.signalling.dialects.common import TEXT_MAX, description, visit_of
from meshnode.signalling.dialects.socket import parse_object
from meshnode.signalling.doorway import Endpoint, read_text
from meshnode.signalling.endpoints import House
from meshnode.signalling.lobby import Guest, Lobby
from meshnode.signalling.problems import Refused
from meshnode.signalling.trust import Caller
from meshproto.errors import MeshError

NAME = "polling"
WAIT_S = 2.0
SILENCE_S = 60.0
"""A peer that has not asked for so long is forgotten; clients ask every second."""
REPEATS_MAX = 5
"""How often an offer is handed out whose answer never comes."""
ID_BYTES = 18
NAME_BYTES = 6


class Polling:
    """The routes of the dialect, on the public listener."""

    def __init__(self, house: House, lobby: Lobby) -> None:
        self._house = house
        self._lobby = lobby
        self._peers: dict[str, _Peer] = {}

    def endpoints(self) -> dict[str, Endpoint]:
        """Path to endpoint."""
        door = self._house.doorway.door
        return {
            "/offer": door({"POST": self.offer}),
            "/renegotiate/{peer}": door({"GET": self.renegotiate}),
            "/answer/{peer}": door({"POST": self.answer}),
            "/answer": door({"POST": self.answer}),
        }

    async def offer(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """A new peer; nothing of it is made before its body was understood."""
        text = description(await self._body(request), "offer")
        peer_id = f"peer-{secrets.token_urlsafe(ID_BYTES)}"
        name = secrets.token_hex(NAME_BYTES)
        visit = visit_of(self._house, request, caller, NAME)
        peer = _Peer(self._peers, peer_id)
        peer.guest = self._lobby.enter(name, peer, visit)
        try:
            answer = peer.guest.offered(text)
        except MeshError:
            peer.guest.leave("its offer was refused")
            raise
        self._peers[peer_id] = peer
        peer.asked()
        told = {"sdp": {"type": "answer", "sdp": answer}, "peer_id": peer_id}
        return web.json_response(told, headers={"Cache-Control": "no-store"})

    async def renegotiate(
        self, request: web.Request, _caller: Caller
    ) -> web.StreamResponse:
        """Our offer, as soon as there is one."""
        peer = self._peer(request.match_info["peer"])
        text = await peer.next_offer()
        headers = {"Cache-Control": "no-store"}
        if text is None:
            return web.Response(status=204, headers=headers)
        return web.json_response({"type": "offer", "sdp": text}, headers=headers)

    async def answer(self, request: web.Request, _caller: Caller) -> web.StreamResponse:
        """Its answer to our offer."""
        body = await self._body(request)
        named = request.match_info.get("peer") or request.query.get("peer_id")
        peer = self._peer(str(named or body.get("peer_id", "")))
        # why two shapes: with the id beside it, the description is in a field
        inner = body.get("sdp")
        peer.answered(description(inner if isinstance(inner, dict) else body, "answer"))
        return web.Response()

    def _peer(self, peer_id: str) -> _Peer:
        peer = self._peers.get(peer_id)
        if peer is None:
            raise Refused(404, "there is no such peer; POST an offer to /offer")
        return peer

    async def _body(self, request: web.Request) -> dict[str, object]:
        """The body as an object, whatever type it says it is, as in the original."""
        return parse_object(await read_text(request, TEXT_MAX))


class _Peer:
    """The `Speaker` of one guest: it has to be asked."""

    guest: Guest

    def __init__(self, peers: dict[str, _Peer], peer_id: str) -> None:
        self._peers = peers
        self._peer_id = peer_id
        self._wake = asyncio.Event()
        self._polls = 0
        self._sent: str | None = None
        self._repeats = 0
        self._timer: asyncio.TimerHandle | None = None

    def asked(self) -> None:
        """It is still there."""
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(SILENCE_S, self.guest.leave, "it stopped asking")

    async def next_offer(self) -> str | None:
        """An offer, None where there is none for a while or somebody asked anew."""
        self.asked()
        self._polls += 1
        mine = self._polls
        self._wake.set()  # who waits already, waits for nothing: the newest gets it
        await asyncio.sleep(0)
        with_in = asyncio.get_running_loop().time() + WAIT_S
        while mine == self._polls and (text := self._offer()) is None:
            self._wake.clear()
            try:
                async with asyncio.timeout_at(with_in):
                    await self._wake.wait()
            except TimeoutError:
                return None
        return text if mine == self._polls else None

    def _offer(self) -> str | None:
        connection = self.guest.connection
        if not connection.busy:
            self._sent, self._repeats = connection.offer(), 0
            return self._sent
        self._repeats += 1
        if self._repeats > REPEATS_MAX:
            connection.give_up()
            return None
        return self._sent

    def answered(self, text: str) -> None:
        """Its answer.  Raises `Refused` (409) where nothing was asked."""
        self.asked()
        if not self.guest.connection.busy:
            raise Refused(409, "there is no offer that waits for an answer")
        self.guest.connection.answered(text)

    # -- what the guest has to say -----------------------------------------------------

    def negotiate(self) -> None:
        """There will be an offer for who asks."""
        self._wake.set()

    def seen(self, address: tuple[str, int]) -> None:
        """There is no word for it in this dialect."""

    def complain(self, status: int, detail: str) -> None:
        """Nor for this: what could be told was told by statuses."""

    def left(self, reason: str) -> None:
        """The peer is gone; its id is nobody's."""
        if self._timer is not None:
            self._timer.cancel()
        self._peers.pop(self._peer_id, None)
        self._wake.set()
        del reason
