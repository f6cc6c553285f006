"""Who is here: every member, findable by what the packet path calls it.

Events of the packet path name transports, producers and consumers; each is looked up in
one step, because estimates of hundreds of viewers change several times a second.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

from meshnode.signalling.buckets import network
from meshnode.signalling.members import Leg, Member, Publisher, Track, Viewer
from meshproto.errors import LimitError
from meshproto.ids import ConsumerId, ProducerId, TransportId


class Directory:
    """The members of a node, at most `sessions_per_address` from one address."""

    def __init__(self, sessions_per_address: int) -> None:
        self._limit = sessions_per_address
        self._members: dict[int, Member] = {}
        self._transports: dict[TransportId, Member] = {}
        self._producers: dict[ProducerId, tuple[Publisher, Track]] = {}
        self._consumers: dict[ConsumerId, tuple[Viewer, Leg]] = {}
        self._from: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._producer_ids = itertools.count(1)
        self._consumer_ids = itertools.count(1)

    def __iter__(self) -> Iterator[Member]:
        return iter(tuple(self._members.values()))

    def __len__(self) -> int:
        return len(self._members)

    def new_number(self) -> int:
        """A number for a member."""
        return next(self._numbers)

    def new_producer(self) -> ProducerId:
        """An id for a track that enters."""
        return ProducerId(next(self._producer_ids))

    def new_consumer(self) -> ConsumerId:
        """An id for a track that leaves."""
        return ConsumerId(next(self._consumer_ids))

    def admit(self, address: str) -> None:
        """Raise `LimitError` when `address` has as many sessions as it may have.

        In-process members have no address and no limit.
        """
        if address and self._from[network(address)] >= self._limit:
            raise LimitError("sessions_per_address", self._limit)

    def add(self, member: Member) -> None:
        """A member is here."""
        self._members[member.number] = member
        # why the first: a room's member is there several times on one transport
        self._transports.setdefault(member.transport, member)
        if isinstance(member, Publisher):
            for track in member.tracks:
                self._producers[track.producer] = (member, track)
        elif isinstance(member, Viewer):
            for leg in member.legs:
                self._consumers[leg.consumer] = (member, leg)
        self._from[network(member.address)] += 1

    def remove(self, member: Member) -> bool:
        """A member is gone; False when it was already."""
        if self._members.pop(member.number, None) is None:
            return False
        if self._transports.get(member.transport) is member:
            del self._transports[member.transport]
        if isinstance(member, Publisher):
            for track in member.tracks:
                self._producers.pop(track.producer, None)
        elif isinstance(member, Viewer):
            for leg in member.legs:
                self._consumers.pop(leg.consumer, None)
        key = network(member.address)
        self._from[key] -= 1
        if self._from[key] <= 0:
            del self._from[key]
        return True

    def by_transport(self, transport: TransportId) -> Member | None:
        """Whose transport it is."""
        return self._transports.get(transport)

    def by_producer(self, producer: ProducerId) -> tuple[Publisher, Track] | None:
        """Whose track it is, and which."""
        return self._producers.get(producer)

    def by_consumer(self, consumer: ConsumerId) -> tuple[Viewer, Leg] | None:
        """Whose leg it is, and which."""
        return self._consumers.get(consumer)
