"""What the UPnP library may fetch through us: the gateway's own pages, and no more."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from async_upnp_client.const import HttpRequest
from async_upnp_client.exceptions import UpnpCommunicationError

from meshnode.control.mapping.requester import (
    ANSWER_OCTETS_MAX,
    REQUESTS_MAX,
    GatewayRequester,
)


async def _short(request: web.Request) -> web.Response:
    return web.Response(text="yes", headers={"X-Kept": "1"})


async def _long(request: web.Request) -> web.Response:
    return web.Response(body=bytes(ANSWER_OCTETS_MAX + 1))


async def _away(request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/short"})


@contextlib.asynccontextmanager
async def gateway() -> AsyncIterator[str]:
    app = web.Application()
    app.add_routes(
        [web.get("/short", _short), web.get("/long", _long), web.get("/away", _away)]
    )
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def get(url: str) -> HttpRequest:
    return HttpRequest("GET", url, {}, None)


async def test_a_page_of_the_gateway_is_fetched() -> None:
    async with gateway() as url:
        answer = await GatewayRequester("127.0.0.1").async_http_request(
            get(f"{url}/short")
        )
    assert (answer.status_code, answer.body) == (200, "yes")
    assert answer.headers["X-Kept"] == "1"


async def test_another_machine_is_not_asked() -> None:
    async with gateway() as url:
        requester = GatewayRequester("192.0.2.1")
        with pytest.raises(UpnpCommunicationError, match="another machine"):
            await requester.async_http_request(get(f"{url}/short"))


async def test_a_redirection_is_an_answer_and_not_followed() -> None:
    async with gateway() as url:
        answer = await GatewayRequester("127.0.0.1").async_http_request(
            get(f"{url}/away")
        )
    assert answer.status_code == 302


async def test_an_answer_without_end_is_cut_off() -> None:
    async with gateway() as url:
        requester = GatewayRequester("127.0.0.1")
        with pytest.raises(UpnpCommunicationError, match="too long"):
            await requester.async_http_request(get(f"{url}/long"))


async def test_the_number_of_requests_is_bounded() -> None:
    async with gateway() as url:
        requester = GatewayRequester("127.0.0.1")
        for _ in range(REQUESTS_MAX):
            await requester.async_http_request(get(f"{url}/short"))
        with pytest.raises(UpnpCommunicationError, match="too many"):
            await requester.async_http_request(get(f"{url}/short"))


async def test_nobody_there_is_said() -> None:
    requester = GatewayRequester("127.0.0.1")
    with pytest.raises(UpnpCommunicationError, match="does not answer"):
        await requester.async_http_request(get("http://127.0.0.1:9/"))
