"""monoport's page: join-room, an offer with what it sends, answers to the server's."""

from __future__ import annotations

import json
from typing import Any

from support.dialects.shades import Eyes
from support.dialects.sockets import Wire


class MonoportClient(Wire):
    """Joins, sends one picture, and answers whatever the server offers."""

    def __init__(
        self, url: str, peer_id: str, luma: int, *shades: int, **shape: bool
    ) -> None:
        super().__init__(url)
        self.peer_id = peer_id
        self.eyes = Eyes(*shades)
        self.shade = self.eyes.send(luma, **shape)

    async def connect(self) -> None:
        await super().connect()
        await self.say(type="join-room", peerId=self.peer_id)
        await self.offer()

    async def offer(self) -> None:
        """Offer what there is, and trickle one candidate as the page does."""
        offer = await self.eyes.offer()
        await self.say(type="offer", peerId=self.peer_id, sdp=offer["sdp"])
        line = next(x for x in offer["sdp"].splitlines() if "a=candidate:" in x)
        init = {"candidate": line[2:], "sdpMid": "0", "sdpMLineIndex": 0}
        await self.say(
            type="ice-candidate", peerId=self.peer_id, candidate=json.dumps(init)
        )

    async def got(self, message: dict[str, Any]) -> None:
        kind = message.get("type")
        if kind == "answer":
            await self.eyes.take({"type": "answer", "sdp": message["sdp"]})
        elif kind == "offer":
            answer = await self.eyes.answer({"type": "offer", "sdp": message["sdp"]})
            await self.say(type="answer", peerId=self.peer_id, sdp=answer["sdp"])

    async def hang_up(self) -> None:
        await super().hang_up()
        await self.eyes.close()
