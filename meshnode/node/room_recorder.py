"""Recording a room at any node: `MeshNode.record_room`.

Who is in a room, and what each shows, every node of the mesh knows (RFC 0014 section
3.1).  What a member shows together (its camera with its microphone, its screen with
the sound of it) goes into one file, as it was encoded, through whatever it turns off
and on, and through its reconnects; `room.json` beside the files says whose each is and
when it begins.  The recorder is a viewer like any other and shows nothing to anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meshnode.node.joined import JoinedSubscriber
from meshnode.node.local import LocalSubscriber
from meshnode.node.recorder import LocalRecording
from meshnode.recording.recording import Summary
from meshnode.signalling.rooms.room import Room
from meshnode.signalling.rooms.values import Shown, Who
from meshproto.errors import MeshError, StateError
from meshproto.ids import StreamName

LOOK_S = 0.5
GONE_S = 30.0
"""A member that is gone so long is not waited for; back later, it has another file."""
PARTS_MAX = 1_000
"""Files of one recording."""
INDEX = "room.json"
Subscribe = Callable[[StreamName], Awaitable[LocalSubscriber]]
Key = tuple[str, str]
"""User id, and what its client calls the MediaStream."""


@dataclass(slots=True, eq=False)
class _Part:
    """What a member shows together: the streams that are there now, and their file.

    `began_s` (Unix time) is a guess until `dated`: until something is written.
    """

    who: Who
    source: str
    path: Path
    began_s: float
    names: tuple[StreamName, ...] = ()
    seen_s: float = 0.0
    dated: bool = False
    session: JoinedSubscriber | None = None
    recording: LocalRecording | None = field(default=None, repr=False)

    def told(self) -> dict[str, object]:
        """As the index has it."""
        return {
            "file": self.path.name,
            "user": self.who.user,
            "name": self.who.name,
            "source": self.source,
            "began": self.began_s,
        }


class RoomRecording:
    """A recording of a room that runs.  Made by `MeshNode.record_room`.

    Use it as an async context manager, or call `close` when done.
    """

    def __init__(
        self, folder: Path, find: Callable[[], Room | None], subscribe: Subscribe
    ) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / INDEX).write_text("[]\n", encoding="utf-8")
        except OSError as error:
            raise StateError(f"{folder} cannot be written: {error.strerror}") from None
        self.folder = folder
        self._find = find
        self._subscribe = subscribe
        self._parts: dict[Key, _Part] = {}
        self._told: list[_Part] = []
        self._summaries: list[Summary] = []
        self._stopping = asyncio.Event()
        self._clock = asyncio.get_running_loop().time
        self._task = asyncio.create_task(self._run())

    @property
    def files(self) -> list[str]:
        """The files by now; what is in them is written at any moment."""
        return [part.path.name for part in self._told]

    async def close(self) -> list[Summary]:
        """Stop, and complete the files; one summary for each.

        Raises `StateError` when one could not be written.
        """
        self._stopping.set()
        await asyncio.shield(self._task)
        return self._summaries

    async def __aenter__(self) -> RoomRecording:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # -- inside ------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                await self._look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), LOOK_S)
        finally:
            for key in tuple(self._parts):
                await self._finish(key)

    async def _look(self) -> None:
        """Follow what is shown now."""
        room, now = self._find(), self._clock()
        shown = {} if room is None else _together(room)
        for key, (who, names) in shown.items():
            part = self._parts.get(key) or self._begin(key, who, names)
            if part is not None:
                part.seen_s = now
                if part.names != names:
                    part.names = names
                    if part.session is not None:
                        part.session.close()  # the next one has them
        self._date(now)
        for key, part in tuple(self._parts.items()):
            if key not in shown:
                part.names = ()
            if now - part.seen_s >= GONE_S:
                await self._finish(key)

    def _begin(self, key: Key, who: Who, names: tuple[StreamName, ...]) -> _Part | None:
        if len(self._told) >= PARTS_MAX:
            return None
        number = sum(each.who.user == who.user for each in self._told) + 1
        stem = who.user if number == 1 else f"{who.user}~{number}"
        part = _Part(who, key[1], self.folder / f"{stem}.mkv", time.time(), names)
        self._parts[key] = part
        self._told.append(part)
        self._write_index()

        async def subscribed() -> JoinedSubscriber:
            part.session = await self._join(part.names)
            return part.session

        part.recording = LocalRecording(part.path, subscribed)
        return part

    def _date(self, now: float) -> None:
        """Tell when files begin, once that is known."""
        fresh = False
        for part in self._parts.values():
            began_s = None if part.recording is None else part.recording.began_at_s
            if began_s is not None and not part.dated:
                part.dated = fresh = True
                part.began_s = time.time() - (now - began_s)
        if fresh:
            self._write_index()

    async def _join(self, names: tuple[StreamName, ...]) -> JoinedSubscriber:
        """All of these streams that can be had.  Raises `MeshError` for none."""
        found: list[LocalSubscriber] = []
        for name in names:
            with contextlib.suppress(MeshError):
                found.append(await self._subscribe(name))
        if not found:
            raise StateError("nothing is shown")
        return JoinedSubscriber(found)

    async def _finish(self, key: Key) -> None:
        part = self._parts[key]
        if part.recording is not None:
            self._summaries.append(await part.recording.close())
        self._date(self._clock())
        del self._parts[key]

    def _write_index(self) -> None:
        fresh = self.folder / f"{INDEX}~"
        text = json.dumps([part.told() for part in self._told], indent=1)
        try:
            fresh.write_text(f"{text}\n", encoding="utf-8")
            fresh.replace(self.folder / INDEX)
        except OSError as error:
            raise StateError(f"{fresh} cannot be written: {error.strerror}") from None


def _together(room: Room) -> Mapping[Key, tuple[Who, tuple[StreamName, ...]]]:
    """The streams of each member that belong together, in a fixed order."""
    found: dict[Key, tuple[Who, list[tuple[str, StreamName]]]] = {}
    shown: Shown
    for name, who, shown in room.tracks():
        entry = found.setdefault((who.user, shown.source), (who, []))
        entry[1].append((shown.label, name))
    return {
        key: (who, tuple(name for _, name in sorted(streams)))
        for key, (who, streams) in found.items()
    }
