"""A WebSocket with bounds: frames, messages a second, and a reader that is too slow.

Messages leave in order through a bounded queue and one writer.  Who does not read what
it is sent is disconnected, so that it costs nobody else anything; who sends too much is
told so, message by message, and disconnected when it does not stop.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from meshproto.errors import DecodeError


@dataclass(frozen=True, slots=True)
class SocketLimits:
    """Bounds of one socket."""

    frame_bytes: int = 524_288
    queue: int = 256
    ping_s: float = 54.0
    write_s: float = 10.0
    per_s: float = 20.0
    burst: float = 40.0
    refused: int = 400
    """Messages above the rate that are answered before the socket is closed."""


class Socket:
    """One client's socket; `hear(message)` gets every JSON object that it sends."""

    def __init__(self, limits: SocketLimits) -> None:
        self.received = self.sent = 0
        self._limits = limits
        self._socket = web.WebSocketResponse(
            heartbeat=limits.ping_s, max_msg_size=limits.frame_bytes, compress=False
        )
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(limits.queue)
        self._level = limits.burst
        self._filled_s = asyncio.get_running_loop().time()
        self._over = 0
        self._ending = ""
        self._code = WSCloseCode.OK

    async def run(
        self,
        request: web.Request,
        hear: Callable[[dict[str, Any]], None],
        complain: Callable[[int, str], None],
    ) -> web.WebSocketResponse:
        """Serve until one side hangs up.  `complain(code, text)` hears of what is
        wrong with a message: 429 too many, 400 not a JSON object.
        """
        await self._socket.prepare(request)
        writer = asyncio.create_task(self._write())
        try:
            async for frame in self._socket:
                text = frame.data if frame.type is WSMsgType.TEXT else ""
                self._take(text, hear, complain)
        finally:
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer
            await self._socket.close()
        return self._socket

    def send(self, message: Mapping[str, Any]) -> None:
        """Queue one message; a client that does not keep up is disconnected."""
        if self._ending:
            return
        try:
            self._queue.put_nowait(json.dumps(message))
        except asyncio.QueueFull:
            self.end("too slow", WSCloseCode.TRY_AGAIN_LATER)

    def end(self, reason: str, code: WSCloseCode = WSCloseCode.OK) -> None:
        """Close, after what is queued where there is room for the end of it."""
        if self._ending:
            return
        self._ending, self._code = reason or "closed", code
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(None)

    def _take(
        self,
        text: str,
        hear: Callable[[dict[str, Any]], None],
        complain: Callable[[int, str], None],
    ) -> None:
        self.received += 1
        if not self._may():
            self._over += 1
            complain(429, "Rate limit exceeded")
            if self._over > self._limits.refused:
                self.end("too many messages", WSCloseCode.POLICY_VIOLATION)
            return
        try:
            hear(parse_object(text))
        except DecodeError as error:
            complain(400, str(error))

    def _may(self) -> bool:
        now = asyncio.get_running_loop().time()
        gained = (now - self._filled_s) * self._limits.per_s
        self._level = min(self._limits.burst, self._level + gained)
        self._filled_s = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True

    async def _write(self) -> None:
        try:
            while (text := await self._queue.get()) is not None:
                async with asyncio.timeout(self._limits.write_s):
                    await self._socket.send_str(text)
                self.sent += 1
        except (TimeoutError, ConnectionError):
            self._code = WSCloseCode.TRY_AGAIN_LATER
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(self._limits.write_s):
                reason = self._ending.encode()[:120]
                await self._socket.close(code=self._code, message=reason)


def parse_object(text: str) -> dict[str, Any]:
    """A JSON object.  Raises `DecodeError`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise DecodeError("message-json", "the message is not JSON") from None
    if not isinstance(found, dict):
        raise DecodeError("message-json", "the message is not a JSON object")
    return found
