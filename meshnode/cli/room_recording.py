"""The work of `meshnode record --room`; imported only when there is a room to record.

Who is in a room is told in the mesh and nowhere else, so the recorder is a node of its
own for as long as it records: it joins by the node that was named, carries nothing for
others, and has no door.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from meshnode.cli.progress import INTERRUPTED, interruptions
from meshnode.cli.recorded import say_recorded
from meshnode.cli.terminal import tell
from meshnode.config import Settings
from meshnode.node.mesh import MeshNode
from meshnode.node.room_recorder import RoomRecording
from meshnode.recording.recording import Summary
from meshnode.signalling.problems import Refused
from meshnode.signalling.rooms.values import valid_id
from meshproto.errors import StateError

HERE = "127.0.0.1"
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class RoomOrder:
    """Which room to record, into what folder, for how long; `duration_s` None has no
    end.  `target` is ROOM, or NODE/ROOM with a node as --bootstrap takes it.
    """

    target: str
    folder: Path
    duration_s: float | None
    wait_s: float

    def parted(self) -> tuple[str, str]:
        """Node and room.  Raises `StateError`."""
        node, _, room = self.target.rpartition("/")
        try:
            return node or HERE, valid_id(room, "the name of a room")
        except Refused as error:
            raise StateError(error.detail) from None


def record_room(order: RoomOrder) -> int:
    """Record until the time is up, nobody comes, or somebody stops us."""
    node, room = order.parted()
    settings = Settings(
        port=0, mesh=True, bootstrap=(node,), role="edge", log_level="warning"
    )
    return asyncio.run(_record(order, settings, room))


async def _record(order: RoomOrder, settings: Settings, room: str) -> int:
    with interruptions() as stopped:
        async with MeshNode(settings, listen=False) as node:
            recording = node.record_room(room, order.folder)
            tell(f"recording room {room} by {settings.bootstrap[0]}")
            try:
                async with asyncio.timeout(order.duration_s):
                    came = await _watch(recording, stopped, order.wait_s)
            except TimeoutError:
                came = True
            summaries = await recording.close()
    return _report(summaries, order, came=came, stopped=stopped.is_set())


async def _watch(
    recording: RoomRecording, stopped: asyncio.Event, wait_s: float
) -> bool:
    """Tell of files as they begin, until somebody stops us; False when nobody shows
    anything for too long.
    """
    clock = asyncio.get_running_loop().time
    began_s, told = clock(), 0
    while not stopped.is_set():
        for name in recording.files[told:]:
            tell(f"recording {name}")
            told += 1
        if not told and clock() - began_s >= wait_s:
            return False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), LOOK_S)
    return True


def _report(
    summaries: Sequence[Summary], order: RoomOrder, *, came: bool, stopped: bool
) -> int:
    written = [summary for summary in summaries if say_recorded(summary)]
    if not came:
        tell(f"meshnode: nobody shows anything in {order.target}")
    if not written and stopped:
        return INTERRUPTED
    return 0 if written else 1
