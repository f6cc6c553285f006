"""The work of `meshnode record`; imported only when there is something to record."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
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
from meshnode.cli.recorded import say_recorded
from meshnode.cli.terminal import tell
from meshnode.client.packet_player import PacketPlayer
from meshnode.client.urls import Door, endpoint
from meshnode.recording.feeding import BATCH_S, Feed
from meshnode.recording.recording import Recording, Summary
from meshproto.errors import MeshError, StateError

RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """What to record, into what, and for how long; `duration_s` None has no end."""

    target: str
    key_file: str | None
    output: Path
    duration_s: float | None
    wait_s: float
    roam: bool


def record_stream(order: Order) -> int:
    """Record until the time is up, nobody publishes, or somebody stops us."""
    url = endpoint(order.target, Door.WHEP)
    recording = Recording(order.output)
    return asyncio.run(_Recorder(order, url, recording).run())


class _Recorder:
    def __init__(self, order: Order, url: str, recording: Recording) -> None:
        self._order = order
        self._url = url
        self._feed = Feed(recording)
        self._sessions = 0

    async def run(self) -> int:
        """Session after session; the exit code."""
        clock = asyncio.get_running_loop().time
        until_s = None
        if self._order.duration_s is not None:
            until_s = clock() + self._order.duration_s
        with interruptions() as stopped:
            try:
                failed = await self._sessions_until(stopped, until_s)
            except StateError as error:
                failed = str(error)
            try:
                summary = await self._feed.close()
            except StateError as error:
                tell(f"meshnode: {failed or error}")
                return 1
        return self._report(summary, failed, stopped.is_set())

    async def _sessions_until(
        self, stopped: asyncio.Event, until_s: float | None
    ) -> str:
        """Record; why it had to end, "" where that was to be expected."""
        clock = asyncio.get_running_loop().time
        waited_s = clock()
        while not stopped.is_set():
            left_s = None if until_s is None else until_s - clock()
            if left_s is not None and left_s <= 0:
                break
            try:
                if await self._session(stopped, left_s) is not End.PEER:
                    break
                tell(f"the stream ended; waiting up to {self._order.wait_s:g} s")
                waited_s = clock()
            except FAILURES as error:
                if not self._sessions:
                    return failure(error)
                if clock() - waited_s >= self._order.wait_s:
                    break
                await asyncio.sleep(RETRY_S)
        return ""

    async def _session(self, stopped: asyncio.Event, left_s: float | None) -> End:
        player = self._player()
        broken = asyncio.Event()
        async with session(player, stopped) as is_open:
            if not is_open:
                return End.EVENT
            self._sessions += 1
            await self._feed.begin(player.tracks)
            tell(f"recording {self._url}")
            player.deliver(self._feed)
            writing = asyncio.create_task(self._write(player, broken))
            try:
                end, _ = await watch(player, left_s, stopped, broken)
            finally:
                writing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await writing
        await self._feed.end()
        return end

    async def _write(self, player: PacketPlayer, broken: asyncio.Event) -> None:
        try:
            while True:
                await asyncio.sleep(BATCH_S)
                await asyncio.shield(self._feed.write())
                player.sized(*self._feed.size)
        except MeshError:
            broken.set()
            raise

    def _player(self) -> PacketPlayer:
        return PacketPlayer(
            self._url,
            bearer=bearer(self._url, self._order.key_file),
            patience_s=self._order.wait_s,
            on_wait=tell,
            roam=self._order.roam,
            on_choice=lambda chosen: tell(f"entering by {chosen}"),
        )

    def _report(self, summary: Summary, failed: str, stopped: bool) -> int:
        came = say_recorded(summary)
        if summary.left_out:
            tell(f"{summary.left_out} frames had holes and were left out")
        if failed:
            tell(f"meshnode: {failed}")
        if not came and stopped:
            return INTERRUPTED
        return 0 if came and not failed else 1
