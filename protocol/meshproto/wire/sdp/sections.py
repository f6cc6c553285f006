"""Answers section by section: what the doors' answers have in common.

Each function takes one section of the far end's offer and says how we answer it, or
refuses.  `publish`, `play` and `conference` only choose between them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from meshproto.wire.parameters import (
    Codec,
    Extension,
    MediaKind,
    SsrcBinding,
)
from meshproto.wire.sdp import codecs as codec_rules
from meshproto.wire.sdp import extensions as extension_rules
from meshproto.wire.sdp.endpoint import DtlsRole, LocalEndpoint, RemoteEndpoint
from meshproto.wire.sdp.extensions import ExtensionIds
from meshproto.wire.sdp.model import Direction, Media, Setup
from meshproto.wire.sdp.offer import Offer, refusal, require_one_transport
from meshproto.wire.sdp.section import DataSection, Section, payload_types, write
from meshproto.wire.sdp.simulcast import Layers, layers_of


@dataclass(frozen=True, slots=True)
class NegotiatedTrack:
    """A track we agreed to receive: what `AddProducer` needs, and the sender's names.

    `rids` are in the order of preference that was offered; without `a=rid` they may be
    made up ("0", "1", ...) for an SSRC simulcast group, and `ssrcs` then binds each.
    """

    mid: str
    kind: MediaKind
    codecs: tuple[Codec, ...]
    extensions: tuple[Extension, ...]
    rids: tuple[str, ...]
    ssrcs: tuple[SsrcBinding, ...]
    stream_id: str = ""
    track_id: str = ""


@dataclass(frozen=True, slots=True)
class ReceiveRules:
    """What we accept to receive.  `transport_cc` only where feedback is really sent:
    Chromium falls to 30 kbit/s when it is promised and does not come.
    """

    video: tuple[str, ...] = codec_rules.CARRIED[MediaKind.VIDEO]
    audio: tuple[str, ...] = codec_rules.CARRIED[MediaKind.AUDIO]
    transport_cc: bool = True
    rtcp_mux_only: bool = False
    video_bitrate_bps: int = 0
    audio_bitrate_bps: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer before its door adds the tracks."""

    text: str
    sections: tuple[Section, ...]
    data: DataSection | None


def answer_all(
    offer: Offer, local: LocalEndpoint, media_section: Callable[[int, Media], Section]
) -> Answered:
    """Answer every section in its place; `media_section` decides on the live RTP ones.

    The first data section is accepted, stopped sections stay stopped.  Raises
    `DecodeError` where the offer cannot run on one transport.
    """
    require_one_transport(offer)
    sections: list[Section] = []
    accepted: DataSection | None = None
    for index, media in enumerate(offer.description.media):
        if not media.live or (is_data(media) and accepted is not None):
            sections.append(rejected(media))
        elif is_data(media):
            sections.append(data(media))
            accepted = sections[-1].data
        else:
            sections.append(media_section(index, media))
    bundle = offer.description.bundle()
    text = write(local, our_setup(offer.remote), sections, bundle)
    return Answered(text, tuple(sections), accepted)


def receive(
    media: Media, rules: ReceiveRules, ids: ExtensionIds
) -> tuple[Section, NegotiatedTrack]:
    """Accept what a section sends.  Raises `DecodeError` where we cannot carry it."""
    kind = _kind(media)
    layers = layers_of(media)
    names = rules.video if kind is MediaKind.VIDEO else rules.audio
    formats = codec_rules.offered(media, names)
    if layers.payload_types is not None:
        formats = tuple(f for f in formats if f.payload_type in layers.payload_types)
    chosen = codec_rules.choose(formats, kind)
    if chosen is None:
        raise refusal("codec", media, f"no {kind.value} codec of: {', '.join(names)}")
    wanted = _wanted(extension_rules.RECEIVED[kind], rules.transport_cc)
    extensions = extension_rules.answer_received(media, wanted, ids)
    uris = {found.uri for found in extensions}
    codec = codec_rules.negotiated(media, chosen, extension_rules.TRANSPORT_CC in uris)
    bitrates_bps = {
        MediaKind.VIDEO: rules.video_bitrate_bps,
        MediaKind.AUDIO: rules.audio_bitrate_bps,
    }
    section = Section(
        mid=media.mid or "",
        kind=media.kind,
        protocol=media.protocol,
        formats=payload_types((codec,)),
        direction=Direction.RECVONLY,
        codecs=(codec,),
        extensions=extensions,
        rids=layers.written,
        simulcast=layers.simulcast,
        rtcp_rsize=media.rtcp_rsize,
        allow_mixed=media.allow_mixed,
        rtcp_mux_only=rules.rtcp_mux_only,
        bitrate_bps=bitrates_bps[kind],
    )
    return section, _track(media, kind, section, layers)


def rejected(media: Media) -> Section:
    """A stopped section stays stopped, in its place (RFC 3264 section 6)."""
    return Section(
        mid=media.mid or "",
        kind=media.kind,
        protocol=media.protocol,
        formats=media.formats[:1] or ("0",),
        rejected=True,
    )


def inactive(media: Media, rtcp_mux_only: bool = False) -> Section:
    """Nothing flows in this section now; it stays in the bundle for later."""
    names = {name for kind in codec_rules.CARRIED.values() for name in kind}
    formats = codec_rules.offered(media, names)[:1]
    codecs = tuple(
        codec_rules.negotiated(media, found, transport_cc=False) for found in formats
    )
    if not codecs:
        return rejected(media)
    return Section(
        mid=media.mid or "",
        kind=media.kind,
        protocol=media.protocol,
        formats=payload_types(codecs),
        codecs=codecs,
        rtcp_rsize=media.rtcp_rsize,
        allow_mixed=media.allow_mixed,
        rtcp_mux_only=rtcp_mux_only,
    )


def data(media: Media) -> Section:
    """Accept data channels, in the form of the offer (RFC 8841 or the one before)."""
    modern = "webrtc-datachannel" in media.formats
    mid = media.mid or ""
    remote_size = 65_536 if media.max_message_size is None else media.max_message_size
    return Section(
        mid=mid,
        kind=media.kind,
        protocol=media.protocol,
        formats=("webrtc-datachannel",) if modern else ("5000",),
        data=DataSection(mid, media.sctp_port or 5_000, remote_size),
    )


def is_data(media: Media) -> bool:
    """Whether the section is for data channels."""
    return media.kind == "application" and "SCTP" in media.protocol.upper()


def our_setup(remote: RemoteEndpoint) -> Setup:
    """The setup attribute of an answer (RFC 8842 section 5.3)."""
    server = remote.our_dtls_role is DtlsRole.SERVER
    return Setup.PASSIVE if server else Setup.ACTIVE


def _wanted(uris: frozenset[str], transport_cc: bool) -> frozenset[str]:
    return uris if transport_cc else uris - {extension_rules.TRANSPORT_CC}


def _kind(media: Media) -> MediaKind:
    kind = codec_rules.kind_of(media)
    if kind is None:
        raise refusal("media", media, f"{media.kind[:32]} sections are not carried")
    return kind


def _track(
    media: Media, kind: MediaKind, section: Section, layers: Layers
) -> NegotiatedTrack:
    msid = media.msid or next((f.msid for f in media.ssrcs if f.msid), "")
    stream_id, _, track_id = msid.partition(" ")
    return NegotiatedTrack(
        mid=section.mid,
        kind=kind,
        codecs=section.codecs,
        extensions=extension_rules.bare(section.extensions),
        rids=layers.rids,
        ssrcs=layers.ssrcs,
        stream_id=stream_id,
        track_id=track_id.strip(),
    )
