"""Members at other nodes, made from what the directory tells of their streams.

Streams are known by their ids here, for names move between them: a member that left and
is back as somebody new publishes under the same names, and a node may hear of the new
streams before the end of the old ones.  Who is in a room follows from all that is told
of a user at this moment, whatever came first: the member that sat down last, and the
tracks of its own (RFC 0014 section 3.1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from meshnode.signalling.rooms import names
from meshnode.signalling.rooms.room import Room
from meshnode.signalling.rooms.values import Shown, Who
from meshproto.ids import NodeId, StreamId, StreamName

Key = tuple[str, str]
"""Room and user id."""
_NOBODY: Key = ("", "")


@dataclass(frozen=True, slots=True)
class Told:
    """One stream: whose it is, what it is called here, where it is.  `shown` is the
    track, None for the member itself, of which `since_ms` is when it sat down.
    """

    who: Who
    name: StreamName
    origin: NodeId | None
    shown: Shown | None = None
    since_ms: int = 0

    @property
    def key(self) -> Key:
        """Whose it is."""
        return self.who.room, self.who.user


class Faraway:
    """All of them; as bounded as the directory that tells.

    `find` has the room of an id, `make` makes one, `left(room, user, since_ms)` hears
    of who is in a room no more.
    """

    def __init__(
        self,
        find: Callable[[str], Room | None],
        make: Callable[[str], Room],
        left: Callable[[str, str, int], None],
    ) -> None:
        self._find = find
        self._make = make
        self._left = left
        self._told: dict[StreamId, Told] = {}
        self._users: dict[Key, dict[StreamId, None]] = {}
        self._called: dict[StreamName, StreamId] = {}

    def seen(
        self,
        stream: StreamId,
        name: StreamName,
        about: Mapping[str, str],
        kind: str,
        origin: NodeId | None,
    ) -> None:
        """A stream is there, or changed, or is called otherwise by now."""
        who = names.who_of(about)
        if who is None:
            return
        label, since = about.get("label", ""), about.get("since", "")
        source, muted = about.get("source", ""), "muted" in about
        shown = Shown(label, kind, source, muted) if label else None
        since_ms = int(since) if since.isdecimal() else 0
        before = self._forget(stream)
        told = self._told[stream] = Told(who, name, origin, shown, since_ms)
        self._users.setdefault(told.key, {})[stream] = None
        self._called[name] = stream
        if before is not None and before.key != told.key:
            self._settle(before.key)
        self._settle(told.key)

    def unseen(self, stream: StreamId) -> None:
        """It has ended, or is of this node now; unknown ones are fine."""
        told = self._forget(stream)
        if told is not None:
            self._settle(told.key)

    def of(self, name: StreamName) -> Key:
        """Room and user of the stream that is called so, both empty for nobody's."""
        stream = self._called.get(name)
        return _NOBODY if stream is None else self._told[stream].key

    def _forget(self, stream: StreamId) -> Told | None:
        told = self._told.pop(stream, None)
        if told is None:
            return None
        if self._called.get(told.name) == stream:
            del self._called[told.name]
        streams = self._users[told.key]
        del streams[stream]
        if not streams:
            del self._users[told.key]
        return told

    def _settle(self, key: Key) -> None:
        """Have the room see that user as all that is told says."""
        room_id, user = key
        told = [self._told[stream] for stream in self._users.get(key, ())]
        here = [one for one in told if one.shown is None]
        room = self._find(room_id)
        if here:
            self._sits(room or self._make(room_id), told, max(here, key=_since))
        elif room is not None and (afar := room.afar.get(user)) is not None:
            if user not in room.seats:
                self._left(room_id, user, afar.since_ms)
            room.departed(user)

    def _sits(self, room: Room, told: list[Told], member: Told) -> None:
        afar = room.arrived(member.who)
        afar.since_ms, afar.origin = member.since_ms, member.origin
        room.shows(
            afar,
            {
                one.name: one.shown
                for one in told
                if one.shown is not None and one.who.peer == member.who.peer
            },
        )


def _since(told: Told) -> int:
    return told.since_ms
