"""Reading server-sent events as they come."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from support.rtc import until


class Events:
    """The events of one open stream, as they came."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.seen: list[tuple[str, object]] = []
        self.ended = False
        self._task = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        type_ = ""
        async for raw in self.answer.content:
            line = raw.decode().rstrip("\n")
            if line.startswith("event: "):
                type_ = line.removeprefix("event: ")
            elif line.startswith("data: "):
                self.seen.append((type_, json.loads(line.removeprefix("data: "))))
        self.ended = True

    def of(self, type_: str) -> list[Any]:
        """The data of those of one type."""
        return [data for seen, data in self.seen if seen == type_]

    async def next(self, type_: str, count: int = 1) -> Any:
        """Wait for the `count`-th one of a type."""
        await until(lambda: len(self.of(type_)) >= count, f"{count} {type_} event(s)")
        return self.of(type_)[count - 1]

    def close(self) -> None:
        """Hang up."""
        self._task.cancel()
        self.answer.close()


@asynccontextmanager
async def listening(client: Any, url: str) -> AsyncIterator[Events]:
    """Open a stream of events; `client` has `base` and `http`."""
    url = url if url.startswith("http") else f"{client.base}{url}"
    answer = await client.http.get(url)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/event-stream"
    events = Events(answer)
    try:
        yield events
    finally:
        events.close()
