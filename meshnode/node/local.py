"""Publishing and watching from inside the process, as RTP packets in the clear.

What goes in and out are whole RTP packets (RFC 3550); everything else (payload formats,
pacing, jitter) is the caller's.  Local members stand in the same registry as clients:
they linger, take over and are taken over, count as viewers, and appear in the status.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

from meshnode.signalling.broadcast import Reader
from meshnode.signalling.members import Member, Publisher, Track, Viewer
from meshproto.errors import StateError
from meshproto.forwarding.table import Selection
from meshproto.ids import ProducerId
from meshproto.wire import rtcp
from meshproto.wire.parameters import Codec, Extension, MediaKind

PACKETS_MAX = 2048
"""Packets a subscriber may be behind; then the oldest are dropped and counted."""


Say = Callable[[Member, str, bytes | str], None]
Hear = Callable[[str, bytes | str], None]
"""Gets the label and the data of a message; text is `str`."""


@dataclass(frozen=True, slots=True)
class LocalTrack:
    """A track this process publishes: its kind, and what its RTP packets carry.

    `extensions` are the header extensions in the packets; with `rids`, the names of
    its simulcast layers, packets say theirs by MID and RID (RFC 8852).  What
    `codec.feedback` names ("nack", "nack pli") is what `LocalPublisher.on_feedback` may
    hear.
    """

    kind: MediaKind
    codec: Codec
    extensions: tuple[Extension, ...] = ()
    rids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LocalPacket:
    """An RTP packet of a subscribed stream; `track` counts the stream's tracks."""

    track: int
    kind: MediaKind
    data: bytes


def _hearing(handler: Hear) -> Callable[[str, bytes | str], bool]:
    def hear(label: str, data: bytes | str) -> bool:
        handler(label, data)
        return True

    return hear


class LocalPublisher:
    """A stream that this process publishes.  Made by `MeshNode.publish`.

    Use it as a context manager, or call `close` when done.
    """

    def __init__(
        self,
        member: Publisher,
        inject: Callable[[ProducerId, Sequence[bytes]], None],
        say: Say,
    ) -> None:
        self.stream = member.stream
        self._member = member
        self._inject = inject
        self._say = say

    @property
    def tracks(self) -> tuple[Track, ...]:
        """The tracks, in the order given."""
        return self._member.tracks

    @property
    def closed(self) -> bool:
        """Whether it was closed, or taken over."""
        return self._member.state.value == "closed"

    def send_rtp(self, track: int, *packets: bytes) -> None:
        """Send RTP packets on that track.  Raises `StateError` when closed.

        Hand over the packets of one frame together: they leave as one burst.
        """
        if self.closed:
            raise StateError(f"the publisher of {self.stream} is closed")
        self._inject(self._member.tracks[track].producer, packets)

    def on_feedback(self, handler: Callable[[bytes], None]) -> None:
        """Call `handler` with every RTCP compound for us: PLI and NACK, mostly."""
        self._member.feedback = handler

    def send_message(self, label: str, data: bytes | str) -> None:
        """Say something to all viewers, on their data channels of that label."""
        self._say(self._member, label, data)

    def on_message(self, handler: Hear) -> None:
        """Call `handler(label, data)` with what viewers say."""
        self._member.send = _hearing(handler)

    def close(self) -> None:
        """End the publisher; the stream lingers as after any other."""
        self._member.hang_up("closed by the program")

    def __enter__(self) -> LocalPublisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class LocalSubscriber(AsyncIterator[LocalPacket]):
    """The packets of a stream, `async for`.  Made by `MeshNode.subscribe`.

    It ends when the stream does.  Use it as a context manager, or call `close`.
    """

    def __init__(
        self,
        member: Viewer,
        tracks: tuple[Track, ...],
        packets: Reader[LocalPacket],
        select: Callable[[int, Selection], None],
        refresh: Callable[[ProducerId], None],
        say: Say,
    ) -> None:
        self.stream = member.stream
        self.tracks = tracks
        self._member = member
        self._packets = packets
        self._select = select
        self._refresh = refresh
        self._say = say

    @property
    def missed(self) -> int:
        """Packets dropped because they were not taken in time."""
        return self._packets.missed

    def select(self, track: int, rid: str) -> None:
        """Have that simulcast layer of a track from its next key frame on; the lowest
        one comes unasked.  Raises `StateError` for a layer that there is not.
        """
        self._select(track, Selection(rid))

    def request_key_frame(self, track: int) -> None:
        """Ask the publisher for a key frame of a track; throttled like any request."""
        self._refresh(self._member.legs[track].entry.producer)

    def on_report(self, handler: Callable[[int, rtcp.SenderReport], None]) -> None:
        """Call `handler(track, report)` with the sender reports of the stream: they say
        which of the common clock's times a track's timestamps stand for.
        """
        tracks = {leg.entry.ssrc: place for place, leg in enumerate(self._member.legs)}

        def hear(compound: bytes) -> None:
            for packet in rtcp.parse(compound):
                if isinstance(packet, rtcp.SenderReport) and packet.ssrc in tracks:
                    handler(tracks[packet.ssrc], packet)

        self._member.feedback = hear

    def send_message(self, label: str, data: bytes | str) -> None:
        """Say something to the publisher, on its data channel of that label."""
        self._say(self._member, label, data)

    def on_message(self, handler: Hear) -> None:
        """Call `handler(label, data)` with what the publisher says."""
        self._member.send = _hearing(handler)

    async def __anext__(self) -> LocalPacket:
        return await anext(self._packets)

    def close(self) -> None:
        """Stop subscribing."""
        self._member.hang_up("closed by the program")

    def __enter__(self) -> LocalSubscriber:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
