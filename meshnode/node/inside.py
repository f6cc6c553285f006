"""Members of this process: how a `LocalPublisher` or `LocalSubscriber` comes about."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial

from meshnode.node.local import (
    PACKETS_MAX,
    LocalPacket,
    LocalPublisher,
    LocalSubscriber,
    LocalTrack,
)
from meshnode.node.parts import Parts
from meshnode.signalling.broadcast import Reader
from meshnode.signalling.entries import first_numbers, new_ssrc
from meshnode.signalling.members import Leg, Member, Publisher, Track, Viewer, of_kind
from meshnode.signalling.stream import Stream, stream_name
from meshproto.errors import MeshError, StateError
from meshproto.forwarding.table import (
    AddConsumer,
    AddProducer,
    ForwardingDelta,
    RequestKeyFrame,
    Selection,
)
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire.parameters import MediaKind

DOOR = "local"


class Inside:
    """Opens local members on the parts of a node."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._streams = parts.streams

    def publish(
        self,
        name: str,
        tracks: Sequence[LocalTrack],
        owner: str,
        secret: bytes | None = None,
    ) -> LocalPublisher:
        """A publisher in this process."""
        check_tracks(tracks)
        stream = stream_name(name)
        self._streams.claim(stream, owner, "")
        transport = self._parts.port.add_local()
        member = Publisher(
            self._streams.directory.new_number(),
            DOOR,
            stream,
            transport,
            lambda reason: self._hang_up(member, reason),
            self._parts.clock(),
            owner=owner,
            tracks=tuple(
                self._track(place, track) for place, track in enumerate(tracks)
            ),
            secret=secret,
        )
        self._program(transport, _producers(member, tracks))
        self._streams.publish(member)
        self._streams.connected(member)
        return LocalPublisher(
            member, self._parts.port.plane.inject, self._streams.message
        )

    def subscribe(self, name: str) -> LocalSubscriber:
        """A viewer in this process."""
        stream = self._streams.audience(stream_name(name), "")
        transport = self._parts.port.add_local()
        legs = self._legs(stream, transport)
        packets: Reader[LocalPacket] = Reader(PACKETS_MAX)
        member = Viewer(
            self._streams.directory.new_number(),
            DOOR,
            stream.name,
            transport,
            lambda reason: self._end(member, packets, reason),
            self._parts.clock(),
            legs=legs,
        )
        places = {leg.consumer: (place, leg.kind) for place, leg in enumerate(legs)}

        def sink(consumer: ConsumerId, data: bytes) -> None:
            packets.put(LocalPacket(*places[consumer], data))

        self._parts.port.plane.on_local(transport, sink)
        pairs = [(leg, of_kind(stream.tracks, leg)) for leg in legs]
        entries = [leg.follow(track) for leg, track in pairs if track is not None]
        self._program(transport, entries if stream.publisher else [])
        self._streams.watch(member)
        self._streams.connected(member)
        select = partial(self._select, member)
        say = self._streams.message
        return LocalSubscriber(
            member, stream.tracks, packets, select, self._refresh, say
        )

    def _hang_up(self, member: Member, reason: str) -> None:
        self._parts.port.plane.close_transport(member.transport)
        self._streams.closed(member, reason)

    def _select(self, member: Viewer, track: int, selection: Selection) -> None:
        delta = member.legs[track].select(selection)
        self._parts.port.plane.program([] if delta is None else [delta])

    def _refresh(self, producer: ProducerId) -> None:
        with contextlib.suppress(MeshError):  # the publisher may just have left
            self._parts.port.plane.program([RequestKeyFrame(producer)])

    def _end(self, member: Member, packets: Reader[LocalPacket], reason: str) -> None:
        packets.close()
        self._hang_up(member, reason)

    def _program(
        self, transport: TransportId, deltas: Iterable[ForwardingDelta]
    ) -> None:
        try:
            self._parts.port.plane.program(deltas)
        except MeshError:
            self._parts.port.plane.close_transport(transport)
            raise

    def _track(self, place: int, track: LocalTrack) -> Track:
        producer = self._streams.directory.new_producer()
        return Track(producer, track.kind, str(place), (track.codec,), track.rids)

    def _legs(self, stream: Stream, transport: TransportId) -> tuple[Leg, ...]:
        counts: Counter[MediaKind] = Counter()
        legs = []
        for track in stream.tracks:
            legs.append(Leg(self._entry(track, transport), counts[track.kind]))
            counts[track.kind] += 1
        return tuple(legs)

    def _entry(self, track: Track, transport: TransportId) -> AddConsumer:
        """Under the publisher's own payload types, since nobody negotiates in here."""
        sequence, timestamp = first_numbers()
        return AddConsumer(
            self._streams.directory.new_consumer(),
            track.producer,
            transport,
            track.kind,
            track.mid,
            new_ssrc(),
            None,
            track.codecs,
            first_sequence=sequence,
            first_timestamp=timestamp,
        )


def _producers(member: Publisher, tracks: Sequence[LocalTrack]) -> list[AddProducer]:
    pairs = zip(member.tracks, tracks, strict=True)
    return [
        AddProducer(
            entered.producer,
            member.transport,
            entered.kind,
            entered.mid,
            entered.codecs,
            track.extensions,
            track.rids,
        )
        for entered, track in pairs
    ]


def check_tracks(tracks: Sequence[LocalTrack]) -> None:
    """Packets are told apart by payload type, so no two tracks may share one.

    Raises `StateError`.
    """
    if not tracks:
        raise StateError("a publisher needs at least one track")
    types = [track.codec.payload_type for track in tracks]
    if len(set(types)) != len(types):
        raise StateError("each local track needs a payload type of its own")
