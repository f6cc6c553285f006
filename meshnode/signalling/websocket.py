"""A WebSocket with a client that may be slow, silent, flooding, or out of its mind.

Every bound of one socket is here, so that no dialect needs to think of them: a message
is text of limited size, a client says so many a second, and what waits to be sent is a
queue of limited length.  Who does not read is hung up when that is full, and whoever
sends to it never waits: one bad socket holds up nobody else.  Messages of one client
are heard one after the other, in order, because descriptions only make sense that way.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import WSCloseCode, WSMsgType, web

from meshnode.signalling.buckets import Buckets
from meshnode.signalling.problems import Refused, full, malformed
from meshproto.errors import DecodeError, LimitError

FRAME_BYTES_MAX = 512 * 1024
QUEUE_MAX = 256
MESSAGES_PER_S = 20
BURST = 40
FLOOD_MAX = 200
"""Messages over the rate that are refused one by one; then the socket is closed."""
HEARTBEAT_S = 27.0
"""A ping so often, which must be answered within half of it."""
WRITE_TIMEOUT_S = 10.0

_log = logging.getLogger("meshnode.http")

Message = Mapping[str, object]
Hear = Callable[[Message], Awaitable[None]]
Complain = Callable[[int, str], Message]
"""From a status as in HTTP and a sentence to what the dialect says for an error."""


def parse(text: str) -> dict[str, object]:
    """A message of any dialect: a JSON object.  Raises `DecodeError`."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise DecodeError("message-json", "the message is not JSON") from None
    if not isinstance(message, dict):
        raise DecodeError("message-object", "the message is not a JSON object")
    return message


class Socket:
    """One client.  Made by an endpoint; `serve` returns when it is over."""

    def __init__(self, complain: Complain, *, queue_max: int = QUEUE_MAX) -> None:
        self._socket = web.WebSocketResponse(
            max_msg_size=FRAME_BYTES_MAX, heartbeat=HEARTBEAT_S, compress=False
        )
        self._complain = complain
        self._queue: asyncio.Queue[str] = asyncio.Queue(queue_max)
        self._rate = Buckets(60 * MESSAGES_PER_S, keys_max=1, burst=BURST)
        self._floods = 0
        self._end: tuple[int, str] | None = None
        self._ended = asyncio.Event()

    def say(self, message: Message) -> None:
        """Send when the client is ready for it; ends the socket of who never is."""
        try:
            self._queue.put_nowait(json.dumps(message))
        except asyncio.QueueFull:
            self.end(WSCloseCode.TRY_AGAIN_LATER, "too slow")

    def complain(self, status: int, detail: str) -> None:
        """Tell the client what is wrong, in words of its dialect."""
        self.say(self._complain(status, detail))

    def end(self, code: int = WSCloseCode.OK, reason: str = "") -> None:
        """Hang up, once what was said before is sent; the first call counts."""
        if self._end is None:
            self._end = (code, reason)
            self._ended.set()

    async def serve(self, request: web.Request, hear: Hear) -> web.WebSocketResponse:
        """Hear message after message until either side hangs up."""
        await self._socket.prepare(request)
        reading = asyncio.create_task(self._read(hear))
        writing = asyncio.create_task(self._write())
        ended = asyncio.create_task(self._ended.wait())
        tasks = {reading, writing, ended}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._flush(writing)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._close()
        return self._socket

    async def _read(self, hear: Hear) -> None:
        now = asyncio.get_running_loop().time
        async for came in self._socket:
            if came.type is WSMsgType.ERROR:
                return
            if self._rate.take("", now()) > 0:
                self._flooded()
                continue
            try:
                if came.type is not WSMsgType.TEXT:
                    raise DecodeError("message-binary", "the message is not text")
                await hear(parse(came.data))
            except Refused as refused:
                self.complain(refused.status, refused.detail)
            except DecodeError as error:
                told = malformed(error)
                self.complain(told.status, told.detail)
            except LimitError as error:
                self.complain(full(error).status, str(error))
            except Exception:
                _log.exception("unforeseen error in a WebSocket")
                self.complain(500, "this node failed; its log says more")

    def _flooded(self) -> None:
        self._floods += 1
        if self._floods > FLOOD_MAX:
            self.end(WSCloseCode.POLICY_VIOLATION, "too many messages")
        else:
            self.complain(429, f"more than {MESSAGES_PER_S} messages a second")

    async def _write(self) -> None:
        while True:
            text = await self._queue.get()
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                await self._socket.send_str(text)
            self._queue.task_done()

    async def _flush(self, writing: asyncio.Task[None]) -> None:
        """Give what was said last a moment, where somebody may still read it."""
        if self._end is None or self._end[0] == WSCloseCode.TRY_AGAIN_LATER:
            return
        sent = asyncio.create_task(self._queue.join())
        await asyncio.wait(
            {sent, writing}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED
        )
        sent.cancel()

    async def _close(self) -> None:
        code, reason = self._end or (WSCloseCode.OK, "")
        with contextlib.suppress(ConnectionError, TimeoutError, RuntimeError):
            async with asyncio.timeout(1.0):
                await self._socket.close(code=code, message=reason.encode()[:120])
