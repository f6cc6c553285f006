"""The tutorial's two pages: who they are, one offer, one answer, candidates."""

from __future__ import annotations

from typing import Any

from support.dialects.shades import Eyes
from support.dialects.sockets import Wire


class SenderPage(Wire):
    """Says `sender` and offers its picture; the answer comes back."""

    def __init__(self, url: str, luma: int) -> None:
        super().__init__(url)
        self.eyes = Eyes()
        self.shade = self.eyes.send(luma, sound=True)

    async def connect(self) -> None:
        await super().connect()
        await self.say(type="sender")
        await self.offer()

    async def offer(self) -> None:
        """As `onnegotiationneeded` does it."""
        offer = await self.eyes.offer()
        await self.say(type="createOffer", sdp=offer)
        for line in offer["sdp"].splitlines():
            if line.startswith("a=candidate:"):
                init = {"candidate": line[2:], "sdpMid": "0", "sdpMLineIndex": 0}
                await self.say(type="iceCandidate", candidate=init)

    async def got(self, message: dict[str, Any]) -> None:
        if message.get("type") == "createAnswer":
            await self.eyes.take(message["sdp"])

    async def hang_up(self) -> None:
        await super().hang_up()
        await self.eyes.close()


class ReceiverPage(Wire):
    """Says `receiver` and answers what is offered."""

    def __init__(self, url: str, *shades: int) -> None:
        super().__init__(url)
        self.eyes = Eyes(*shades)

    async def connect(self) -> None:
        await super().connect()
        await self.say(type="receiver")

    async def got(self, message: dict[str, Any]) -> None:
        if message.get("type") == "createOffer":
            answer = await self.eyes.answer(message["sdp"])
            await self.say(type="createAnswer", sdp=answer)

    async def hang_up(self) -> None:
        await super().hang_up()
        await self.eyes.close()
