"""A socket keeps its bounds: what is too much is refused, and nobody else waits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import WSCloseCode, web
from aiohttp.test_utils import TestServer

from meshnode.signalling.dialects.socket import Socket, SocketLimits, parse_object
from meshproto.errors import DecodeError
from support.dialects.sockets import Wire
from support.rtc import until

LIMITS = SocketLimits(write_s=2.0)


class Served:
    """A server that keeps what its sockets hear."""

    def __init__(self) -> None:
        self.sockets: list[Socket] = []
        self.heard: list[dict[str, Any]] = []
        self.url = ""
        self.limits = LIMITS
        self.over = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        socket = Socket(self.limits)
        self.sockets.append(socket)

        def complain(code: int, text: str) -> None:
            socket.send({"type": "error", "code": code, "message": text})

        try:
            return await socket.run(request, self.heard.append, complain)
        finally:
            self.over += 1


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    server = Served()
    app = web.Application()
    app.router.add_get("/", server.handle)
    async with TestServer(app) as running:
        server.url = str(running.make_url("/"))
        yield server


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"', "NaN", "[" * 100_000])
def test_what_is_no_object_is_malformed(text: str) -> None:
    with pytest.raises(DecodeError):
        parse_object(text)


async def test_mistakes_are_told_and_the_socket_goes_on(served: Served) -> None:
    async with Wire(served.url) as wire:
        for bad in ("no json", "[]", b"octets"):
            await wire.say_text(bad)
        await wire.heard("error", 3)
        assert [message["code"] for message in wire.of("error")] == [400] * 3
        await wire.say(type="fine")
        await until(lambda: served.heard == [{"type": "fine"}], "the last message")


async def test_a_flood_is_refused_and_then_hung_up(served: Served) -> None:
    served.limits = SocketLimits(refused=50)
    async with Wire(served.url) as wire:
        text = json.dumps({"type": "flood"})
        for _ in range(200):
            try:
                await wire.say_text(text)
            except ConnectionError:
                break
        await until(lambda: wire.over, "hung up")
        assert {m["code"] for m in wire.of("error")} == {429}
        assert wire.close_code == 1008
    assert LIMITS.burst <= len(served.heard) < 3 * LIMITS.burst


async def test_a_frame_too_large_ends_the_socket(served: Served) -> None:
    async with Wire(served.url) as wire:
        await wire.say_text(json.dumps({"type": "x" * LIMITS.frame_bytes}))
        await until(lambda: wire.over, "hung up")
        assert wire.close_code == 1009
    assert served.heard == []


async def test_who_does_not_read_is_hung_up_and_others_do_not_wait(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.limits = SocketLimits(queue=32, write_s=2.0)
    reader, writer = await _raw_socket(served.url)
    await until(lambda: len(served.sockets) == 1, "the slow one")
    slow = served.sockets[0]
    async with Wire(served.url) as other:
        began = asyncio.get_running_loop().time()
        for _ in range(200):
            slow.send({"type": "blob", "data": "x" * 100_000})
        await other.say(type="fine")
        await until(lambda: served.heard == [{"type": "fine"}], "the other one")
        assert asyncio.get_running_loop().time() - began < 5
        await until(lambda: served.over == 1, "the slow one is over")
    writer.close()
    assert reader is not None


async def test_what_was_said_last_arrives_before_the_end(served: Served) -> None:
    async with Wire(served.url) as wire:
        await until(lambda: served.sockets, "the socket")
        served.sockets[0].send({"type": "last"})
        served.sockets[0].end("done")
        served.sockets[0].end("only the first end counts", WSCloseCode.GOING_AWAY)
        await wire.heard("last")
        await until(lambda: wire.over, "hung up")
        assert wire.close_code == 1000


async def _raw_socket(url: str) -> tuple[asyncio.StreamReader, Any]:
    """A client that shakes hands and then never reads."""
    host, port = url.removeprefix("http://").rstrip("/").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n"
    )
    await writer.drain()
    return reader, writer
