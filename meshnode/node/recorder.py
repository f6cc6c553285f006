"""Recording a stream of this node, without a client: `MeshNode.record`.

The recorder is a viewer like any other, so it counts as one, is limited as one, and
brings a stream of the mesh here as one.  A session ends with the stream; then it waits
until somebody publishes again, and goes on in the same file.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

from meshnode.node.joined import JoinedSubscriber
from meshnode.node.local import LocalPacket, LocalSubscriber
from meshnode.recording.feeding import BATCH_S, Feed
from meshnode.recording.recording import Recording, Report, Summary, TrackInfo
from meshnode.recording.reorder import Packet
from meshnode.signalling.members import Track
from meshproto.errors import DecodeError, MeshError
from meshproto.wire import rtp
from meshproto.wire.rtcp import SenderReport

RETRY_S = 0.5
LAYERS_S = 2.0
"""How often to look whether a track has a better layer by now."""
KEY_FRAME_S = 1.0

Subscriber = LocalSubscriber | JoinedSubscriber
Subscribe = Callable[[], Awaitable[Subscriber]]


class LocalRecording:
    """A recording that runs.  Made by `MeshNode.record`.

    Use it as an async context manager, or call `close` when done.
    """

    def __init__(
        self, path: Path, subscribe: Subscribe, patience_s: float | None = None
    ) -> None:
        self.path = path
        self._subscribe = subscribe
        self._patience_s = patience_s
        self._feed = Feed(Recording(path))
        self._stopping = asyncio.Event()
        self._asked_s: dict[int, float] = {}
        self._clock = asyncio.get_running_loop().time
        self._task = asyncio.create_task(self._run())

    @property
    def seconds(self) -> float:
        """How long it is by now."""
        return self._feed.end_s

    @property
    def began_at_s(self) -> float | None:
        """When what is at 0 in it arrived, by the loop's clock; None before that."""
        return self._feed.began_at_s

    async def ended(self) -> Summary:
        """Wait for the end: of the stream and the patience, or by `close`.

        Raises `StateError` when the file could not be written.
        """
        return await asyncio.shield(self._task)

    async def close(self) -> Summary:
        """Stop, and complete the file."""
        self._stopping.set()
        return await self.ended()

    async def __aenter__(self) -> LocalRecording:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # -- inside ------------------------------------------------------------------------

    async def _run(self) -> Summary:
        try:
            while (subscriber := await self._published()) is not None:
                with subscriber:
                    await self._session(subscriber)
        except BaseException:
            with contextlib.suppress(MeshError):
                await self._feed.close()
            raise
        return await self._feed.close()

    async def _published(self) -> Subscriber | None:
        """The stream as soon as somebody publishes it; None at the end."""
        began_s = self._clock()
        while not self._stopping.is_set():
            with contextlib.suppress(MeshError):
                return await self._subscribe()
            waited_s = self._clock() - began_s
            if self._patience_s is not None and waited_s >= self._patience_s:
                break
            await self._pause(RETRY_S)
        return None

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _session(self, subscriber: Subscriber) -> None:
        """Record until the stream ends or we are to stop."""
        await self._feed.begin([_info(track) for track in subscriber.tracks])
        subscriber.on_report(self._reported)
        pump = asyncio.create_task(self._pump(subscriber))
        stop = asyncio.create_task(self._stopping.wait())
        looked_s = float("-inf")
        try:
            while not pump.done() and not stop.done():
                await asyncio.wait(
                    {pump, stop}, timeout=BATCH_S, return_when=asyncio.FIRST_COMPLETED
                )
                await self._feed.write()
                self._refresh(subscriber)
                if self._clock() - looked_s >= LAYERS_S:
                    looked_s = self._clock()
                    _choose(subscriber)
        finally:
            pump.cancel()
            stop.cancel()
        await self._feed.end()

    async def _pump(self, subscriber: Subscriber) -> None:
        codecs = [
            {codec.payload_type: codec.name for codec in track.codecs}
            for track in subscriber.tracks
        ]
        async for arrived in subscriber:
            packet = _packet(arrived, codecs[arrived.track], self._clock())
            if packet is not None:
                self._feed.put(arrived.track, packet)
                await self._feed.room()

    def _reported(self, track: int, report: SenderReport) -> None:
        self._feed.offer(track, Report(report.ntp_time, report.rtp_time))

    def _refresh(self, subscriber: Subscriber) -> None:
        """Ask for key frames where only they help, and not all the time."""
        now_s = self._clock()
        for track in range(len(subscriber.tracks)):
            due_s = self._asked_s.get(track, float("-inf")) + KEY_FRAME_S
            if now_s >= due_s and self._feed.wants_key(track):
                self._asked_s[track] = now_s
                subscriber.request_key_frame(track)


def _info(track: Track) -> TrackInfo:
    codec = track.codecs[0]
    return TrackInfo(track.kind, codec.name, codec.clock_rate_hz)


def _packet(arrived: LocalPacket, codecs: dict[int, str], at_s: float) -> Packet | None:
    with contextlib.suppress(DecodeError):
        view = rtp.parse(arrived.data)
        codec = codecs.get(view.payload_type)
        if codec is not None:
            payload = rtp.payload(arrived.data, view)
            return Packet(
                codec, view.sequence, view.timestamp, view.marker, payload, at_s
            )
    return None


def _choose(subscriber: Subscriber) -> None:
    """Record the best layer there is."""
    for place, track in enumerate(subscriber.tracks):
        live = {rid: layer for rid, layer in track.layers.items() if layer.live}
        if track.rids and live:
            best = max(
                live,
                key=lambda rid: (live[rid].width, live[rid].bitrate_bps),
            )
            subscriber.select(place, best)
