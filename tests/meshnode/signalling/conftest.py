"""A real node on free ports, and a real HTTP client for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from meshnode import Limits, MeshNode, Settings


class Client:
    """A node and a session to talk to it with."""

    def __init__(self, node: MeshNode, http: aiohttp.ClientSession) -> None:
        self.node = node
        self.http = http
        self.base = node.urls["local"].rstrip("/")
        self.admin = node.urls["admin"]

    async def ask(self, method: str, path: str, **more: Any) -> aiohttp.ClientResponse:
        """One request; `path` may be a path or a whole URL.  The body has been read."""
        url = path if path.startswith("http") else f"{self.base}{path}"
        async with self.http.request(
            method, url, allow_redirects=False, **more
        ) as answer:
            await answer.read()
            return answer

    async def publish(
        self, sdp: str, name: str = "demo", **headers: str
    ) -> aiohttp.ClientResponse:
        """POST an offer to the WHIP endpoint."""
        return await self._post("whip", name, sdp, headers)

    async def play(
        self, sdp: str, name: str = "demo", **headers: str
    ) -> aiohttp.ClientResponse:
        """POST an offer to the WHEP endpoint."""
        return await self._post("whep", name, sdp, headers)

    async def _post(
        self, door: str, name: str, sdp: str, headers: dict[str, str]
    ) -> aiohttp.ClientResponse:
        sent = {"Content-Type": "application/sdp", **headers}
        return await self.ask("POST", f"/{door}/{name}", data=sdp, headers=sent)


Start = Callable[..., Awaitable[Client]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a node with these settings; limits are given by name."""
    async with AsyncExitStack() as stack:

        async def begin(limits: dict[str, int] | None = None, **more: Any) -> Client:
            settings = Settings(
                port=0,
                **{"http": "127.0.0.1:0", "admin": "127.0.0.1:0", **more},
                limits=Limits(**(limits or {})),
            )
            node = await stack.enter_async_context(MeshNode(settings))
            timeout = aiohttp.ClientTimeout(total=40)
            http = await stack.enter_async_context(
                aiohttp.ClientSession(timeout=timeout)
            )
            return Client(node, http)

        yield begin


@pytest.fixture
async def client(start: Start) -> Client:
    """A node with default settings."""
    return await start()
