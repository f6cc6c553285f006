"""The list of streams, for the page: asked (`/api/streams`) or told (`/api/events`).

It names what anybody may watch, and how many do; nothing about who.  Changes are told
at most a few times a second, however much happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from aiohttp import web

from meshnode.signalling.broadcast import Broadcast
from meshnode.signalling.doorway import Handler
from meshnode.signalling.extensions import Slots, send_events
from meshnode.signalling.members import SessionEvent
from meshnode.signalling.stream import Stream, StreamState
from meshnode.signalling.streams import Streams
from meshnode.signalling.trust import Caller
from meshproto.wire.sdp.codecs import spelling

SETTLE_S = 0.2
FAR_MAX = 512
"""Streams of other nodes in one list; the local ones are always all there."""

Faraway = tuple[str, tuple[str, ...]]
"""Name and codecs of a stream that another node has."""


class StreamList:
    """Handlers of the two resources; `changed` is to be called when anything did."""

    def __init__(
        self, streams: Streams, clock: Callable[[], float], slots: Slots
    ) -> None:
        self.elsewhere: Callable[[], Iterable[Faraway]] = tuple
        """Gives the streams that other nodes of the mesh have."""
        self._streams = streams
        self._clock = clock
        self._slots = slots
        self._changes: Broadcast[SessionEvent] = Broadcast(16)
        self._timer: asyncio.TimerHandle | None = None

    def methods(self) -> dict[str, Handler]:
        """What `/api/streams` answers to."""
        return {"GET": self.get}

    def events(self) -> dict[str, Handler]:
        """What `/api/events` answers to."""
        return {"GET": self.follow}

    async def get(self, _request: web.Request, _: Caller) -> web.StreamResponse:
        """The streams that can be watched now."""
        headers = {"Cache-Control": "no-store"}
        return web.json_response(self.listed(), headers=headers)

    async def follow(self, request: web.Request, _: Caller) -> web.StreamResponse:
        """The same list as an event now and after every change."""
        with self._slots.one():
            reader = self._changes.reader()
            try:
                first = [SessionEvent("streams", self.listed())]
                types = frozenset({"streams"})
                return await send_events(request, first, reader, types, headers={})
            finally:
                reader.close()

    def listed(self) -> list[dict[str, object]]:
        """The list as plain values."""
        here = [
            self._entry(stream)
            for stream in self._streams
            if stream.state is not StreamState.ENDED and stream.tracks
        ]
        names = {entry["name"] for entry in here}
        far = [_far(stream) for stream in self.elsewhere() if stream[0] not in names]
        return here + far[:FAR_MAX]

    def changed(self) -> None:
        """Tell the readers soon, together with whatever else changes until then."""
        if len(self._changes) and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(SETTLE_S, self._tell)

    def close(self) -> None:
        """End every reader."""
        self._changes.close()
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        self._timer = None
        self._changes.publish(SessionEvent("streams", self.listed()))

    def _entry(self, stream: Stream) -> dict[str, object]:
        return {
            "name": stream.name,
            "state": stream.state.value,
            "codecs": [spelling(track.codec) for track in stream.tracks],
            "viewers": len(stream.viewers),
            "since_s": round(self._clock() - stream.began_s, 1),
        }


def _far(stream: Faraway) -> dict[str, object]:
    name, codecs = stream
    return {
        "name": name,
        "state": "live",
        "codecs": [spelling(codec) for codec in codecs],
        "viewers": 0,
        "since_s": 0.0,
        "elsewhere": True,
    }
