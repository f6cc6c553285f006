"""The WebSocket under rooms: bounded both ways, and closed with words."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from meshnode.signalling.dialects.socket import Socket, SocketLimits, parse_object
from meshproto.errors import DecodeError
from support.rtc import until


class Door:
    """A server of one path; it answers nothing by itself."""

    def __init__(self, limits: SocketLimits) -> None:
        self.limits = limits
        self.heard: list[dict[str, Any]] = []
        self.complaints: list[tuple[int, str]] = []
        self.sockets: list[Socket] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = Socket(self.limits)
        self.sockets.append(socket)
        return await socket.run(
            request, self.heard.append, lambda *c: self.complaints.append(c)
        )


@pytest.fixture
async def door() -> Door:
    # a rate that gives nothing back while a busy machine sends a few messages
    limits = SocketLimits(frame_bytes=2_000, queue=8, per_s=0.01, burst=3, refused=5)
    return Door(limits)


@pytest.fixture
async def opened(door: Door) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    app = web.Application()
    app.router.add_get("/", door.serve)
    async with TestClient(TestServer(app)) as client, client.ws_connect("/") as socket:
        yield socket


async def test_messages_arrive_in_order_and_as_objects(door, opened) -> None:
    for number in range(3):
        await opened.send_json({"number": number})
    await until(lambda: len(door.heard) == 3, "three")
    assert door.heard == [{"number": n} for n in range(3)]
    for number in range(5):
        door.sockets[0].send({"number": number})
    assert [await opened.receive_json() for _ in range(5)] == [
        {"number": n} for n in range(5)
    ]
    assert (door.sockets[0].received, door.sockets[0].sent) == (3, 5)


async def test_who_does_not_keep_up_is_closed_and_nothing_waits_for_it(
    door, opened
) -> None:
    await opened.send_json({})
    await until(lambda: door.heard, "open")
    for number in range(1_000):  # at once: nobody could have read any of it
        door.sockets[0].send({"number": number})
    seen = 0
    while (frame := await opened.receive(20)).type is aiohttp.WSMsgType.TEXT:
        seen += 1
    assert seen < 8
    assert frame.type is aiohttp.WSMsgType.CLOSE
    assert frame.extra == "too slow"


async def test_too_many_messages_are_refused_and_end_it_at_last(door, opened) -> None:
    for _ in range(9):
        await opened.send_json({})
    await until(lambda: len(door.complaints) == 6, "refused")
    assert len(door.heard) == 3
    assert {code for code, _ in door.complaints} == {429}
    frame = await opened.receive(20)
    assert frame.extra == "too many messages"


async def test_binary_and_broken_messages_are_complained_about(door, opened) -> None:
    await opened.send_bytes(b"\x00")
    await opened.send_str("[1]")
    await opened.send_str("{" * 500)
    await until(lambda: len(door.complaints) == 3, "all three")
    assert {code for code, _ in door.complaints} == {400}


async def test_a_frame_beyond_the_bound_ends_it(door, opened) -> None:
    await opened.send_str("x" * 3_000)
    assert (await opened.receive(20)).type is aiohttp.WSMsgType.CLOSE
    assert not door.heard


@given(st.text(max_size=200))
def test_any_text_is_an_object_or_refused(text: str) -> None:
    with contextlib.suppress(DecodeError):
        assert isinstance(parse_object(text), dict)
