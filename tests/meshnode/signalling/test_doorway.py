"""What every request passes, and how what a handler raises is answered."""

from __future__ import annotations

import asyncio
import json
import logging

import aiohttp
import pytest
from aiohttp import web

from meshnode.config import Endpoint
from meshnode.node.listeners import Listener
from meshnode.signalling import doorway as doors
from meshnode.signalling.doorway import Doorway, read_text
from meshnode.signalling.problems import Refused
from meshnode.signalling.routes import application
from meshnode.signalling.trust import Trust
from meshproto.errors import DecodeError, LimitError, StateError


@pytest.fixture
async def serve():
    listeners = []

    async def begin(handler) -> str:
        doorway = Doorway(Trust("127.0.0.1"), 240)
        app = application(doorway, {"/x": doorway.door({"POST": handler})})
        listener = Listener("--http", Endpoint("127.0.0.1", 0), app)
        await listener.open()
        listeners.append(listener)
        return f"http://127.0.0.1:{listener.port}/x"

    yield begin
    for listener in listeners:
        await listener.close()


async def answer_to(url: str, **more):
    async with aiohttp.ClientSession() as http, http.post(url, **more) as answer:
        assert answer.content_type == "application/problem+json"
        return answer.status, json.loads(await answer.text()), answer.headers


@pytest.mark.parametrize(
    ("error", "status", "members"),
    [
        (Refused(418, "no coffee", members={"pot": 1}), 418, {"pot": 1}),
        (DecodeError("sdp-line", "line 12: odd"), 400, {"line": 12}),
        (DecodeError("sdp-line", "odd"), 400, {"reason": "sdp-line"}),
        (DecodeError("sdp-refused-codec", "none"), 422, {}),
        (LimitError("streams", 3), 503, {"limit": "streams", "maximum": 3}),
    ],
)
async def test_what_is_raised_becomes_a_problem(serve, error, status, members) -> None:
    async def handler(_request, _caller):
        raise error

    found, problem, headers = await answer_to(await serve(handler))
    assert found == problem["status"] == status
    assert members.items() <= problem.items()
    assert ("Retry-After" in headers) == (status == 503)


@pytest.mark.parametrize("error", [StateError("secret"), ValueError("secret")])
async def test_what_nobody_foresaw_is_500_logged_and_not_told(
    serve, error, caplog
) -> None:
    async def handler(_request, _caller):
        raise error

    caplog.set_level(logging.ERROR)
    status, problem, _ = await answer_to(await serve(handler))
    assert status == 500
    assert "secret" not in json.dumps(problem)
    assert len(caplog.records) == 1


async def test_a_body_that_does_not_come_is_408(serve, monkeypatch) -> None:
    monkeypatch.setattr(doors, "BODY_TIMEOUT_S", 0.1)

    async def handler(request, _caller):
        return web.Response(text=await read_text(request, 100))

    async def slow():
        yield b"begun"
        await asyncio.sleep(1)
        yield b"too late"

    status, _, _ = await answer_to(await serve(handler), data=slow())
    assert status == 408
