"""The work of `meshnode publish`; imported only when there is something to publish."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
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


def publish_test(
    target: str,
    key_file: str | None,
    codec: str,
    duration_s: float | None,
    picture: tuple[int, int, int],
) -> int:
    """Publish the test picture; `picture` is width, height, frames a second."""
    url = endpoint(target, Door.WHIP)
    pacer = Pacer()
    tracks = [TestVideoTrack(pacer, *picture), TestToneTrack(pacer)]
    key = bearer(url, key_file)
    return asyncio.run(_stream(url, tracks, key, codec, duration_s))


def publish_file(
    target: str,
    key_file: str | None,
    codec: str,
    duration_s: float | None,
    file: Path,
    *,
    loop: bool,
) -> int:
    """Publish a media file, once or for ever."""
    url = endpoint(target, Door.WHIP)
    key = bearer(url, key_file)

    async def stream() -> int:
        media = MediaFile(file, loop=loop)
        try:
            return await _stream(url, media.tracks, key, codec, duration_s)
        finally:
            await media.close()

    return asyncio.run(stream())


async def _stream(
    url: str,
    tracks: Sequence[MediaStreamTrack],
    key: str,
    codec: str,
    duration_s: float | None,
) -> int:
    """Publish until the tracks end, the time is up, or somebody stops us."""
    with interruptions() as stopped:
        _stop_with(tracks, stopped)
        publisher = Publisher(url, tracks, bearer=key, codec=codec)
        try:
            async with session(publisher, stopped) as is_open:
                if not is_open:
                    return INTERRUPTED
                tell(f"publishing to {url}")
                end, sample = await watch(publisher, stopped, duration_s)
        except FAILURES as error:
            tell(f"meshnode: {failure(error)}")
            return 1
    say(f"published {sample.frames} frames in {sample.elapsed_s:.1f} s")
    if end is End.PEER:
        tell("meshnode: the server ended the session")
        return 1
    return 0


def _stop_with(tracks: Sequence[MediaStreamTrack], stopped: asyncio.Event) -> None:
    """Set `stopped` when the last of `tracks` has ended."""
    live = {track.id for track in tracks}

    def ended(track: MediaStreamTrack) -> None:
        live.discard(track.id)
        if not live:
            stopped.set()

    for track in tracks:
        track.on("ended", lambda track=track: ended(track))
