"""The table of rooms: made when somebody joins or asks, swept when nobody is left.

A room is the same under its id by every door.  Joining under a user id that is taken
needs the token of that session (`tokens`): whoever shows it gets the place, and what
the member published goes on under the same names.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from meshnode.signalling.connection import Rules
from meshnode.signalling.happenings import Happening, PublisherJoined, StreamEnded
from meshnode.signalling.layers import best_first
from meshnode.signalling.members import Publisher
from meshnode.signalling.problems import Refused
from meshnode.signalling.rooms.around import Host, House, Identity
from meshnode.signalling.rooms.faraway import Faraway
from meshnode.signalling.rooms.room import Room
from meshnode.signalling.rooms.seat import TRACKS_MAX, Seat
from meshnode.signalling.rooms.tokens import RETURN_S, Place, Session, Tokens
from meshnode.signalling.rooms.values import (
    Guest,
    Removed,
    RoomLimits,
    Said,
    Who,
)
from meshnode.signalling.seam import Elsewhere, Words
from meshproto.errors import LimitError, MeshError
from meshproto.ids import NodeId, ProducerId, StreamId, StreamName

EMPTY_S = 30.0
"""A room without members is swept after so long."""
LISTEN_S = 0.2
QUALITY_TICKS = 3
MUTE = "mute"
LABEL_MAX = 64
"""Characters of a label that somebody at another node speaks under."""
PLACES_MAX = 65_536
"""Members that are remembered for a while after they left."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A seat, and what its member needs to come back."""

    room: Room
    seat: Seat
    session: str
    token: str
    resumed: bool


