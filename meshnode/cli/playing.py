"""The work of `meshnode play`; imported only when there is something to play."""

from __future__ import annotations

import asyncio
from pathlib import Path

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
from meshnode.client.player import Player
from meshnode.client.recorder import Recorder, check_name
from meshnode.client.statistics import Sample
from meshnode.client.urls import Door, endpoint


def play_stream(
    target: str,
    key_file: str | None,
    output: Path | None,
    duration_s: float | None,
    wait_s: float,
    *,
    roam: bool,
) -> int:
    """Play until the time is up, the stream ends, or somebody stops us."""
    url = endpoint(target, Door.WHEP)
    if output is not None:
        check_name(output)
    player = Player(
        url,
        bearer=bearer(url, key_file),
        patience_s=wait_s,
        on_wait=tell,
        roam=roam,
        on_choice=lambda chosen: tell(f"entering by {chosen}"),
    )
    return asyncio.run(_play(player, url, output, duration_s))


async def _play(
    player: Player, url: str, output: Path | None, duration_s: float | None
) -> int:
    with interruptions() as stopped:
        try:
            async with session(player, stopped) as is_open:
                if not is_open:
                    return INTERRUPTED
                tell(f"playing {url}")
                recorder = Recorder(output, player.kinds) if output else None
                taking = asyncio.create_task(_take(player, recorder))
                end, sample = await watch(player, duration_s, stopped)
                player.finish()
                await taking
        except FAILURES as error:
            tell(f"meshnode: {failure(error)}")
            return 1
    return _report(end, sample, recorder, output)


async def _take(player: Player, recorder: Recorder | None) -> None:
    """Take every frame; encoding happens in a thread, one frame at a time."""
    async for kind, arrived_s, frame in player.frames():
        if recorder is not None:
            await asyncio.to_thread(recorder.add, kind, arrived_s, frame)


def _report(
    end: End, sample: Sample, recorder: Recorder | None, output: Path | None
) -> int:
    say(f"played {sample.frames} frames in {sample.elapsed_s:.1f} s")
    if recorder is not None:
        written = recorder.close()
        counts = " and ".join(f"{count} of {kind}" for kind, count in written.items())
        say(f"recorded {counts or 'nothing'} into {output}")
    if end is End.PEER:
        tell("meshnode: the stream ended")
    return 0 if sample.frames else 1
