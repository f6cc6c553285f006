"""One room as this node sees it: its seats here, members elsewhere, who gets what.

Nobody keeps a room.  Members of this node are seats, members elsewhere are what the
directory tells, and from both together each seat is given what it wants of the others
(`spread`): streams that are here are played to it, others are fetched first.  Spreading
is idempotent, so whatever happens, it is simply done again, once at the end of a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from meshnode.signalling.rooms.choosing import Entry, chosen
from meshnode.signalling.rooms.ears import Ears
from meshnode.signalling.rooms.seat import Seat
from meshnode.signalling.rooms.speakers import Speakers
from meshnode.signalling.rooms.values import (
    MemberJoined,
    MemberLeft,
    MuteWanted,
    Roll,
    RoomEvent,
    RoomState,
    Said,
    Shown,
    SpeakerChanged,
    TracksChanged,
    Who,
)
from meshnode.signalling.streams import Streams
from meshproto.forwarding.levels import Levels
from meshproto.ids import NodeId, ProducerId, StreamName


@dataclass(slots=True, eq=False)
class Afar:
    """A member at another node: who it is, its tracks by their streams, since when it
    has been there (Unix time), and which node that is.
    """

    who: Who
    tracks: dict[StreamName, Shown] = field(default_factory=dict)
    since_ms: int = 0
    origin: NodeId | None = None


class Room:
    """See above.  `fetch(name)` is asked for streams that a seat here wants."""

    def __init__(
        self,
        id_: str,
        name: str,
        members_max: int,
        streams: Streams,
        fetch: Callable[[StreamName], None],
        clock: Callable[[], float],
    ) -> None:
        self.id = id_
        self.name = name
        self.members_max = members_max
        self.kept = False
        """Whether it was made on purpose and stays while empty."""
        self.speaker = ""
        self.speakers = Speakers()
        self._ears = Ears(streams, clock)
        self.seats: dict[str, Seat] = {}
        self.afar: dict[str, Afar] = {}
        self.created_s = self.updated_s = clock()
        self.order: list[str] = []
        """Peers by when they spoke last, the latest first."""
        self._streams = streams
        self._fetch = fetch
        self._clock = clock
        self._spreading = False

    def __len__(self) -> int:
        return len(self.seats) + len(self.afar)

    def __bool__(self) -> bool:
        """A room without members is a room."""
        return True

    def __repr__(self) -> str:
        return f"<Room {self.id}, {len(self.seats)} here, {len(self.afar)} elsewhere>"

    # -- looking -----------------------------------------------------------------------

    def members(self) -> Iterator[Who]:
        """Everybody, those of this node first."""
        yield from (seat.who for seat in self.seats.values())
        yield from (afar.who for afar in self.afar.values())

    def roll(self) -> Roll:
        """What there is to say about the room."""
        tracks = sum(len(seat.shown) for seat in self.seats.values())
        tracks += sum(len(afar.tracks) for afar in self.afar.values())
        return Roll(
            self.id,
            self.name,
            RoomState.ACTIVE if len(self) else RoomState.INACTIVE,
            tuple(self.members()),
            tracks,
            self._clock() - self.created_s,
            self._clock() - self.updated_s,
            self.members_max,
        )

    def tracks(self) -> Iterator[Entry]:
        """Every track of everybody, with its stream."""
        for seat in self.seats.values():
            for name, shown in seat.streams.items():
                yield name, seat.who, shown
        for user, afar in self.afar.items():
            # why: of two that are told of for a moment the one here is the newer
            for name, shown in afar.tracks.items() if user not in self.seats else ():
                yield name, afar.who, shown

    def shown_by(self, user: str) -> tuple[Shown, ...]:
        """The tracks of one member, wherever it is."""
        seat, afar = self.seats.get(user), self.afar.get(user)
        if seat is not None:
            return tuple(seat.streams.values())
        return () if afar is None else tuple(afar.tracks.values())

    def shown(self) -> Iterator[TracksChanged]:
        """What everybody shows who shows anything."""
        for seat in self.seats.values():
            if seat.shown:
                yield TracksChanged(seat.who, seat.shown)
        for afar in self.afar.values():
            if afar.tracks:
                yield TracksChanged(afar.who, tuple(afar.tracks.values()))

    def voices(self) -> dict[str, ProducerId]:
        """The first microphone of everybody who has one and is heard here."""
        found: dict[str, ProducerId] = {}
        for name, who, shown in self.tracks():
            stream = self._streams.get(name)
            if shown.kind == "audio" and stream is not None and stream.tracks:
                found.setdefault(who.peer, stream.tracks[0].producer)
        return found

    def listen(self, levels: Levels, now: float) -> None:
        """Find out who speaks."""
        voices = self.voices()
        for peer, producer in voices.items():
            self.speakers.hear(peer, levels.get(producer, (0, ()))[1], now)
        self.speakers.keep(list(voices))
        before = self.speakers.ranking
        self.speaking(self.speakers.decide())
        if self.speakers.ranking != before and self._has_slots:
            self.changed()

    @property
    def _has_slots(self) -> bool:
        """Whether somebody here wants the loudest."""
        return any(seat.wanted.slots for seat in self.seats.values())

    def by_peer(self, peer: str) -> Seat | None:
        """The seat of that peer."""
        return next((s for s in self.seats.values() if s.who.peer == peer), None)

    # -- members -----------------------------------------------------------------------

    def sit(self, seat: Seat) -> None:
        """Somebody joins here."""
        self.seats[seat.who.user] = seat
        self._tell(MemberJoined(seat.who), but=seat)
        self.changed()

    def rise(self, seat: Seat, *, returns: bool = False) -> None:
        """A seat is empty; `returns`: its member has another one by now."""
        if self.seats.get(seat.who.user) is not seat:
            return
        del self.seats[seat.who.user]
        if not returns:
            self.gone(seat.who)
        self.changed()

    def arrived(self, who: Who) -> Afar:
        """Somebody is at another node."""
        known = self.afar.get(who.user)
        if known is not None and known.who == who:
            return known
        if known is not None and known.who.peer != who.peer:
            self.departed(who.user)
            known = None
        afar = self.afar[who.user] = Afar(who, {} if known is None else known.tracks)
        if who.user not in self.seats:
            self._tell(MemberJoined(who))
        self.changed()
        return afar

    def shows(self, afar: Afar, tracks: dict[StreamName, Shown]) -> None:
        """Somebody elsewhere shows these tracks."""
        before, afar.tracks = afar.tracks, tracks
        if list(before.values()) != list(tracks.values()):
            self._tell(TracksChanged(afar.who, tuple(tracks.values())))
        if before != tracks:
            self.changed()

    def departed(self, user: str) -> None:
        """Somebody is at that other node no more."""
        afar = self.afar.pop(user, None)
        if afar is not None and user not in self.seats:
            self.gone(afar.who)
        self.changed()

    def gone(self, who: Who) -> None:
        """Nobody of that name is here any more."""
        if who.peer in self.order:
            self.order.remove(who.peer)
        if self.speaker == who.peer:
            self.speaking("")
        self._tell(MemberLeft(who))
        self.changed()

    def showed(self, seat: Seat) -> None:
        """The tracks of a seat changed."""
        self._tell(TracksChanged(seat.who, seat.shown), but=seat)
        self.changed()

    # -- what members say --------------------------------------------------------------

    def origins(self) -> frozenset[NodeId]:
        """The nodes where members sit that are not here."""
        return frozenset(a.origin for a in self.afar.values() if a.origin is not None)

    def say(self, said: Said) -> None:
        """A member says something to all others: those here hear it."""
        for seat in tuple(self.seats.values()):
            if seat.who != said.who:
                seat.connection.say(said.label, said.data)
                seat.tell(said)

    def heard(self, said: Said) -> None:
        """The same by a tree, which serves data channels itself."""
        self._tell(said)

    def ask_mute(self, by: Who, peer: str, kind: str) -> bool:
        """Ask a member to mute itself; False where it is not here."""
        seat = self.by_peer(peer)
        if seat is not None:
            seat.tell(MuteWanted(by.peer, kind))
        return seat is not None

    def speaking(self, peer: str) -> None:
        """Who is heard above all others, "" for nobody."""
        old, self.speaker = self.speaker, peer
        if peer:
            self.order = [peer, *(p for p in self.order if p != peer)]
        if old != peer:
            self._tell(SpeakerChanged(old, peer))
            self.changed()

    def _tell(self, event: RoomEvent, but: Seat | None = None) -> None:
        for seat in tuple(self.seats.values()):
            if seat is not but:
                seat.tell(event)

    # -- who gets what -----------------------------------------------------------------

    def changed(self) -> None:
        """Something changed that may concern who gets what."""
        self.updated_s = self._clock()
        if not self._spreading:
            self._spreading = True
            asyncio.get_running_loop().call_soon(self.spread)

    def spread(self) -> None:
        """Give every seat what it wants, and nothing else."""
        self._spreading = False
        tracks = list(self.tracks())
        listens = self._has_slots
        self._ears.listen(self._sounds_afar() if listens else (), self._fetch)
        voices = self.speakers.ranking if listens else ()
        for seat in tuple(self.seats.values()):
            self._serve(seat, chosen(seat, tracks, self.order, voices))

    def _sounds_afar(self) -> Iterator[StreamName]:
        for afar in self.afar.values():
            for name, shown in afar.tracks.items():
                if shown.kind == "audio":
                    yield name

    def _serve(self, seat: Seat, wanted: Iterable[Entry]) -> None:
        by_name, gets = {name: (who, shown) for name, who, shown in wanted}, seat.gets
        gets.keep({name: who.peer for name, (who, _) in by_name.items()})
        for name, (who, shown) in by_name.items():
            stream = self._streams.get(name)
            if gets.hides(name):
                continue
            if stream is not None and stream.tracks and not stream.ended:
                gets.play(name, who.peer, shown.label, stream.tracks[0])
            elif who.user not in self.seats:
                self._fetch(name)
        gets.tell_slots()
