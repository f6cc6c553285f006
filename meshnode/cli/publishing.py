"""The work of `meshnode publish`; imported only when there is something to publish."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aiortc import MediaStreamTrack

from meshnode.cli.credentials import bearer
from meshnode.cli.progress import (
    FAILURES,
    INTERRUPTED,
    End,
    failure,
    interruptions,
    session,
    watch,
)
from meshnode.cli.terminal import say, tell
from meshnode.client.media_file import MediaFile
from meshnode.client.pace import Pacer
from meshnode.client.publisher import Publisher
from meshnode.client.synthetic import TestToneTrack, TestVideoTrack
from meshnode.client.urls import Door, endpoint


@dataclass(frozen=True, slots=True)
class Order:
    """Where to publish and how; `duration_s` None means until it ends by itself."""

    target: str
    key_file: str | None
    codec: str
    duration_s: float | None


def publish_test(order: Order, width: int, height: int, rate_hz: int) -> int:
    """Publish the test picture and the tone."""
    pacer = Pacer()
    tracks = [TestVideoTrack(pacer, width, height, rate_hz), TestToneTrack(pacer)]
    return asyncio.run(_stream(order, tracks, asyncio.Event()))


def publish_file(order: Order, file: Path, *, loop: bool) -> int:
    """Publish a media file, once or for ever."""

    async def stream() -> int:
        media = MediaFile(file, loop=loop)
        try:
            return await _stream(order, media.tracks, media.finished)
        finally:
            await media.close()

    return asyncio.run(stream())


async def _stream(
    order: Order, tracks: Sequence[MediaStreamTrack], finished: asyncio.Event
) -> int:
    """Publish until the media is finished, the time is up, or somebody stops us."""
    url = endpoint(order.target, Door.WHIP)
    key = bearer(url, order.key_file)
    publisher = Publisher(url, tracks, bearer=key, codec=order.codec)
    with interruptions() as stopped:
        try:
            async with session(publisher, stopped) as is_open:
                if not is_open:
                    return INTERRUPTED
                tell(f"publishing to {url}")
                end, sample = await watch(
                    publisher, order.duration_s, stopped, finished
                )
        except FAILURES as error:
            tell(f"meshnode: {failure(error)}")
            return 1
    say(f"published {sample.frames} frames in {sample.elapsed_s:.1f} s")
    if end is End.PEER:
        tell("meshnode: the server ended the session")
        return 1
    return 0
