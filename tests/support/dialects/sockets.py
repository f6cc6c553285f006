"""A WebSocket client that keeps what it hears."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

import aiohttp

from support.rtc import until


class Wire:
    """One socket; messages are kept by type as they come."""

    def __init__(self, url: str, **headers: str) -> None:
        self.url = url
        self.messages: list[dict[str, Any]] = []
        self.over = False
        self.close_code: int | None = None
        self._headers = headers
        self._http = aiohttp.ClientSession()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def connect(self) -> None:
        """Open it; raises `aiohttp.WSServerHandshakeError` where it is refused."""
        self._socket = await self._http.ws_connect(
            self.url, headers=self._headers, max_msg_size=1 << 21
        )
        self._reading = asyncio.create_task(self._read(self._socket))

    async def say(self, **message: Any) -> None:
        """One message."""
        await self.say_text(json.dumps(message))

    async def say_text(self, text: str | bytes) -> None:
        """Anything at all."""
        assert self._socket is not None
        if isinstance(text, str):
            await self._socket.send_str(text)
        else:
            await self._socket.send_bytes(text)

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What came of a type."""
        return [m for m in self.messages if m.get("type") == kind]

    async def heard(self, kind: str, count: int = 1) -> dict[str, Any]:
        """Wait for the `count`-th message of a type."""
        await until(lambda: len(self.of(kind)) >= count, f"{kind} number {count}")
        return self.of(kind)[count - 1]

    async def hang_up(self) -> None:
        """Close it."""
        if self._socket is not None:
            await self._socket.close()
        if self._reading is not None:
            self._reading.cancel()
        await self._http.close()

    async def got(self, message: dict[str, Any]) -> None:
        """What a client does with a message; this one only keeps it."""

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for came in socket:
            if came.type is aiohttp.WSMsgType.TEXT:
                message = json.loads(came.data)
                self.messages.append(message)
                await self.got(message)
        self.close_code = socket.close_code
        self.over = True

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()
