"""aiortc publishes VP8 or H.264 and plays them, decoding every frame."""

from __future__ import annotations

import asyncio
import contextlib
import time

import av
import door
import numpy as np
from aiortc import (
    AudioStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

WIDTH, HEIGHT = 640, 360


class MovingPicture(VideoStreamTrack):
    """Smooth hills that drift, 30 a second: easy to encode, never the same twice."""

    def __init__(self) -> None:
        super().__init__()
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
        hills = 96 + 64 * np.sin(rows / 40) * np.cos(columns / 40)
        self._picture = np.repeat(hills.astype(np.uint8)[:, :, None], 3, axis=2)

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        self._picture = np.roll(self._picture, 4, axis=1)
        frame = av.VideoFrame.from_ndarray(self._picture, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


def connection() -> RTCPeerConnection:
    """Without STUN servers, or every answer would wait for a dead network."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


async def negotiate(pc: RTCPeerConnection, url: str, key: str) -> str:
    """Offer, answer, connected; the session's URL."""
    await pc.setLocalDescription(await pc.createOffer())
    offer = pc.localDescription.sdp
    answer, session = await asyncio.to_thread(door.post, url, offer, key)
    await pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    deadline = time.monotonic() + door.CONNECT_DEADLINE_S
    while pc.connectionState != "connected":
        if time.monotonic() > deadline or pc.connectionState in ("failed", "closed"):
            raise SystemExit(f"not connected: {pc.connectionState}")
        await asyncio.sleep(0.02)
    return session


async def publish(url: str, codec: str, key: str) -> None:
    pc = connection()
    sender = pc.addTransceiver(MovingPicture(), direction="sendonly")
    known = RTCRtpSender.getCapabilities("video").codecs
    wanted = f"video/{codec}".lower()
    sender.setCodecPreferences([c for c in known if c.mimeType.lower() == wanted])
    pc.addTransceiver(AudioStreamTrack(), direction="sendonly")
    session = await negotiate(pc, url, key)
    door.live()
    await door.told()
    await asyncio.to_thread(door.delete, session, key)
    await pc.close()


class Counter:
    """Frames of one track, decoded; `first` is set when the first one is there."""

    def __init__(self) -> None:
        self.frames = 0
        self.first = asyncio.Event()

    async def drain(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                await track.recv()
                self.frames += 1
                self.first.set()


async def play(url: str, seconds: float) -> None:
    pc = connection()
    counters = {"video": Counter(), "audio": Counter()}
    tasks: list[asyncio.Task[None]] = []

    @pc.on("track")
    def _(track: MediaStreamTrack) -> None:
        tasks.append(asyncio.ensure_future(counters[track.kind].drain(track)))

    for kind in counters:
        pc.addTransceiver(kind, direction="recvonly")
    began = time.monotonic()
    session = await negotiate(pc, url, "")
    video, audio = counters["video"], counters["audio"]
    await asyncio.wait_for(video.first.wait(), door.FIRST_FRAME_DEADLINE_S)
    first_s = time.monotonic() - began
    before = video.frames
    await asyncio.sleep(seconds)
    frames = video.frames - before
    door.report(door.Result(frames, seconds, first_s, audio.frames))
    await asyncio.to_thread(door.delete, session)
    await pc.close()


if __name__ == "__main__":
    options = door.arguments()
    if options.action == "publish":
        asyncio.run(publish(options.url, options.codec, options.key))
    else:
        asyncio.run(play(options.url, options.seconds))
