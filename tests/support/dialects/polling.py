"""The Pion demo's client: POST /offer, then ask every second and answer."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import aiohttp

from support.dialects.shades import Eyes

POLL_S = 1.0


class PollingClient(Eyes):
    """Sends one picture and polls until it is closed."""

    def __init__(self, base: str, luma: int, *shades: int, **shape: bool) -> None:
        super().__init__(*shades)
        self.base = base
        self.shade = self.send(luma, **shape)
        self.peer_id = ""
        self.answer_sdp = ""
        self.told: list[str] = []
        self.statuses: list[int] = []
        self.polls = True
        self._http = aiohttp.ClientSession()
        self._polling: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.join()
        self._polling = asyncio.create_task(self._poll())
        return self

    async def join(self) -> None:
        """The first exchange."""
        async with self._http.post(
            f"{self.base}/offer", json=await self.offer()
        ) as got:
            assert got.status == 200, await got.text()
            told: dict[str, Any] = await got.json()
        self.peer_id = told["peer_id"]
        self.answer_sdp = told["sdp"]["sdp"]
        await self.take(told["sdp"])

    async def ask(self) -> int:
        """One poll, and the answer to what it brings; the status."""
        async with self._http.get(f"{self.base}/renegotiate/{self.peer_id}") as got:
            status = got.status
            offer = await got.json() if status == 200 else None
        if offer is not None:
            self.told.append(offer["sdp"])
            answer = await self.answer(offer)
            url = f"{self.base}/answer/{self.peer_id}"
            async with self._http.post(url, json=answer) as answered:
                status = answered.status
        return status

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            if self.polls:
                self.statuses.append(await self.ask())

    async def __aexit__(self, *_: object) -> None:
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        await self.close()
        await self._http.close()
