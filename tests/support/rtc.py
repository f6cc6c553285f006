"""aiortc as publisher and viewer over WHIP and WHEP: whole clients, real media.

`Publisher` sends aiortc's own pictures and tone, `Viewer` counts decoded frames.  Both
are context managers that end their session with DELETE unless told to vanish.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import aiohttp
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack

DEADLINE_S = 30.0


async def until(
    check: Callable[[], object], what: str, deadline_s: float = DEADLINE_S
) -> None:
    """Wait until `check()` is true, or fail saying `what`."""
    end = time.monotonic() + deadline_s
    while not check():
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        await asyncio.sleep(0.02)


class Peer:
    """One aiortc connection through one door."""

    def __init__(self, url: str, *, token: str = "", data: str = "") -> None:
        self.url = url
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.location = ""
        self.answer: aiohttp.ClientResponse | None = None
        self.messages: list[bytes | str] = []
        self.channel: RTCDataChannel | None = None
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = aiohttp.ClientSession()
        if data:
            self.channel = self.pc.createDataChannel(data)
            self.channel.on("message", self.messages.append)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """POST the offer, apply the answer, wait until connected."""
        await self.post()
        await until(lambda: self.pc.connectionState == "connected", "connected")

    async def post(self) -> None:
        """POST the offer and apply the answer."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        sdp = self.pc.localDescription.sdp
        sent = {"Content-Type": "application/sdp", **self.headers}
        async with self._http.post(self.url, data=sdp, headers=sent) as answer:
            text = await answer.text()
            self.answer = answer
        assert answer.status == 201, text
        self.location = str(
            answer.url.join(type(answer.url)(answer.headers["Location"]))
        )
        await self.pc.setRemoteDescription(RTCSessionDescription(text, "answer"))

    async def delete(self) -> None:
        """End the session by DELETE."""
        if self.location:
            async with self._http.delete(self.location) as answer:
                assert answer.status == 200
            self.location = ""

    async def close(self) -> None:
        """End the session and the connection."""
        with contextlib.suppress(aiohttp.ClientError):
            await self.delete()
        await self.pc.close()
        await self._http.close()

    async def vanish(self) -> None:
        """Be gone without a word, as after a crash."""
        for transceiver in self.pc.getTransceivers():
            transport = transceiver.sender.transport.transport
            for protocol in transport._connection._protocols:
                protocol.transport.abort()
        await self._http.close()


class Publisher(Peer):
    """Sends a test picture and silence."""

    def __init__(self, url: str, *kinds: str, **more: Any) -> None:
        super().__init__(url, **more)
        for kind in kinds or ("video", "audio"):
            track = VideoStreamTrack() if kind == "video" else AudioStreamTrack()
            self.pc.addTransceiver(track, "sendonly")


class Viewer(Peer):
    """Counts what it decodes, by kind, in `frames`."""

    def __init__(self, url: str, *kinds: str, **more: Any) -> None:
        super().__init__(url, **more)
        self.frames: Counter[str] = Counter()
        self._pumps: list[asyncio.Task[None]] = []
        self.pc.on("track", self._begin)
        for kind in kinds or ("video", "audio"):
            self.pc.addTransceiver(kind, "recvonly")

    def _begin(self, track: MediaStreamTrack) -> None:
        self._pumps.append(asyncio.ensure_future(self._pump(track)))

    async def _pump(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                await track.recv()
                self.frames[track.kind] += 1

    async def sees(self, frames: int, deadline_s: float = DEADLINE_S) -> None:
        """Wait for that many more pictures."""
        goal = self.frames["video"] + frames
        await until(lambda: self.frames["video"] >= goal, "pictures", deadline_s)

    async def close(self) -> None:
        await super().close()
        for pump in self._pumps:
            pump.cancel()
