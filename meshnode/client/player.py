"""A WHEP player: a stream of a node in, decoded frames out.

    async with Player(url) as player:
        async for kind, arrived_s, frame in player.frames(): ...

aiortc decodes into queues that nobody bounds, so a track must be read whether its
frames are wanted or not.  One task per track does that from the start; what the caller
does not take in time is dropped, the oldest first, and counted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from meshnode.client.base import Client
from meshnode.client.nearest import nearest
from meshnode.client.peer import Peer
from meshnode.client.statistics import FrameMeter, Sampler

KINDS = ("video", "audio")
# a second and a half of video, two seconds of sound
FRAMES_MAX = {"video": 45, "audio": 100}

Received = tuple[str, float, Any]
"""Kind, arrival (seconds of the loop's clock) and frame."""


class Player(Client):
    """Plays a stream.  Keywords are those of `Client`.

    `roam` enters the mesh by whichever node is best for this viewer; `on_choice` hears
    of it when that is another one than was named.
    """

    def __init__(
        self,
        url: str,
        *,
        roam: bool = False,
        on_choice: Callable[[str], None] | None = None,
        **options: Any,
    ) -> None:
        self._roam = roam
        self._on_choice = on_choice
        self._meter = FrameMeter()
        super().__init__(url, Sampler(self._meter, outgoing=False), **options)
        self._queues: dict[str, deque[Received]] = {kind: deque() for kind in KINDS}
        self._arrived = asyncio.Event()
        self._ended = False
        self._finished = False
        self.dropped = 0

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of media the server agreed to send."""
        return tuple(
            transceiver.kind
            for transceiver in self._connected().connection.getTransceivers()
            if transceiver.currentDirection == "recvonly"
        )

    async def frames(self) -> AsyncIterator[Received]:
        """Frames in the order of arrival until the stream is over."""
        while True:
            while queued := [queue for queue in self._queues.values() if queue]:
                yield min(queued, key=lambda queue: queue[0][1]).popleft()
            if self._ended or self._finished:
                return
            self._arrived.clear()
            await self._arrived.wait()

    async def _choose(self, http: aiohttp.ClientSession) -> str:
        if not self._roam:
            return self._url
        chosen = await nearest(http, self._url)
        if chosen != self._url and self._on_choice is not None:
            self._on_choice(chosen)
        return chosen

    def finish(self) -> None:
        """Let `frames` end with what has arrived so far."""
        self._finished = True
        self._arrived.set()

    def _prepare(self, peer: Peer) -> None:
        for kind in KINDS:
            peer.connection.addTransceiver(kind, direction="recvonly")
        peer.connection.on("track", self._read)

    def _read(self, track: MediaStreamTrack) -> None:
        task = asyncio.create_task(self._drain(track))
        self._tasks.add(task)
        task.add_done_callback(self._reader_done)

    async def _drain(self, track: MediaStreamTrack) -> None:
        queue = self._queues[track.kind]
        clock = asyncio.get_running_loop().time
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if track.kind == "video":
                    self._meter.add(frame)
                if self._finished:
                    continue
                queue.append((track.kind, clock(), frame))
                if len(queue) > FRAMES_MAX[track.kind]:
                    queue.popleft()
                    self.dropped += 1
                self._arrived.set()

    def _reader_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._ended = not self._tasks
        self._arrived.set()
