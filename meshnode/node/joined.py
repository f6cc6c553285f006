"""Several streams as one: the tracks of a room's member that belong together.

In a room every track is a stream of its own, and a recording of the sound apart from
the picture would be of little use.  To whoever records, this is a subscriber like any
other.  When one of the streams ends, or another one comes, the session is over and the
next one has what is there then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial

from meshnode.node.local import PACKETS_MAX, LocalPacket, LocalSubscriber
from meshnode.signalling.broadcast import Reader
from meshnode.signalling.members import Track
from meshproto.wire.rtcp import SenderReport

Reported = Callable[[int, SenderReport], None]


def _shifted(handler: Reported, first: int, track: int, report: SenderReport) -> None:
    handler(first + track, report)


class JoinedSubscriber(AsyncIterator[LocalPacket]):
    """The packets of all of them, `async for`; tracks are counted through."""

    def __init__(self, parts: Sequence[LocalSubscriber]) -> None:
        self.tracks: tuple[Track, ...] = tuple(t for part in parts for t in part.tracks)
        self._parts = parts
        self._packets: Reader[LocalPacket] = Reader(PACKETS_MAX)
        counts = [len(part.tracks) for part in parts]
        self._firsts = [sum(counts[:place]) for place in range(len(parts))]
        loop = asyncio.get_running_loop()
        self._pumps = [
            loop.create_task(self._pump(first, part))
            for first, part in zip(self._firsts, parts, strict=True)
        ]

    async def _pump(self, first: int, part: LocalSubscriber) -> None:
        async for packet in part:
            self._packets.put(replace(packet, track=first + packet.track))
        self._packets.close()

    def select(self, track: int, rid: str) -> None:
        """See `LocalSubscriber`."""
        part, place = self._of(track)
        part.select(place, rid)

    def request_key_frame(self, track: int) -> None:
        """See `LocalSubscriber`."""
        part, place = self._of(track)
        part.request_key_frame(place)

    def _of(self, track: int) -> tuple[LocalSubscriber, int]:
        found = max(n for n, first in enumerate(self._firsts) if first <= track)
        return self._parts[found], track - self._firsts[found]

    def on_report(self, handler: Reported) -> None:
        """See `LocalSubscriber`."""
        for first, part in zip(self._firsts, self._parts, strict=True):
            part.on_report(partial(_shifted, handler, first))

    async def __anext__(self) -> LocalPacket:
        return await anext(self._packets)

    def close(self) -> None:
        """Stop subscribing."""
        self._packets.close()
        for pump in self._pumps:
            pump.cancel()
        for part in self._parts:
            part.close()

    def __enter__(self) -> JoinedSubscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
