"""The one session model: who publishes which stream, and who gets it.

A publisher that disappears is often back in a moment: a crash, a changed network, a
restarted encoder.  So the stream lingers for five seconds and its viewers stay where
they are; when the publisher returns, each viewer's leg moves to the new track of the
same kind and place, without a seam in its numbering, and the viewer sees one key frame
and nothing else.  When nobody returns, a viewer that listens to events is told
(`inactive`) and may wait, any other one is hung up, so that its player notices.

A publisher of the same owner takes over at once.  While the old one still delivers, the
new one stands beside it until it is connected, and then the legs move: a deliberate
handover loses nothing, and a handover that fails changes nothing.  Anybody else is told
409 until there was no media for five seconds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from meshnode.signalling.directory import Directory
from meshnode.signalling.gate import Gate, OpenGate
from meshnode.signalling.happenings import (
    Happening,
    LayersChanged,
    PublisherJoined,
    PublisherLeft,
    StreamEnded,
    StreamLive,
    ViewerJoined,
    ViewerLeft,
)
from meshnode.signalling.members import (
    Layer,
    Member,
    MemberState,
    Publisher,
    SessionEvent,
    Track,
    Viewer,
    of_kind,
)
from meshnode.signalling.problems import Refused
from meshnode.signalling.stream import Stream
from meshproto.errors import LimitError, MeshError
from meshproto.forwarding.table import ForwardingDelta, RequestKeyFrame
from meshproto.ids import ConsumerId, ProducerId, StreamName
from meshproto.wire.parameters import MediaKind

LINGER_S = 5.0
SILENCE_S = 5.0
WAITING_S = 60.0
"""How long a viewer that listens to events may wait for a publisher to return."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Bounds of the registry, named as in the settings."""

    streams: int = 1024
    viewers_per_stream: int = 1024
    sessions_per_address: int = 64


def _nobody(_name: StreamName, _label: str, _data: bytes | str) -> None:
    """There is no elsewhere."""


