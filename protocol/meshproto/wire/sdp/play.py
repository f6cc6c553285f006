"""The answer to a player (WHEP, draft-ietf-wish-whep).

Strategy: the player offers every codec it has, the stream has one; so each of the
player's sections is matched to a track of its kind, and the payload type that the
player gave to that very codec is what the track leaves under.  Sections without a
track are answered inactive and stay in the bundle, so that a track may come later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshproto.errors import DecodeError
from meshproto.wire.parameters import Codec, Extension, MediaKind
from meshproto.wire.sdp import codecs as codec_rules
from meshproto.wire.sdp import extensions as extension_rules
from meshproto.wire.sdp import sections as rules
from meshproto.wire.sdp.endpoint import LocalEndpoint, RemoteEndpoint
from meshproto.wire.sdp.extensions import ExtensionIds
from meshproto.wire.sdp.model import Direction, Media
from meshproto.wire.sdp.offer import REFUSED, Offer, refusal
from meshproto.wire.sdp.section import (
    DataSection,
    Section,
    Source,
    payload_types,
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
    assigned = assign(offer, outgoing)
    ids = ExtensionIds()
    tracks: list[PlayTrack] = []

    def media_section(index: int, media: Media) -> Section:
        if index not in assigned:
            return rules.inactive(media, send.rtcp_mux_only)
        section, track = send_track(media, assigned[index], send, ids)
        tracks.append(track)
        return section

    done = rules.answer_all(offer, local, media_section)
    if not tracks:
        raise DecodeError(f"{REFUSED}-nothing", "no section can receive this stream")
    return PlayAnswer(done.text, tuple(tracks), done.data, offer.remote, done.sections)


def assign(offer: Offer, outgoing: Sequence[OutgoingTrack]) -> dict[int, OutgoingTrack]:
    """Which track goes to which section, by index.

    Bound tracks first; then in order, sections that only receive before the others.
    """
    free = [
        (index, media, codec_rules.kind_of(media))
        for index, media in enumerate(offer.description.media)
        if media.live and media.direction.receives
    ]
    free.sort(key=lambda section: section[1].direction.sends)
    assigned: dict[int, OutgoingTrack] = {}
    for track in sorted(outgoing, key=lambda found: not found.mid):
        for index, media, kind in free:
            fits = kind is track.kind and track.mid in ("", media.mid)
            if fits and index not in assigned:
                assigned[index] = track
                break
    return assigned


def send_track(
    media: Media, track: OutgoingTrack, send: SendRules, ids: ExtensionIds
) -> tuple[Section, PlayTrack]:
    """Send `track` in this section.  Raises `DecodeError` where its codec is absent."""
    wanted = extension_rules.SENT[track.kind]
    if not send.transport_cc:
        wanted -= {extension_rules.TRANSPORT_CC}
    extensions = extension_rules.answer_sent(media, wanted, ids)
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
                agreed = replace(agreed, rtx_payload_type=None)
            matched.setdefault(agreed.payload_type, agreed)
    if not matched:
        raise refusal("codec", media, _mismatch(media, track))
    return tuple(matched.values())


def _mismatch(media: Media, track: OutgoingTrack) -> str:
    streams = ", ".join(codec_rules.describe(codec) for codec in track.codecs)
    names = codec_rules.CARRIED[track.kind]
    players = [codec_rules.describe(f) for f in codec_rules.offered(media, names)]
    return f"the stream is {streams}, the player takes {', '.join(players) or 'none'}"
