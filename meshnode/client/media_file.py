"""A media file as live tracks: decoded on demand, paced by the file's own clock.

Whichever track asks first reads on in the file, in a thread; what belongs to the other
track waits in its queue.  Nothing runs ahead: a queue grows only by how far the two
tracks lie apart in the file, and is bounded.  With `loop` the file starts again and
its timestamps go on where they ended, so viewers see one endless stream.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, AudioResampler, VideoFrame

from meshnode.client.pace import Pacer
from meshproto.errors import StateError

CLOCK_HZ = 90000
SAMPLE_RATE_HZ = 48000
SAMPLES_PER_FRAME = 960
HEIGHT_MAX = 720
# a frame of 720 rows takes 1.4 MB; 10 s of sound 2 MB
QUEUE_MAX = {"video": 60, "audio": 500}
LATE_MAX_S = 0.5

Timed = tuple[float, Any]
"""When a frame is due in media time, seconds, and the frame."""


class MediaFile:
    """The first video and the first audio stream of `path`.  `close` it at the end.

    Raises `StateError` when the file cannot be read or holds neither.
    """

    def __init__(self, path: Path, *, loop: bool, pacer: Pacer | None = None) -> None:
        try:
            self._container = av.open(str(path))
        except (av.FFmpegError, OSError) as error:
            said = getattr(error, "strerror", None) or error
            raise StateError(f"{path} cannot be played: {said}") from None
        self._streams = {
            kind: found[0]
            for kind, found in (
                ("video", self._container.streams.video),
                ("audio", self._container.streams.audio),
            )
            if found
        }
        if not self._streams:
            self._container.close()
            raise StateError(f"{path} holds neither video nor audio")
        self._live = set(self._streams)
        self._loop = loop
        self._queues: dict[str, deque[Timed]] = {
            kind: deque() for kind in self._streams
        }
        self._decoded = self._decode()
        self._reading = asyncio.Lock()
        self._closed = False
        self.finished = asyncio.Event()
        """Set when every track has been played to its end."""
        pacer = pacer or Pacer()
        self.tracks: list[MediaStreamTrack] = [
            _VideoTrack(self, pacer) if kind == "video" else _AudioTrack(self, pacer)
            for kind in self._streams
        ]

    async def next(self, kind: str) -> Timed | None:
        """The next frame of that kind and its due time, None at the end."""
        queue = self._queues[kind]
        async with self._reading:
            if not queue and not self._closed:
                await asyncio.to_thread(self._read_until, kind)
        if queue:
            return queue.popleft()
        self._live.discard(kind)
        if not self._live:
            self.finished.set()
        return None

    async def close(self) -> None:
        """Release the file once a running read is done."""
        self._closed = True
        async with self._reading:
            self._decoded.close()
            self._container.close()

    def _read_until(self, kind: str) -> None:
        for found, timed in self._decoded:
            queue = self._queues[found]
            queue.append(timed)
            if len(queue) > QUEUE_MAX[found]:
                queue.popleft()
            if found == kind:
                return

    def _decode(self) -> Generator[tuple[str, Timed], None, None]:
        """Every frame in the order of the file, again and again with `loop`."""
        offset_s = 0.0
        while True:
            end_s = offset_s
            for kind, frame, at_s, lasts_s in self._pass():
                yield kind, (offset_s + at_s, frame)
                end_s = max(end_s, offset_s + at_s + lasts_s)
            if not self._loop or end_s == offset_s:
                return
            offset_s = end_s
            self._container.seek(0)

    def _pass(self) -> Iterator[tuple[str, Any, float, float]]:
        """One time through: kind, frame, start and length in seconds."""
        resampler = AudioResampler("s16", "stereo", SAMPLE_RATE_HZ, SAMPLES_PER_FRAME)
        origin_s = (self._container.start_time or 0) / av.time_base
        for packet in self._container.demux(list(self._streams.values())):
            try:
                frames = packet.decode()
            except av.FFmpegError:
                continue  # a damaged packet is no reason to end the show
            for frame in frames:
                if isinstance(frame, VideoFrame):
                    rate = float(self._streams["video"].average_rate or 25)
                    yield (
                        "video",
                        _sized(frame),
                        (frame.time or 0.0) - origin_s,
                        1 / rate,
                    )
                elif isinstance(frame, AudioFrame):
                    for piece in resampler.resample(frame):
                        at_s = (piece.time or 0.0) - origin_s
                        yield "audio", piece, at_s, piece.samples / SAMPLE_RATE_HZ


class _VideoTrack(MediaStreamTrack):
    kind = "video"

    def __init__(self, file: MediaFile, pacer: Pacer) -> None:
        super().__init__()
        self._file = file
        self._pacer = pacer

    async def recv(self) -> VideoFrame:
        """The next frame when it is due; frames that are long overdue are left out."""
        while True:
            due_s, frame = await _next_or_end(self, self._file)
            if await self._pacer.until(due_s) <= LATE_MAX_S:
                break
        frame.pts = round(due_s * CLOCK_HZ)
        frame.time_base = Fraction(1, CLOCK_HZ)
        return frame  # type: ignore[no-any-return]


class _AudioTrack(MediaStreamTrack):
    kind = "audio"

    def __init__(self, file: MediaFile, pacer: Pacer) -> None:
        super().__init__()
        self._file = file
        self._pacer = pacer

    async def recv(self) -> AudioFrame:
        """The next 20 ms when they are due; late sound is sent at once."""
        due_s, frame = await _next_or_end(self, self._file)
        await self._pacer.until(due_s)
        frame.pts = round(due_s * SAMPLE_RATE_HZ)
        frame.time_base = Fraction(1, SAMPLE_RATE_HZ)
        return frame  # type: ignore[no-any-return]


async def _next_or_end(track: MediaStreamTrack, file: MediaFile) -> Timed:
    timed = await file.next(track.kind) if track.readyState == "live" else None
    if timed is None:
        track.stop()
        raise MediaStreamError
    return timed


def _sized(frame: VideoFrame) -> VideoFrame:
    """At most 720 rows, even sides, yuv420p: what encoders take in real time."""
    height = min(frame.height, HEIGHT_MAX) // 2 * 2
    width = round(frame.width * height / frame.height / 2) * 2
    return frame.reformat(width=width, height=height, format="yuv420p")
