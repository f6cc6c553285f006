"""Local streams and the mesh, joined: what is published here goes out, what is watched
here comes in.

    publisher here   -> tracks -> media -> Control.publish, slots bound to its producers
    viewer here, stream elsewhere -> Control.watch -> a publisher of door "mesh" whose
                        producers are fed by legs; viewers attach to it the usual way

So the registry of streams does not know the mesh: a stream from afar lingers, comes
back, is taken over and ends by the same rules as one that a browser publishes.  The
rest of this module is about when: a stream is fetched for the first viewer and let go
`LINGER_S` after the last one; when its origin ends, viewers keep their session for the
registry's linger, and a publisher that comes back, here or elsewhere, goes on.  One
that only does not come, because its part is cut off, is waited for longer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from meshnode.control.changes import (
    StreamChange,
    StreamSeen,
    StreamSilent,
    StreamTaken,
    StreamUnseen,
)
from meshnode.control.saying import Saying
from meshnode.node import media_map
from meshnode.node.arrival import DOOR, Arrival
from meshnode.node.carried import Carried
from meshnode.node.departure import Departure
from meshnode.node.parts import Parts
from meshnode.node.relaying_mesh import Mesh
from meshnode.signalling import happenings
from meshnode.signalling.members import Publisher
from meshnode.signalling.problems import Refused
from meshnode.signalling.seam import Words
from meshnode.signalling.streams import LINGER_S as STREAMS_LINGER_S
from meshproto.errors import MeshError
from meshproto.forwarding.relay_table import (
    BindStream,
    CloseStream,
    OpenStream,
    RelayDelta,
    SetActive,
)
from meshproto.ids import NodeId, ProducerId, StreamId, StreamName
from meshproto.node import Wish
from meshproto.outputs import Deliver

ARRIVE_S = 3.0
"""How long a viewer waits for a stream to come: players give up at five."""

LOOK_S = 0.25
"""How often a waiting viewer looks whether the name means another stream by now."""

LINGER_S = 5.0
"""A stream without viewers is kept so long: a page that is loaded again needs it."""

UNREACHABLE_S = 60.0
"""Viewers of a stream that has not ended but does not come wait so long: half of the
mesh may be cut off for a while, and a session that is over does not come back."""


class Relaying:
    """The bridge of one node; `program` is the plane behind it."""

    def __init__(
        self, parts: Parts, program: Callable[[Iterable[RelayDelta | BindStream]], None]
    ) -> None:
        self._parts = parts
        self._program = program
        self._mesh_or_none: Mesh | None = None
        self._arrivals: dict[StreamId, Arrival] = {}
        self._departures: dict[StreamName, Departure] = {}
        self._carried: dict[StreamId, Carried] = {}
        self._open: dict[StreamId, None] = {}
        self._flowing: set[StreamId] = set()

    def join(self, mesh: Mesh) -> None:
        """The mesh is there: `program` was handed to it, its changes come here."""
        self._mesh_or_none = mesh
        self._parts.streams.onward = self._said

    @property
    def _mesh(self) -> Mesh:
        assert self._mesh_or_none is not None
        return self._mesh_or_none

    # -- between brain and plane -------------------------------------------------------

    def program(self, deltas: Iterable[RelayDelta]) -> None:
        """Deltas of the brain; a stream that opens is bound to its producers at once.

        Raises `MeshError` as planes do.
        """
        for delta in deltas:
            self._program([delta])
            if isinstance(delta, OpenStream):
                self._open[delta.stream] = None
                self._opened(delta)
            elif isinstance(delta, CloseStream):
                self._closed(delta.stream)
            elif isinstance(delta, SetActive) and delta.parent is not None:
                self._flowing.add(delta.stream)
                arrival = self._arrivals.get(delta.stream)
                if arrival is not None:
                    arrival.feed(self._parts.streams)

    def _opened(self, opened: OpenStream) -> None:
        """A stream is carried from now on: by the publisher's producers where it is
        published, elsewhere by producers made for it.
        """
        seen = None if opened.origin else self._mesh.known(opened.stream)
        if seen is not None:
            self._carry(seen)
        self._bind(opened.stream)

    def _closed(self, stream: StreamId) -> None:
        """Its tree is over; where it is fetched still, another one follows."""
        self._open.pop(stream, None)
        self._flowing.discard(stream)
        carried, arrival = self._carried.get(stream), self._arrivals.get(stream)
        if carried is not None:
            carried.spent = True
        if arrival is not None:
            arrival.fed.clear()
        self._forget(stream)

    def _carry(self, seen: StreamSeen) -> Carried:
        """The producers for a stream from afar, others where its tracks changed or its
        tree is another one.
        """
        found = self._carried.get(seen.stream)
        if found is not None and not found.spent and found.serves(seen.media):
            found.learn(seen.media)
            return found
        fresh = self._carried[seen.stream] = Carried(self._parts, seen.media)
        self._bind(seen.stream)
        arrival = self._arrivals.get(seen.stream)
        if arrival is not None and arrival.member is not None:
            arrival.open(self._parts, fresh)
        if found is not None:
            found.close()
        return fresh

    def _bind(self, stream: StreamId) -> None:
        carried = self._carried.get(stream)
        # why not spent ones: those that follow would count on behind their numbers
        slots = () if carried is None or carried.spent else carried.slots
        for departure in self._departures.values():
            if departure.stream == stream:
                slots = departure.slots
        if slots and stream in self._open:
            self._program([BindStream(stream, slots)])

    def _forget(self, stream: StreamId) -> None:
        """Drop the producers of a stream that is neither carried nor fetched."""
        if stream not in self._open and stream not in self._arrivals:
            carried = self._carried.pop(stream, None)
            if carried is not None:
                carried.close()

    # -- what happens here -------------------------------------------------------------

    def happened(self, happening: happenings.Happening) -> None:
        """Something happened to a local stream or session."""
        if self._mesh_or_none is None:
            return
        try:
            self._happened(happening)
        except MeshError as error:
            # why here: who tells of it has nothing to do with the mesh
            self._failed(str(error))

    def _failed(self, why: str) -> None:
        self._parts.log.emit("NotInTheMesh", why=why)

    def _happened(self, happening: happenings.Happening) -> None:
        match happening:
            case happenings.StreamLive(name):
                self._live(name)
            case happenings.StreamEnded(name):
                self._ended(name)
            case happenings.ViewerJoined(name) | happenings.ViewerLeft(name):
                self._audience(name, happening.viewers)
            case _:
                pass

    def tick(self) -> None:
        """Once a second: tell what changed, let go what nobody watches."""
        now = self._parts.clock()
        for departure in tuple(self._departures.values()):
            try:
                departure.refresh(self._mesh, now)
            except MeshError as error:
                self._failed(str(error))
        for arrival in tuple(self._arrivals.values()):
            if arrival.idle_for(now) >= LINGER_S:
                self._let_go(arrival, "nobody watches")
            elif arrival.member and arrival.silent_for(now) >= UNREACHABLE_S:
                self._give_up(arrival)

    def _live(self, name: StreamName) -> None:
        stream = self._parts.streams.get(name)
        publisher = None if stream is None else stream.publisher
        if publisher is None or publisher.door == DOOR:
            return
        departure = self._departures.get(name)
        if departure is None or departure.secret != publisher.secret:
            self._withdraw(name)
            id_ = self._mesh.stream(name, publisher.secret)
            departure = Departure(id_, name, publisher.secret)
        arrival = self._arrivals.pop(departure.stream, None)
        if arrival is not None:
            # the publisher came here: what was fetched from afar is ours now
            arrival.close(self._parts.streams, "taken over")
            self._mesh.unwatch(departure.stream)
            self._forget(departure.stream)
        departure.publisher = publisher
        self._departures[name] = departure
        try:
            departure.publish(self._mesh, self._parts.clock())
        except MeshError:
            del self._departures[name]
            raise
        self._bind(departure.stream)

    def _ended(self, name: StreamName) -> None:
        self._withdraw(name)
        for arrival in tuple(self._arrivals.values()):
            if arrival.name == name and arrival.member is None:
                self._let_go(arrival, "ended")

    def _withdraw(self, name: StreamName) -> None:
        departure = self._departures.pop(name, None)
        if departure is not None:
            self._mesh.unpublish(departure.stream)

    def _audience(self, name: StreamName, viewers: int) -> None:
        fetched = [each for each in self._arrivals.values() if each.name == name]
        for arrival in fetched:
            # why none: they wait for another stream, which is called so by now
            here = 0 if self._is_over(arrival) else viewers
            arrival.audience(here, self._parts.clock())
            if here:
                self._watch(arrival)
        if viewers and all(map(self._is_over, fetched)):
            # why soon: whoever comes has its legs by then
            asyncio.get_running_loop().call_soon(self._fetch_again, name)

    def _is_over(self, arrival: Arrival) -> bool:
        """Whether it has ended, and nobody has it any more."""
        return arrival.member is None and self._mesh.known(arrival.stream) is None

    def _fetch_again(self, name: StreamName) -> None:
        """A viewer came while the stream lingers that was let go a moment ago."""
        local, seen = self._parts.streams.get(name), self._mesh.find(name)
        if local is None or local.publisher or not local.viewers or seen is None:
            return
        if seen.origin == self._mesh.node or seen.stream in self._arrivals:
            return
        try:
            self._fetch(seen)
        except MeshError as error:
            self._failed(str(error))

    def wanted(self, producer: ProducerId, rids: tuple[str, ...]) -> None:
        """The plane has use for these layers of a producer, and no others."""
        for stream, carried in self._carried.items():
            before = carried.mask
            if carried.want(producer, rids):
                arrival = self._arrivals.get(stream)
                if arrival is not None and carried.mask != before:
                    self._watch(arrival)
                return

    def _watch(self, arrival: Arrival) -> None:
        """Say what is wanted of a stream from afar, and by how many."""
        carried = self._carried.get(arrival.stream)
        mask = 1 if carried is None else carried.mask
        dual = self._parts.settings.is_dual(arrival.name)
        self._mesh.watch(arrival.stream, Wish(mask, max(arrival.viewers, 1), dual))

    # -- what happens in the mesh ------------------------------------------------------

    def changed(self, change: StreamChange) -> None:
        """The directory of streams changed."""
        self._parts.list.changed()
        match change:
            case StreamSeen():
                self._tell_rooms(change)
                self._seen(change)
            case StreamUnseen(stream):
                self._parts.rooms.unseen(stream)
                arrival = self._arrivals.get(stream)
                if arrival is not None:
                    arrival.close(self._parts.streams, "the publisher left")
            case StreamTaken(stream, _, _):
                self._taken(stream)
            case StreamSilent(stream):
                self._silent(stream)

    def tell_node(self, node: NodeId, words: Words, data: bytes | str) -> bool:
        """See `seam.Elsewhere`."""
        mesh = self._mesh_or_none
        return mesh is not None and mesh.tell_node(node, Saying(*words, data))

    def heard_from(self, node: NodeId, saying: Saying) -> None:
        """A member of a room at that node says something."""
        *words, data = saying
        room, user, to, label = words
        self._parts.rooms.heard_from(node, (room, user, to, label), data)

    def _tell_rooms(self, seen: StreamSeen) -> None:
        """A stream that may be a room member's."""
        if seen.origin == self._mesh.node:
            self._parts.rooms.unseen(seen.stream)  # its member came here
            return
        about = media_map.about_of(seen.media)
        carried = media_map.carried_tracks(seen.media)
        kind = carried[0].kind.name.lower() if carried else ""
        self._parts.rooms.seen(seen.stream, seen.name, about, kind, seen.origin)

    def _seen(self, seen: StreamSeen) -> None:
        if seen.origin == self._mesh.node:
            return
        arrival = self._arrivals.get(seen.stream)
        if arrival is not None and arrival.name != seen.name:
            self._let_go(arrival, "it is called otherwise now")
            arrival = None
        if seen.stream in self._open or arrival is not None:
            self._carry(seen)
        if arrival is None:
            local = self._parts.streams.get(seen.name)
            if local is not None and local.publisher is None and local.viewers:
                self._fetch(seen)  # viewers still wait for a publisher to come back
        elif arrival.member is None:
            arrival.open(self._parts, self._carry(seen))

    def _silent(self, stream: StreamId) -> None:
        """Its packets stopped; the directory would know if it had ended."""
        arrival = self._arrivals.get(stream)
        if arrival is not None and arrival.member is not None:
            arrival.silence(self._parts.clock())

    def _give_up(self, arrival: Arrival) -> None:
        """Viewers have waited long enough, and need no linger on top of it."""
        arrival.close(self._parts.streams, "its packets stopped")
        local = self._parts.streams.get(arrival.name)
        if local is not None:
            local.left_s -= STREAMS_LINGER_S

    def _taken(self, stream: StreamId) -> None:
        """Our publisher went to another node: so do our viewers."""
        for name, departure in tuple(self._departures.items()):
            if departure.stream != stream:
                continue
            del self._departures[name]
            publisher = departure.publisher
            if publisher is not None:
                publisher.hang_up("taken over at another node")
            seen = self._mesh.find(name)
            local = self._parts.streams.get(name)
            if seen is not None and local is not None and local.viewers:
                self._fetch(seen)

    # -- messages of data channels -----------------------------------------------------

    def _said(self, name: StreamName, label: str, data: bytes | str) -> None:
        """The publisher of a stream here said something: viewers elsewhere hear it."""
        departure = self._departures.get(name)
        if departure is not None:
            self._mesh.say(departure.stream, label, data)

    def delivered(self, message: Deliver) -> None:
        """The tree brought a message for the publisher, or for viewers, here."""
        if message.up:
            for departure in self._departures.values():
                if departure.stream == message.stream and departure.publisher:
                    departure.publisher.send(message.label, message.data)
            return
        arrival = self._arrivals.get(message.stream)
        local = None if arrival is None else self._parts.streams.get(arrival.name)
        if arrival is not None:
            self._parts.rooms.heard(arrival.name, message.label, message.data)
        if arrival is not None and arrival.member is not None and local is not None:
            local.hand_on(arrival.member, message.label, message.data)

    # -- fetching ----------------------------------------------------------------------

    async def bring(self, name: str) -> None:
        """Have the stream of that name here, if anybody has it.

        Returns at once for streams that are here or that nobody has; raises `Refused`
        (503) where the stream does not come in time, or `LimitError`.
        """
        if self._mesh_or_none is None:
            return
        local = self._parts.streams.get(name)
        publisher = None if local is None else local.publisher
        if publisher is not None and publisher.door != DOOR:
            return
        try:
            async with asyncio.timeout(ARRIVE_S):
                while not await self._brought(name):
                    pass
        except TimeoutError:
            raise Refused(
                503,
                f"{name} is published at another node, but does not come from there;"
                " try again in a moment",
                retry_after_s=2,
            ) from None

    async def _brought(self, name: str) -> bool:
        """Wait a moment; whether the stream is here by now, or nobody has it."""
        seen = self._mesh.find(name)
        if seen is None or seen.origin == self._mesh.node:
            return True
        arrival = self._arrivals.get(seen.stream) or self._fetch(seen)
        try:
            async with asyncio.timeout(LOOK_S):
                return await arrival.fed.wait()
        except TimeoutError:
            # why again: meanwhile somebody else may have the name
            return False

    def arriving(self, name: str, owner: str, secret: bytes | None) -> None:
        """A publisher is about to claim `name` here; it may own what comes in."""
        if self._mesh_or_none is None or not owner:
            return
        arrival = self._arrivals.get(self._mesh.stream(StreamName(name), secret))
        local = self._parts.streams.get(name if arrival is None else arrival.name)
        if arrival is not None and arrival.member is not None:
            arrival.member.owner = owner
        elif local is not None and (arrival is not None or local.owner == DOOR):
            # why of nobody, too: what lingers of a stream that was let go is no claim
            local.owner = owner

    def _fetch(self, seen: StreamSeen) -> Arrival:
        """Begin to fetch a stream.  Raises `LimitError` where too many are here."""
        say = partial(self._mesh.say, seen.stream)
        arrival = Arrival(seen.stream, seen.name, self._parts.clock(), say)
        local = self._parts.streams.get(seen.name)
        arrival.audience(len(local.viewers) if local else 0, self._parts.clock())
        self._arrivals[seen.stream] = arrival
        try:
            arrival.open(self._parts, self._carry(seen))
            self._watch(arrival)
        except MeshError:
            self._let_go(arrival, "refused")
            raise
        if seen.stream in self._flowing:
            # relayed already: no parent will be chosen that could say so
            arrival.feed(self._parts.streams)
        return arrival

    def _let_go(self, arrival: Arrival, reason: str) -> None:
        if self._arrivals.get(arrival.stream) is arrival:
            del self._arrivals[arrival.stream]
        self._mesh.unwatch(arrival.stream)
        arrival.close(self._parts.streams, reason)
        self._forget(arrival.stream)

    # -- looking -----------------------------------------------------------------------

    def fetched(self) -> Sequence[tuple[StreamName, Publisher | None]]:
        """The streams from afar that are here."""
        return [(a.name, a.member) for a in self._arrivals.values()]
