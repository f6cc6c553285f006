"""From a loop to the disk: what arrives is gathered, and written in a thread.

A disk may take its time and the loop may not, so packets and reports are handed over in
batches, a few a second.  While a batch is being written the next one gathers, up to a
limit; behind that whoever receives must wait, and drops by rules of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from meshnode.recording.recording import Recording, Report, Summary, TrackInfo
from meshnode.recording.reorder import Packet

BATCH_S = 0.1
BATCH_MAX = 2048


class Feed:
    """One recording, fed from a loop."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._batch: list[tuple[int, Packet | Report]] = []
        self._room = asyncio.Event()
        self._room.set()

    @property
    def end_s(self) -> float:
        """How long the recording is."""
        return self._recording.end_s

    @property
    def began_at_s(self) -> float | None:
        """When what is at 0 in it arrived, None before there is anything."""
        return self._recording.began_at_s

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first picture; (0, 0) while there is none."""
        return self._recording.size

    async def begin(self, tracks: Sequence[TrackInfo]) -> None:
        """A session begins; raises `StateError` when nothing of it can be recorded."""
        await asyncio.to_thread(self._recording.begin, tracks)

    def put(self, track: int, item: Packet | Report) -> None:
        """Hand over; call `room` now and then."""
        self._batch.append((track, item))
        if len(self._batch) >= BATCH_MAX:
            self._room.clear()

    def offer(self, track: int, item: Packet | Report) -> bool:
        """The same for who cannot wait: False, and dropped, when there is no room."""
        if self._room.is_set():
            self.put(track, item)
            return True
        return False

    async def room(self) -> None:
        """Wait while too much is on its way."""
        await self._room.wait()

    async def write(self) -> None:
        """Write what has gathered.  Raises `StateError` when that does not work."""
        batch, self._batch = self._batch, []
        self._room.set()
        if batch:
            await asyncio.to_thread(self._write, batch)

    def wants_key(self, track: int) -> bool:
        """Whether nothing can be recorded of that track before a key frame."""
        return self._recording.wants_key(track)

    async def end(self) -> None:
        """The session is over."""
        await self.write()
        await asyncio.to_thread(self._recording.end)

    async def close(self) -> Summary:
        """Complete the file."""
        try:
            await self.write()
        finally:
            summary = await asyncio.to_thread(self._recording.close)
        return summary

    def _write(self, batch: list[tuple[int, Packet | Report]]) -> None:
        for track, item in batch:
            if isinstance(item, Packet):
                self._recording.packet(track, item)
            else:
                self._recording.report(track, item)
