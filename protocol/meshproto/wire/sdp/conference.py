"""The answer to a room member, who publishes and plays over one connection.

Strategy: as generous as a room has to be and no more.  A section that sends is taken
if we can carry its codec, a section that receives gets a track if one is waiting, one
that does both does both; whatever does not fit is answered inactive and reported, not
refused, since the rest of the room goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshproto.errors import DecodeError
from meshproto.wire.parameters import Codec
from meshproto.wire.sdp import sections as rules
from meshproto.wire.sdp.endpoint import LocalEndpoint, RemoteEndpoint
from meshproto.wire.sdp.extensions import ExtensionIds
from meshproto.wire.sdp.model import Direction, ExtMap, Media
from meshproto.wire.sdp.offer import Offer
from meshproto.wire.sdp.play import (
    OutgoingTrack,
    PlayTrack,
    SendRules,
    assign,
    send_track,
)
from meshproto.wire.sdp.section import DataSection, Section, payload_types
from meshproto.wire.sdp.sections import NegotiatedTrack, ReceiveRules


@dataclass(frozen=True, slots=True)
class ConferenceAnswer:
    """What was agreed.  `unsent` are the tracks that found no section, or none with
    their codec: ask the member to offer again with more sections.
    """

    text: str
    incoming: tuple[NegotiatedTrack, ...]
    outgoing: tuple[PlayTrack, ...]
    unsent: tuple[OutgoingTrack, ...]
    data: DataSection | None
    remote: RemoteEndpoint
    sections: tuple[Section, ...]


def answer(
    offer: Offer,
    local: LocalEndpoint,
    outgoing: Sequence[OutgoingTrack],
    receive: ReceiveRules | None = None,
    send: SendRules | None = None,
) -> ConferenceAnswer:
    """Answer every section as far as it goes.

    Raises `DecodeError` only where the offer cannot run on one transport.
    """
    door = _Door(offer, outgoing, receive or ReceiveRules(), send or SendRules())
    done = rules.answer_all(offer, local, door.section)
    sent = {track.ssrc for track in door.outgoing}
    return ConferenceAnswer(
        text=done.text,
        incoming=tuple(door.incoming),
        outgoing=tuple(door.outgoing),
        unsent=tuple(track for track in outgoing if track.ssrc not in sent),
        data=done.data,
        remote=offer.remote,
        sections=done.sections,
    )


class _Door:
    """Gathers both directions while the sections are answered one by one."""

    def __init__(
        self,
        offer: Offer,
        outgoing: Sequence[OutgoingTrack],
        receive: ReceiveRules,
        send: SendRules,
    ) -> None:
        self._receive_rules = receive
        self._send_rules = send
        self._assigned = assign(offer, outgoing)
        self._ids = ExtensionIds()
        self.incoming: list[NegotiatedTrack] = []
        self.outgoing: list[PlayTrack] = []

    def section(self, index: int, media: Media) -> Section:
        """How one section is answered."""
        received = self._receive(media)
        sent = self._send(index, media)
        if received is not None and sent is not None:
            return both_ways(received, sent)
        return received or sent or rules.inactive(media)

    def _receive(self, media: Media) -> Section | None:
        if not media.direction.sends:
            return None
        try:
            section, track = rules.receive(media, self._receive_rules, self._ids)
        except DecodeError:
            return None
        self.incoming.append(track)
        return section

    def _send(self, index: int, media: Media) -> Section | None:
        if index not in self._assigned:
            return None
        outgoing = self._assigned[index]
        try:
            section, track = send_track(media, outgoing, self._send_rules, self._ids)
        except DecodeError:
            return None
        self.outgoing.append(track)
        return section


def both_ways(received: Section, sent: Section) -> Section:
    """One section that receives as the first and sends as the second.

    The received codec stays in front: it is the one the member will then send.
    """
    codecs: dict[int, Codec] = {}
    for codec in (*received.codecs, *sent.codecs):
        codecs.setdefault(codec.payload_type, codec)
    extensions: dict[int, ExtMap] = {}
    for extension in (*received.extensions, *sent.extensions):
        extensions.setdefault(extension.id, extension)
    merged = tuple(codecs.values())
    return replace(
        received,
        direction=Direction.SENDRECV,
        codecs=merged,
        formats=payload_types(merged),
        extensions=tuple(extensions.values()),
        source=sent.source,
    )