class Streams:
    """All streams of a node.  Call from one loop; `clock` is monotonic seconds."""

    def __init__(
        self,
        program: Callable[[Sequence[ForwardingDelta]], None],
        clock: Callable[[], float],
        announce: Callable[[Happening], None],
        limits: StreamLimits = StreamLimits(),
    ) -> None:
        self._program = program
        self._clock = clock
        self._announce = announce
        self._limits = limits
        self._streams: dict[StreamName, Stream] = {}
        self.directory = Directory(limits.sessions_per_address)
        self.gate: Gate = OpenGate()
        """What the operator allows; asked before anything is entered."""
        self.onward: Callable[[StreamName, str, bytes | str], None] = _nobody
        """Hears what publishers here say: their viewers may be elsewhere."""

    # -- looking -----------------------------------------------------------------------

    def __iter__(self) -> Iterator[Stream]:
        return iter(tuple(self._streams.values()))

    def get(self, name: str) -> Stream | None:
        """The stream of that name, also while it lingers."""
        return self._streams.get(StreamName(name))

    # -- may I? ------------------------------------------------------------------------

    def claim(self, name: StreamName, owner: str, address: str) -> None:
        """Check that `owner` may publish `name` now.

        Raises `Refused` (409) while somebody else does, `LimitError` at a bound.
        """
        self.directory.admit(address)
        self.gate.stream(name)
        stream = self._streams.get(name)
        if stream is None:
            if len(self._streams) >= self._limits.streams:
                raise LimitError("streams", self._limits.streams)
            return
        if wait_s := self._occupied_s(stream, owner):
            raise Refused(
                409,
                f"{name} is being published; the same key may take it over, anybody "
                f"else once there was no media for {SILENCE_S:.0f} s",
                retry_after_s=math.ceil(wait_s),
            )

    def audience(self, name: StreamName, address: str) -> Stream:
        """The stream to watch.

        Raises `Refused` (409) while nobody publishes it, `LimitError` at a bound.
        """
        self.directory.admit(address)
        self.gate.stream(name)
        stream = self._streams.get(name)
        if stream is None or stream.ended:
            raise Refused(409, f"nobody publishes {name} now", retry_after_s=2)
        if len(stream.viewers) >= self._limits.viewers_per_stream:
            raise LimitError("viewers_per_stream", self._limits.viewers_per_stream)
        self.gate.viewer(stream)
        return stream

    def _occupied_s(self, stream: Stream, owner: str) -> float:
        """How long `owner` must wait for the stream, 0.0 if it may have it now."""
        now = self._clock()
        publisher = stream.publisher
        if publisher is None:
            free_at = stream.left_s + LINGER_S
            mine = owner == stream.owner or stream.ended
        else:
            free_at = publisher.heard_s + SILENCE_S
            mine = bool(owner) and owner == publisher.owner
        return 0.0 if mine else max(0.0, free_at - now)

    # -- coming ------------------------------------------------------------------------

    def publish(self, publisher: Publisher) -> None:
        """Enter a publisher whose tracks are programmed; `claim` came before."""
        self.directory.add(publisher)
        publisher.heard_s = self._clock()
        name = publisher.stream
        stream = self._streams.setdefault(name, Stream(name, self._clock()))
        self._announce(PublisherJoined(name, publisher.number, publisher.door))
        old, stream.successor = stream.successor, None
        if self._delivers(stream.publisher):
            stream.successor = publisher
        else:
            self._promote(stream, publisher)
        if old is not None:
            old.hang_up("taken over")

    def watch(self, viewer: Viewer) -> None:
        """Enter a viewer whose legs are programmed; `audience` came before."""
        self.directory.add(viewer)
        stream = self._streams[viewer.stream]
        stream.viewers[viewer.number] = viewer
        self.gate.pledge(stream)
        count = len(stream.viewers)
        self._announce(ViewerJoined(stream.name, viewer.number, count))
        stream.tell("viewercount", {"viewercount": count})

    def connected(self, member: Member) -> None:
        """The member's transport is up."""
        if member.state is not MemberState.CONNECTING:
            return
        member.state = MemberState.CONNECTED
        stream = self._streams.get(member.stream)
        if stream is None or not isinstance(member, Publisher):
            return
        member.heard_s = self._clock()
        if stream.successor is member:
            stream.successor = None
            self._promote(stream, member)
        if stream.publisher is member:
            self._announce(StreamLive(stream.name, member.number))
            stream.tell("active", {})

    def _delivers(self, publisher: Publisher | None) -> bool:
        if publisher is None or publisher.state is not MemberState.CONNECTED:
            return False
        return self._clock() - publisher.heard_s < SILENCE_S

    def _promote(self, stream: Stream, publisher: Publisher) -> None:
        """Make `publisher` the stream's, move every leg to it, end the one before."""
        old, stream.publisher = stream.publisher, publisher
        stream.owner, stream.ended = publisher.owner, False
        stream.tracks = publisher.tracks
        lost = [v for v in stream.viewers.values() if not self._move(v, stream.tracks)]
        for viewer in lost:
            viewer.feeds.publish(SessionEvent("reconnect", {}))
            viewer.hang_up("the publisher came back with another codec")
        self._refresh(stream)
        if old is not None:
            old.hang_up("taken over")

    def _move(self, viewer: Viewer, tracks: tuple[Track, ...]) -> bool:
        """Point the viewer's legs to `tracks`; False when it could not decode one."""
        pairs = [(leg, of_kind(tracks, leg)) for leg in viewer.legs]
        if any(track is not None and not leg.takes(track) for leg, track in pairs):
            return False
        found = [(leg, track) for leg, track in pairs if track is not None]
        try:
            self._program([leg.follow(track) for leg, track in found])
        except MeshError:
            return False
        return True

    def _refresh(self, stream: Stream) -> None:
        """Viewers that were moved need a key frame; one request serves all of them."""
        if stream.viewers:
            video = [t for t in stream.tracks if t.kind is MediaKind.VIDEO]
            self._program([RequestKeyFrame(track.producer) for track in video])

    # -- going -------------------------------------------------------------------------

    def closed(self, member: Member, reason: str) -> None:
        """The member's transport is gone, with what the plane knew of it."""
        if not self.directory.remove(member):
            return
        member.state = MemberState.CLOSED
        stream = self._streams.get(member.stream)
        if stream is None:
            return
        if isinstance(member, Viewer):
            self._viewer_left(stream, member, reason)
        elif isinstance(member, Publisher):
            self._publisher_left(stream, member, reason)

    def _viewer_left(self, stream: Stream, viewer: Viewer, reason: str) -> None:
        stream.viewers.pop(viewer.number, None)
        viewer.feeds.close()
        count = len(stream.viewers)
        self._announce(ViewerLeft(stream.name, viewer.number, count, reason))
        stream.tell("viewercount", {"viewercount": count})

    def _publisher_left(self, stream: Stream, publisher: Publisher, why: str) -> None:
        self._announce(PublisherLeft(stream.name, publisher.number, why))
        if stream.successor is publisher:
            stream.successor = None
        if stream.publisher is not publisher:
            return
        stream.publisher = None
        stream.left_s = self._clock()
        if stream.successor is not None:
            successor, stream.successor = stream.successor, None
            self._promote(stream, successor)

    def end(self, name: str, reason: str) -> bool:
        """End a stream now, publisher, viewers and all; False when there is none."""
        stream = self._streams.get(StreamName(name))
        if stream is None:
            return False
        for publisher in (stream.publisher, stream.successor):
            if publisher is not None:
                publisher.hang_up(reason)
        self._finish(stream, reason)
        self._drop(stream, reason)
        return True

    # -- time --------------------------------------------------------------------------

    def handle_timeout(self) -> None:
        """End what has lingered long enough; call about once a second."""
        now = self._clock()
        for stream in self:
            if stream.publisher is not None:
                continue
            if now - stream.left_s >= LINGER_S + WAITING_S:
                self._drop(stream, "nobody publishes any more")
            elif not stream.ended and now - stream.left_s >= LINGER_S:
                self._finish(stream, "the publisher left")
            if stream.ended and not stream.viewers:
                self._streams.pop(stream.name, None)

    def heard(self, publisher: Publisher, packets: int) -> None:
        """So many packets came from the publisher in all."""
        if packets != publisher.packets:
            publisher.packets = packets
            publisher.heard_s = self._clock()

    def _finish(self, stream: Stream, reason: str) -> None:
        stream.ended = True
        self._announce(StreamEnded(stream.name))
        stream.tell("inactive", {})
        for viewer in tuple(stream.viewers.values()):
            if not len(viewer.feeds):
                viewer.hang_up(reason)

    def _drop(self, stream: Stream, reason: str) -> None:
        for viewer in tuple(stream.viewers.values()):
            viewer.hang_up(reason)
        self._streams.pop(stream.name, None)

    # -- layers ------------------------------------------------------------------------

    def layer_found(self, producer: ProducerId, rid: str, codec: str) -> None:
        """The first packet of a layer arrived."""
        if found := self.directory.by_producer(producer):
            publisher, track = found
            track.layers.setdefault(rid, Layer(codec)).codec = codec
            self._announce(LayersChanged(publisher.stream))
            self.tell_layers(publisher)

    def tell_layers(self, publisher: Publisher) -> None:
        """Tell viewers who listen what layers the publisher's stream has now."""
        stream = self._streams.get(publisher.stream)
        if stream is not None and stream.publisher is publisher:
            for viewer in tuple(stream.viewers.values()):
                stream.tell_layers(viewer)

    def layer_switched(self, consumer: ConsumerId, rid: str | None) -> None:
        """A viewer gets another layer from now on."""
        if found := self.directory.by_consumer(consumer):
            viewer, leg = found
            leg.layer = rid
            if stream := self._streams.get(viewer.stream):
                stream.tell_layers(viewer)

    def message(self, member: Member, label: str, data: bytes | str) -> None:
        """Hand on a data-channel message of a member."""
        if stream := self._streams.get(member.stream):
            stream.hand_on(member, label, data)
            if stream.publisher is member:
                self.onward(stream.name, label, data)
