"""A socket keeps its bounds: what is too much is refused, and nobody else waits."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from meshnode.signalling import websocket
from meshnode.signalling.problems import Refused
from meshnode.signalling.websocket import FRAME_BYTES_MAX, Message, Socket, parse
from meshproto.errors import DecodeError, LimitError
from support.dialects.sockets import Wire
from support.rtc import until


def complaint(status: int, detail: str) -> Message:
    return {"type": "error", "code": status, "message": detail}


class Served:
    """A server whose sockets hear by `hear`."""

    def __init__(self) -> None:
        self.sockets: list[Socket] = []
        self.heard: list[Message] = []
        self.url = ""
        self.queue_max = 256
        self.over = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        socket = Socket(complaint, queue_max=self.queue_max)
        self.sockets.append(socket)
        try:
            return await socket.serve(request, self.hear)
        finally:
            self.over += 1

    async def hear(self, message: Message) -> None:
        self.heard.append(message)
        match message.get("type"):
            case "refuse":
                raise Refused(409, "not now")
            case "full":
                raise LimitError("things", 3)
            case "break":
                raise RuntimeError("a bug")
            case "much":
                for _ in range(40):
                    self.sockets[-1].say({"type": "blob", "data": "x" * 100_000})


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
        parse(text)


async def test_mistakes_are_told_and_the_socket_goes_on(served: Served) -> None:
    async with Wire(served.url) as wire:
        for bad in ("no json", "[]", b"octets"):
            await wire.say_text(bad)
        for kind in ("refuse", "full", "break"):
            await wire.say(type=kind)
        await wire.heard("error", 6)
        codes = [message["code"] for message in wire.of("error")]
        assert codes == [400, 400, 400, 409, 503, 500]
        assert "limit things=3" in wire.of("error")[4]["message"]
        assert "bug" not in wire.of("error")[5]["message"]
        await wire.say(type="fine")
        await until(lambda: served.heard[-1] == {"type": "fine"}, "the last message")


async def test_a_flood_is_refused_and_then_hung_up(served: Served) -> None:
    async with Wire(served.url) as wire:
        text = json.dumps({"type": "flood"})
        for _ in range(websocket.BURST + websocket.FLOOD_MAX + 60):
            try:
                await wire.say_text(text)
            except ConnectionError:
                break
        await until(lambda: wire.over, "hung up")
        assert {m["code"] for m in wire.of("error")} == {429}
        assert wire.close_code == 1008
    assert len(served.heard) < 2 * websocket.BURST


async def test_a_frame_too_large_ends_the_socket(served: Served) -> None:
    async with Wire(served.url) as wire:
        await wire.say_text(json.dumps({"type": "x" * FRAME_BYTES_MAX}))
        await until(lambda: wire.over, "hung up")
        assert wire.close_code == 1009
    assert served.heard == []


async def test_who_does_not_read_is_hung_up_and_others_do_not_wait(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.queue_max = 32
    reader, writer = await _raw_socket(served.url)
    await until(lambda: len(served.sockets) == 1, "the slow one")
    slow = served.sockets[0]
    async with Wire(served.url) as other:
        began = asyncio.get_running_loop().time()
        for _ in range(200):
            slow.say({"type": "blob", "data": "x" * 100_000})
        await other.say(type="fine")
        await until(lambda: served.heard == [{"type": "fine"}], "the other one")
        assert asyncio.get_running_loop().time() - began < 5
        await until(lambda: served.over == 1, "the slow one is over")
    writer.close()
    assert reader is not None


async def test_what_was_said_last_arrives_before_the_end(served: Served) -> None:
    async with Wire(served.url) as wire:
        await until(lambda: served.sockets, "the socket")
        served.sockets[0].say({"type": "last"})
        served.sockets[0].end(1000, "done")
        served.sockets[0].end(1011, "only the first end counts")
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
