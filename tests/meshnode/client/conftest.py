"""A WHIP and WHEP server in few lines of aiortc: somebody else's end."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from meshnode.client.pace import Pacer
from meshnode.client.peer import Peer
from meshnode.client.synthetic import TestToneTrack, TestVideoTrack

Handler = Callable[[web.Request], Awaitable[web.Response]]
Serve = Callable[[Handler], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """A web server with one handler for every path; its WHIP address."""
    servers: list[TestServer] = []

    async def start(handler: Handler) -> str:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handler)
        server = TestServer(app)
        servers.append(server)
        await server.start_server()
        return str(server.make_url("/whip/demo"))

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@dataclass
class Counterpart:
    """What the server saw.

    `refuse` answers the next POSTs instead of a session; `corrupt` names media ports
    where nobody listens.
    """

    url: str = ""
    received: list[tuple[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    refuse: list[web.Response] = field(default_factory=list)
    corrupt: bool = False
    peers: list[RTCPeerConnection] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def post(self, request: web.Request) -> web.Response:
        self.headers.append(dict(request.headers))
        if self.refuse:
            return self.refuse.pop(0)
        lender = Peer(loopback=True)  # for its loopback candidates
        peer = lender.connection
        self.peers.append(peer)
        peer.on("track", self._count)
        offer = RTCSessionDescription(await request.text(), "offer")
        await peer.setRemoteDescription(offer)
        if request.match_info["door"] == "whep":
            pacer = Pacer()
            peer.addTrack(TestVideoTrack(pacer, 320, 180, 25))
            peer.addTrack(TestToneTrack(pacer))
        await peer.setLocalDescription(await peer.createAnswer())
        await lender._gather_loopback()
        number = len(self.peers)
        answer = peer.localDescription.sdp
        if self.corrupt:
            answer = re.sub(
                r"(a=candidate:.*udp \d+) \S+ \d+", r"\1 127.0.0.1 9", answer
            )
            answer = answer.replace("a=ice-ufrag:", "a=ice-ufrag:no")
        return web.Response(
            status=201,
            text=answer,
            content_type="application/sdp",
            headers={"Location": f"/session/{number}"},
        )

    async def delete(self, request: web.Request) -> web.Response:
        self.deleted.append(request.path)
        await self.peers[int(request.match_info["number"]) - 1].close()
        return web.Response()

    def _count(self, track: Any) -> None:
        task = asyncio.create_task(self._drain(track))
        self.tasks.add(task)

    async def _drain(self, track: Any) -> None:
        try:
            while True:
                self.received.append((track.kind, await track.recv()))
        except MediaStreamError:
            return


@pytest.fixture
async def counterpart() -> AsyncIterator[Counterpart]:
    made = Counterpart()
    app = web.Application()
    app.router.add_post("/{door}/{stream}", made.post)
    app.router.add_delete("/session/{number}", made.delete)
    server = TestServer(app)
    await server.start_server()
    made.url = str(server.make_url("")).rstrip("/")
    yield made
    for peer in made.peers:
        await peer.close()
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    await server.close()
