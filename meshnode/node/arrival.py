"""A stream from afar that is watched here: the publisher that its producers stand for.

The publisher is a member of the registry like any other, under the door "mesh"; where
its packets come from is the tree's affair.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meshnode.node.carried import Carried
from meshnode.node.parts import Parts
from meshnode.signalling.members import Publisher
from meshnode.signalling.streams import Streams
from meshproto.ids import StreamId, StreamName

DOOR = "mesh"


class Arrival:
    """One of them; `fed` once packets have a way here."""

    def __init__(
        self,
        stream: StreamId,
        name: StreamName,
        now: float,
        say: Callable[[str, bytes | str], bool],
    ) -> None:
        """`say(label, data)` takes what a viewer tells the publisher."""
        self.stream = stream
        self.name = name
        self.fed = asyncio.Event()
        self.member: Publisher | None = None
        self.viewers = 0
        self._say = say
        self._idle_since: float | None = now
        self._silent_since: float | None = None

    def __repr__(self) -> str:
        fed = "fed" if self.fed.is_set() else "waiting"
        return f"<Arrival {self.name} {fed}, {self.viewers} viewers>"

    # -- who watches -------------------------------------------------------------------

    def audience(self, viewers: int, now: float) -> None:
        """So many watch here now."""
        self.viewers = viewers
        if viewers:
            self._idle_since = None
        elif self._idle_since is None:
            self._idle_since = now

    def idle_for(self, now: float) -> float:
        """For how long nobody has watched, in seconds."""
        return 0.0 if self._idle_since is None else now - self._idle_since

    def silence(self, now: float) -> None:
        """Its packets stopped; nobody says that the stream has ended."""
        self.fed.clear()
        if self._silent_since is None:
            self._silent_since = now

    def silent_for(self, now: float) -> float:
        """For how long it has been so, in seconds."""
        return 0.0 if self._silent_since is None else now - self._silent_since

    # -- coming and going --------------------------------------------------------------

    def open(self, parts: Parts, carried: Carried) -> None:
        """A publisher for what `carried` has, in place of the one before, if any.

        Raises `LimitError` where there are too many streams.
        """
        streams, before = parts.streams, self.member
        local = streams.get(self.name)
        # why as its owner: the directory has decided whose stream it is
        lingering = local is not None and local.publisher is None
        streams.claim(self.name, local.owner if local and lingering else DOOR, "")
        member = Publisher(
            streams.directory.new_number(),
            DOOR,
            self.name,
            carried.transport,
            lambda reason: self._dismiss(streams, member, reason),
            parts.clock(),
            self._say,
            owner=DOOR if before is None else before.owner,
            tracks=carried.tracks,
        )
        self.member = member
        streams.publish(member)
        if self.fed.is_set():
            streams.connected(member)
        if before is not None:
            # why after: viewers move from the old tracks to the new without a gap
            self._dismiss(streams, before, "its tracks changed")

    def feed(self, streams: Streams) -> None:
        """Packets have a way here: the stream is live."""
        self.fed.set()
        self._silent_since = None
        if self.member is not None:
            streams.connected(self.member)

    def close(self, streams: Streams, reason: str) -> None:
        """The stream comes no more; viewers stay for the registry's linger."""
        self.fed.clear()
        if self.member is not None:
            self._dismiss(streams, self.member, reason)

    def _dismiss(self, streams: Streams, member: Publisher, reason: str) -> None:
        if self.member is member:
            self.member = None
        streams.closed(member, reason)