class Rooms:
    """All rooms of a node.  Call from one loop."""

    def __init__(self, house: House, tokens: Tokens, limits: RoomLimits) -> None:
        self.elsewhere: Elsewhere | None = None
        self.limits = limits
        self.tokens = tokens
        self._house = house
        self._rooms: dict[str, Room] = {}
        self._faraway = Faraway(self._rooms.get, self._new, self._note_left)
        self._fetching: dict[StreamName, asyncio.Task[None]] = {}
        self._empty_since: dict[str, float] = {}
        self._heads: dict[ProducerId, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0
        self._left: dict[tuple[str, str], tuple[int, float]] = {}

    def __iter__(self) -> Iterator[Room]:
        return iter(tuple(self._rooms.values()))

    def __len__(self) -> int:
        return len(self._rooms)

    def get(self, id_: str) -> Room | None:
        """The room of that id."""
        return self._rooms.get(id_)

    # -- rooms -------------------------------------------------------------------------

    def create(self, id_: str, name: str = "", members_max: int = 0) -> Room:
        """Make a room that stays while it is empty.  Raises `LimitError`."""
        room = self._open(id_)
        room.name, room.kept = name or id_, True
        most = self.limits.members_per_room
        room.members_max = min(members_max or most, most)
        return room

    def delete(self, id_: str, reason: str = "the room was closed") -> bool:
        """Close a room and remove its members here; False when there is none."""
        room = self._rooms.get(id_)
        if room is None:
            return False
        for seat in tuple(room.seats.values()):
            self.remove(seat, reason)
        if not room.afar:
            self._rooms.pop(id_, None)
        room.kept = False
        return True

    def _open(self, id_: str) -> Room:
        """A room for somebody here.  Raises `LimitError`."""
        room = self._rooms.get(id_)
        if room is not None and (room.seats or room.kept):
            return room
        # why not all: rooms of others are bounded with the directory that tells of them
        used = sum(bool(room.seats or room.kept) for room in self)
        if used >= self.limits.rooms:
            raise LimitError("rooms", self.limits.rooms)
        return room or self._new(id_)

    def _new(self, id_: str) -> Room:
        most, house = self.limits.members_per_room, self._house
        room = Room(id_, id_, most, house.streams, self._fetch, house.clock)
        self._rooms[id_] = room
        return room

    # -- members -----------------------------------------------------------------------

    def join(
        self,
        who: Who,
        guest: Guest,
        rules: Rules,
        *,
        address: str = "",
        token: str = "",
    ) -> Joined:
        """Somebody joins.  `who.peer` is not looked at.

        Raises `Refused` (409) for a user id that is taken, `LimitError` at a bound.
        """
        session = self._resumed(who, token) if token else None
        room = self._rooms.get(who.room)
        before = None if room is None else room.seats.get(who.user)
        taken = before is not None or (room is not None and who.user in room.afar)
        if taken and session is None:
            raise Refused(409, f"{who.user} is in this room; resuming needs its token")
        room = self._open(who.room)
        if not taken and len(room) >= room.members_max:
            raise LimitError("members_per_room", room.members_max)
        resumed = session is not None
        session = session or Session.new(who.room, who.user)
        identity = Identity(
            Who(who.room, who.user, session.peer, who.name),
            f"room {session.owner}",
            session.secret,
            address,
            self.tokens.now_ms(),
        )
        showed = room.shown_by(who.user)
        if before is not None:
            before.leave("resumed elsewhere", linger=True)
            room.rise(before, returns=True)
            before.guest.told(Removed("resumed elsewhere"))
        joined = self._sit(room, identity, guest, rules, session, resumed)
        joined.seat.expect(showed)
        return joined

    def _sit(
        self,
        room: Room,
        identity: Identity,
        guest: Guest,
        rules: Rules,
        session: Session,
        resumed: bool,
    ) -> Joined:
        host = Host(room.showed, self.say, self._moved, self._arriving)
        seat = Seat(self._house, identity, guest, rules, host)
        seat.enter()
        self._empty_since.pop(room.id, None)
        room.afar.pop(identity.who.user, None)
        room.sit(seat)
        self._listen_soon()
        token = self.tokens.issue(session, identity.since_ms)
        return Joined(room, seat, session.id, token, resumed)

    def _moved(self, seat: Seat) -> None:
        """The member of a seat sits at another node by now."""
        room = self._rooms.get(seat.who.room)
        if room is not None:
            room.rise(seat, returns=True)

    def _arriving(self, publisher: Publisher) -> None:
        """A member's stream is about to be claimed here; it may come from afar yet."""
        if self.elsewhere is not None:
            self.elsewhere.arriving(publisher.stream, publisher.owner, publisher.secret)

    def _resumed(self, who: Who, token: str) -> Session | None:
        return self.tokens.redeem(
            token, who.room, who.user, self._place(who.room, who.user)
        )

    def _place(self, room_id: str, user: str) -> Place | None:
        """What is known of that member."""
        room = self._rooms.get(room_id)
        if room is not None and user in room.seats:
            return Place(room.seats[user].identity.since_ms)
        if room is not None and user in room.afar:
            return Place(room.afar[user].since_ms)
        if found := self._left.get((room_id, user)):
            return Place(found[0], self._house.clock() - found[1])
        return None

    def _note_left(self, room_id: str, user: str, since_ms: int) -> None:
        self._left.pop((room_id, user), None)
        self._left[room_id, user] = (since_ms, self._house.clock())
        if len(self._left) > PLACES_MAX:
            del self._left[next(iter(self._left))]

    def leave(self, seat: Seat, reason: str = "left", *, linger: bool = False) -> None:
        """A member leaves; by its token it may come back.  With `linger` the others go
        on waiting for what it showed.
        """
        if seat.left:
            return
        room = self._rooms.get(seat.who.room)
        self._note_left(seat.who.room, seat.who.user, seat.identity.since_ms)
        seat.leave(reason, linger=linger)
        if room is not None:
            room.rise(seat)

    def remove(self, seat: Seat, reason: str) -> None:
        """Throw a member out; its token is worth nothing any more."""
        self.tokens.revoke(seat.who.room, seat.who.user)
        seat.tell(Removed(reason))
        self.leave(seat, reason)

    def say(self, said: Said) -> None:
        """A member here says something to all others."""
        room = self._rooms.get(said.who.room)
        seat = None if room is None else room.seats.get(said.who.user)
        if room is not None and seat is not None:
            room.say(said)
            words = (said.who.room, said.who.user, "", said.label)
            reached = [self._tell(node, words, said.data) for node in room.origins()]
            if not any(reached):  # it is too long for that way
                seat.say_onward(said)

    def _tell(self, node: NodeId, words: Words, data: bytes | str) -> bool:
        return self.elsewhere is not None and self.elsewhere.tell_node(
            node, words, data
        )

    def heard_from(self, node: NodeId, words: Words, data: bytes | str) -> None:
        """A member at that node says something, or (`to`) asks a member to mute."""
        room_id, user, to, label = words
        room = self._rooms.get(room_id)
        afar = None if room is None else room.afar.get(user)
        # why: a node speaks for those alone that sit there by its own word
        if room is None or afar is None or afar.origin != node:
            return
        if not to:
            room.say(Said(afar.who, label[:LABEL_MAX], data))
        elif label == MUTE and data in ("audio", "video"):
            room.ask_mute(afar.who, to, str(data))

    def ask_mute(self, room: Room, by: Who, peer: str, kind: str) -> bool:
        """Ask a member, wherever it sits, to mute; False for who is not in the room."""
        if room.ask_mute(by, peer, kind):
            return True
        nodes = [a.origin for a in room.afar.values() if a.who.peer == peer]
        words = (by.room, by.user, peer, MUTE)
        return any(node and self._tell(node, words, kind) for node in nodes)

    def layers(self, name: StreamName) -> tuple[tuple[str, int], ...]:
        """The layers of a stream that have been seen with their rates in bit/s,
        cheapest first.
        """
        stream = self._house.streams.get(name)
        if stream is None or not stream.tracks:
            return ()
        track = stream.tracks[0]
        cheap_first = reversed(best_first(track))
        return tuple((rid, track.layers[rid].bitrate_bps) for rid in cheap_first)

    def octets(self) -> int:
        """Octets that came and went by the media port."""
        stats = self._house.media.plane.stats()
        return int(stats["received"]["bytes"] + stats["sent"]["bytes"])

    def fit(self, seat: Seat) -> None:
        """Let a seat keep to its limit."""
        room = self._rooms.get(seat.who.room)
        with contextlib.suppress(MeshError):  # a layer went meanwhile; soon again
            seat.gets.fit(self.layers, [] if room is None else room.order)

    def _listen(self) -> None:
        """A few times a second: who speaks, in each room."""
        self._timer = None
        rooms = [room for room in self if room.seats]
        if not rooms:
            return
        levels = self._house.media.plane.audio_levels(self._heads)
        self._heads = {producer: head for producer, (head, _) in levels.items()}
        for room in rooms:
            room.listen(levels, self._house.clock())
        self._listen_soon()

    def _listen_soon(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(LISTEN_S, self._listen)

    # -- the rest of the mesh ----------------------------------------------------------

    def seen(
        self,
        stream: StreamId,
        name: StreamName,
        about: Mapping[str, str],
        kind: str,
        origin: NodeId | None = None,
    ) -> None:
        """A stream at another node is there, or changed: a member's, by `about`."""
        self._faraway.seen(stream, name, about, kind, origin)

    def unseen(self, stream: StreamId) -> None:
        """A stream of another node has ended, or is of this node now."""
        self._faraway.unseen(stream)

    def heard(self, name: StreamName, label: str, data: bytes | str) -> None:
        """A member at another node said something to all others."""
        room_id, user = self._faraway.of(name)
        room = self._rooms.get(room_id)
        if room is not None and user in room.afar:
            room.heard(Said(room.afar[user].who, label, data))

    def happened(self, happening: Happening) -> None:
        """Something happened to a stream here."""
        if isinstance(happening, PublisherJoined | StreamEnded):
            room_id, _ = self._faraway.of(happening.stream)
            if room := self._rooms.get(room_id):
                room.changed()

    def _fetch(self, name: StreamName) -> None:
        if self.elsewhere is None or name in self._fetching:
            return
        task = asyncio.get_running_loop().create_task(self._bring(self.elsewhere, name))
        self._fetching[name] = task
        task.add_done_callback(lambda _: self._fetching.pop(name, None))

    async def _bring(self, elsewhere: Elsewhere, name: StreamName) -> None:
        try:
            await elsewhere.bring(name)
        except MeshError:
            return  # the tick asks again while it is wanted
        room_id, _ = self._faraway.of(name)
        if room := self._rooms.get(room_id):
            room.changed()

    # -- time --------------------------------------------------------------------------

    def tick(self) -> None:
        """Once a second: keep names, sweep what is empty, try again what failed."""
        now = self._house.clock()
        self._ticks += 1
        if self._ticks % QUALITY_TICKS == 0:
            self._measure()
        for room in self:
            for seat in tuple(room.seats.values()):
                seat.beat()
                _show_again(seat)
                self.fit(seat)
                seat.gets.tell_layers(self.layers)
            if room.seats:
                room.spread()
            self._sweep(room, now)
        while self._left:
            key, (_, left_s) = next(iter(self._left.items()))
            if now - left_s <= RETURN_S:
                break
            del self._left[key]

    def _measure(self) -> None:
        seats = [seat for room in self for seat in room.seats.values()]
        if not seats:
            return
        consumers = self._house.media.plane.stats()["forwarder"]["consumers"]
        for seat in seats:
            seat.gets.measure(consumers)

    def _sweep(self, room: Room, now: float) -> None:
        if len(room):
            self._empty_since.pop(room.id, None)
            return
        since = self._empty_since.setdefault(room.id, now)
        if now - since >= EMPTY_S and not room.kept:
            self._rooms.pop(room.id, None)
            self._empty_since.pop(room.id, None)

    def close(self) -> None:
        """The node stops."""
        if self._timer is not None:
            self._timer.cancel()
        for task in tuple(self._fetching.values()):
            task.cancel()
        for room in self:
            for seat in tuple(room.seats.values()):
                seat.tell(Removed("the node stopped", resume=True))
                self.leave(seat, "the node stopped")


def _show_again(seat: Seat) -> None:
    """Show what could not be shown when it came: who left one node and joins another
    may be here before the end of what it showed there, and that has the names.
    """
    inlets = seat.connection.carriage.inlets
    if not seat.left and len(seat.shown) < min(len(inlets), TRACKS_MAX):
        seat.received(inlets)
