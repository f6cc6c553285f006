"""A connection that sends a grey picture and recognises the greys of others.

A picture of one shade says who sent it, whatever a codec does to it, so that a test can
tell whose pictures arrive in which track.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, defaultdict
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError

RATE_HZ = 15
SIZE = (160, 96)
NEAR = 12
"""How far a decoded shade may lie from the one that was sent."""


class Shade(MediaStreamTrack):
    """A picture of one brightness, `luma` from 16 to 235."""

    kind = "video"

    def __init__(self, luma: int) -> None:
        super().__init__()
        self.luma = luma
        self.sent = 0
        self._began_s = 0.0

    async def recv(self) -> av.VideoFrame:
        now = time.monotonic()
        self._began_s = self._began_s or now
        due_s = self._began_s + self.sent / RATE_HZ
        await asyncio.sleep(max(0.0, due_s - now))
        width, height = SIZE
        picture = np.full((height * 3 // 2, width), 128, dtype=np.uint8)
        picture[:height] = self.luma
        # a little life, or an encoder may think that there is nothing to send
        picture[:8, : 8 + self.sent % 64] = 128
        frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
        frame.pts, frame.time_base = self.sent * 6000, Fraction(1, 90000)
        self.sent += 1
        return frame


class Eyes:
    """One `RTCPeerConnection`, and what it has seen.

    `seen` counts pictures by track id and shade, rounded to one of `shades`; `heard`
    counts frames of sound by track id.
    """

    def __init__(self, *shades: int) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.seen: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.heard: Counter[str] = Counter()
        self.negotiations = 0
        self._shades = shades
        self._tasks: set[asyncio.Task[None]] = set()
        self.pc.on("track", self._begin)

    def send(self, luma: int, *, sound: bool = False) -> Shade:
        """Add a picture, and silence."""
        shade = Shade(luma)
        self.pc.addTrack(shade)
        if sound:
            self.pc.addTrack(AudioStreamTrack())
        return shade

    async def offer(self) -> dict[str, str]:
        """An offer as browsers write it."""
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self._local()

    async def answer(self, offer: dict[str, str]) -> dict[str, str]:
        """The answer to an offer of the other side."""
        self.negotiations += 1
        await self.pc.setRemoteDescription(RTCSessionDescription(**offer))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return self._local()

    async def take(self, answer: dict[str, str]) -> None:
        """The answer to ours."""
        await self.pc.setRemoteDescription(RTCSessionDescription(**answer))

    def sees(self, luma: int, frames: int = 5) -> bool:
        """Whether some track has shown that shade, and no other, so often."""
        return any(
            set(shades) == {luma} and shades[luma] >= frames
            for shades in self.seen.values()
        )

    def has_seen(self, luma: int, frames: int = 5) -> bool:
        """The same of a track that may have shown others before."""
        return any(shades[luma] >= frames for shades in self.seen.values())

    async def close(self) -> None:
        """Be gone."""
        await self.pc.close()
        for task in self._tasks:
            task.cancel()

    def _local(self) -> dict[str, str]:
        local = self.pc.localDescription
        return {"type": local.type, "sdp": local.sdp}

    def _begin(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(self._pump(track))
        self._tasks.add(task)

    async def _pump(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame: Any = await track.recv()
                if track.kind == "audio":
                    self.heard[track.id] += 1
                    continue
                picture = frame.to_ndarray(format="yuv420p")
                luma = float(picture[24 : frame.height].mean())
                near = [s for s in self._shades if abs(s - luma) <= NEAR]
                self.seen[track.id][near[0] if near else round(luma)] += 1
