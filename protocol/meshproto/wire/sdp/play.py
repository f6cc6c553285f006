"""The answer to a player (WHEP, draft-ietf-wish-whep).

Strategy: the player offers every codec it has, the stream has one; so each of the
player's sections is matched to a track of its kind, and the payload type that the
player gave to that very codec is what the track leaves under.  Sections without a
track are answered inactive and stay in the bundle, so that a track may come later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meshproto.errors import DecodeError
from meshproto.wire.parameters import Codec, Extension, MediaKind
from meshproto.wire.sdp import codecs as codec_rules
from meshproto.wire.sdp import extensions as extension_rules
from meshproto.wire.sdp import sections as rules
from meshproto.wire.sdp.endpoint import LocalEndpoint, RemoteEndpoint
from meshproto.wire.sdp.model import Direction, Media
from meshproto.wire.sdp.offer import REFUSED, Offer, refusal, require_one_transport
from meshproto.wire.sdp.section import (
    DataSection,
    Section,
    Source,
    payload_types,
    write,
)


@dataclass(frozen=True, slots=True)
class OutgoingTrack:
    """A track that could leave: the producer's codecs and what we call it outside.

    `mid` binds the track to that section of the offer (renegotiation: a track must
    stay in its section); "" takes the first free section of its kind.  `rtx_ssrc` is
    used only where the player takes retransmissions.
    """

    kind: MediaKind
    codecs: tuple[Codec, ...]
    ssrc: int
    rtx_ssrc: int | None
    cname: str
    stream_id: str
    track_id: str
    mid: str = ""


@dataclass(frozen=True, slots=True)
class SendRules:
    """`transport_cc`: whether we put transport-wide numbers on what we send."""

    transport_cc: bool = True
    rtcp_mux_only: bool = False


@dataclass(frozen=True, slots=True)
class PlayTrack:
    """A track that leaves, under the player's payload types and extension ids.

    `ssrc` is that of the `OutgoingTrack`; `rtx_ssrc` is None without retransmissions.
    """

    mid: str
    kind: MediaKind
    codecs: tuple[Codec, ...]
    extensions: tuple[Extension, ...]
    ssrc: int
    rtx_ssrc: int | None


@dataclass(frozen=True, slots=True)
class PlayAnswer:
    """What was agreed: `text` goes back, the rest programs the node."""

    text: str
    tracks: tuple[PlayTrack, ...]
    data: DataSection | None
    remote: RemoteEndpoint
    sections: tuple[Section, ...]

    @property
    def data_mid(self) -> str | None:
        """The mid of the data channel section, None without one."""
        return None if self.data is None else self.data.mid


WHEP_RULES = SendRules(rtcp_mux_only=True)


def answer(
    offer: Offer,
    local: LocalEndpoint,
    outgoing: Sequence[OutgoingTrack],
    send: SendRules = WHEP_RULES,
) -> PlayAnswer:
    """Send every track that has a section to go to.

    Raises `DecodeError` where nothing can be sent, or where a section of the right kind
    lacks the codec of the track: a stream without its picture is not an answer.
    """
    require_one_transport(offer)
    assigned = assign(offer, outgoing)
    sections: list[Section] = []
    tracks: list[PlayTrack] = []
    data: DataSection | None = None
    for index, media in enumerate(offer.description.media):
        if not media.live or (rules.is_data(media) and data is not None):
            sections.append(rules.rejected(media))
        elif rules.is_data(media):
            sections.append(rules.data(media))
            data = sections[-1].data
        elif index in assigned:
            section, track = send_track(media, assigned[index], send)
            sections.append(section)
            tracks.append(track)
        else:
            sections.append(rules.inactive(media, send.rtcp_mux_only))
    if not tracks:
        raise DecodeError(f"{REFUSED}-nothing", "no section can receive this stream")
    setup = rules.our_setup(offer.remote)
    text = write(local, setup, sections, offer.description.bundle())
    return PlayAnswer(text, tuple(tracks), data, offer.remote, tuple(sections))


def assign(offer: Offer, outgoing: Sequence[OutgoingTrack]) -> dict[int, OutgoingTrack]:
    """Which track goes to which section, by index; bound ones first, then in order."""
    free = {
        index: media
        for index, media in enumerate(offer.description.media)
        if media.live and media.direction.receives and codec_rules.kind_of(media)
    }
    assigned: dict[int, OutgoingTrack] = {}
    for track in sorted(outgoing, key=lambda found: not found.mid):
        for index, media in free.items():
            if codec_rules.kind_of(media) is track.kind and track.mid in (
                "",
                media.mid,
            ):
                assigned[index] = track
                del free[index]
                break
    return assigned


def send_track(
    media: Media, track: OutgoingTrack, send: SendRules
) -> tuple[Section, PlayTrack]:
    """Send `track` in this section.  Raises `DecodeError` where its codec is absent."""
    wanted = extension_rules.SENT[track.kind]
    if not send.transport_cc:
        wanted -= {extension_rules.TRANSPORT_CC}
    extensions = extension_rules.answer_sent(media, wanted)
    with_cc = any(found.uri == extension_rules.TRANSPORT_CC for found in extensions)
    codecs = _codecs(media, track, with_cc)
    repaired = any(codec.rtx_payload_type is not None for codec in codecs)
    rtx_ssrc = track.rtx_ssrc if repaired else None
    source = Source(track.ssrc, rtx_ssrc, track.cname, track.stream_id, track.track_id)
    section = Section(
        mid=media.mid or "",
        kind=media.kind,
        protocol=media.protocol,
        formats=payload_types(codecs),
        direction=Direction.SENDONLY,
        codecs=codecs,
        extensions=extensions,
        source=source,
        rtcp_rsize=media.rtcp_rsize,
        allow_mixed=media.allow_mixed,
        rtcp_mux_only=send.rtcp_mux_only,
    )
    bare = extension_rules.bare(extensions)
    return section, PlayTrack(
        section.mid, track.kind, codecs, bare, track.ssrc, rtx_ssrc
    )


def _codecs(media: Media, track: OutgoingTrack, with_cc: bool) -> tuple[Codec, ...]:
    names = {codec.name for codec in track.codecs}
    formats = codec_rules.offered(media, names)
    matched: dict[int, Codec] = {}
    for codec in track.codecs:
        found = codec_rules.match(formats, codec)
        if found is not None:
            agreed = codec_rules.negotiated(media, found, with_cc)
            if track.rtx_ssrc is None:
                agreed = _without_rtx(agreed)
            matched.setdefault(agreed.payload_type, agreed)
    if not matched:
        raise refusal("codec", media, _mismatch(media, track))
    return tuple(matched.values())


def _without_rtx(codec: Codec) -> Codec:
    return Codec(
        codec.payload_type,
        codec.name,
        codec.clock_rate_hz,
        codec.channels,
        codec.parameters,
        None,
        codec.feedback,
    )


def _mismatch(media: Media, track: OutgoingTrack) -> str:
    streams = ", ".join(codec_rules.describe(codec) for codec in track.codecs)
    names = codec_rules.CARRIED[track.kind]
    players = [codec_rules.describe(f) for f in codec_rules.offered(media, names)]
    return f"the stream is {streams}, the player takes {', '.join(players) or 'none'}"
