"""Pairs of aiortc connections, a publisher and a viewer of its stream, one by one.

`aiortc_pairs.py ORIGIN PAIRS AT_ONCE FRAMES`, the publish key in MESHNODE_PUBLISH_KEY,
`tests` in PYTHONPATH; prints one JSON object per pair, in the shape of `pairs.js`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys

import av
from aiortc.mediastreams import VideoStreamTrack

from support.rtc import Peer, Viewer, until


class Picture(VideoStreamTrack):
    """A small grey picture: what it shows is not the point."""

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame(160, 120, "yuv420p")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Publisher(Peer):
    """Sends the small picture."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url, token=key)
        self.pc.addTransceiver(Picture(), "sendonly")


async def pair(origin: str, name: str, key: str, frames: int) -> dict[str, object]:
    """What one publisher and one viewer reached."""
    publisher = Publisher(f"{origin}/whip/{name}", key)
    viewer = Viewer(f"{origin}/whep/{name}", "video")
    connected, error = 0, ""
    try:
        for peer in (publisher, viewer):
            await peer.open()
            connected += 1
        await until(lambda: viewer.frames["video"] >= frames, "pictures")
    except Exception as failure:  # whatever it is, it is this pair's result
        error = f"{type(failure).__name__}: {failure}"
    for peer in (viewer, publisher):
        await peer.close()
    return {"connected": connected, "frames": viewer.frames["video"], "error": error}


async def main() -> None:
    """Run all pairs, so many at once."""
    origin, pairs, at_once, frames = sys.argv[1], *map(int, sys.argv[2:5])
    turns = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with turns:
            key = os.environ["MESHNODE_PUBLISH_KEY"]
            name = f"aiortc-{os.getpid()}-{number}"
            print(json.dumps(await pair(origin, name, key, frames)), flush=True)

    await asyncio.gather(*map(one, range(pairs)))


if __name__ == "__main__":
    asyncio.run(main())
