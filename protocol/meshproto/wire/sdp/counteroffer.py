"""Offers of ours and the answers to them (WHEP 406, server-started renegotiation).

Strategy: an offer repeats the sections agreed before in their order, since sections
never move or go (RFC 3264 section 8).  A new track takes over a section whose track is
gone where codecs and retransmission fit, so that a long call does not grow without
end; else it gets a section of its own.  Ids of header extensions and payload types
keep their meaning for the life of the connection, so new ones are picked around those
in use.  The answer is read like any description and matched section by section.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from meshproto.errors import DecodeError
from meshproto.wire.sdp import extensions as extension_rules
from meshproto.wire.sdp import sections as rules
from meshproto.wire.sdp.codecs import fit
from meshproto.wire.sdp.endpoint import LocalEndpoint, RemoteEndpoint
from meshproto.wire.sdp.extensions import ExtensionIds
from meshproto.wire.sdp.model import (
    DEFAULT_LIMITS,
    Direction,
    Media,
    SdpLimits,
    Setup,
)
from meshproto.wire.sdp.offer import REFUSED, read, refusal, require_one_transport
from meshproto.wire.sdp.payloads import FEEDBACK, PayloadTypes
from meshproto.wire.sdp.play import OutgoingTrack, PlayTrack, SendRules, send_track
from meshproto.wire.sdp.section import (
    DataSection,
    Section,
    Source,
    payload_types,
    write,
)

_PROTOCOL = "UDP/TLS/RTP/SAVPF"


@dataclass(frozen=True, slots=True)
class CounterOffer:
    """An offer that was sent: `text`, and what `accept` needs to read the answer.

    `tracks` are the outgoing tracks, each bound to its section by `mid`.
    """

    text: str
    tracks: tuple[OutgoingTrack, ...]
    sections: tuple[Section, ...]
    send: SendRules


@dataclass(frozen=True, slots=True)
class CounterAnswer:
    """What the far end took.  `refused` are tracks it will not have.

    `receiving` are the mids in which it goes on sending to us; `sections` what holds
    from now on.
    """

    tracks: tuple[PlayTrack, ...]
    refused: tuple[OutgoingTrack, ...]
    receiving: tuple[str, ...]
    data: DataSection | None
    remote: RemoteEndpoint
    sections: tuple[Section, ...] = ()


def offer(
    local: LocalEndpoint,
    outgoing: Sequence[OutgoingTrack],
    previous: Sequence[Section] = (),
    send: SendRules | None = None,
    data: bool = False,
) -> CounterOffer:
    """Offer every outgoing track, after the sections of `previous`.

    A track whose `mid` names a previous section stays there; previous sections whose
    track is gone are given to a new track or become inactive, those we receive in are
    repeated.  `data` adds data channels where there are none yet.  Raises `LimitError`
    where payload types run out.
    """
    send = send or SendRules()
    ids = ExtensionIds(e for section in previous for e in section.extensions)
    payloads = PayloadTypes(c for section in previous for c in section.codecs)
    bound = _bind(previous, outgoing)
    sections = [
        _repeated(section, bound.get(section.mid), send, ids) for section in previous
    ]
    tracks = [bound[s.mid] for s in sections if s.mid in bound and not s.rejected]
    placed = {track.ssrc for track in tracks}
    for track in outgoing:
        if track.ssrc not in placed:
            mid = _fresh_mid(sections)
            sections.append(_section(mid, track, send, ids, payloads))
            tracks.append(replace(track, mid=mid))
    if data and not any(section.data for section in sections):
        sections.append(_data_section(_fresh_mid(sections)))
    mids = {section.mid for section in sections}
    text = write(local, Setup.ACTPASS, sections, mids)
    return CounterOffer(text, tuple(tracks), tuple(sections), send)


def accept(
    sent: CounterOffer, answer: str | bytes, limits: SdpLimits = DEFAULT_LIMITS
) -> CounterAnswer:
    """Read the answer to `sent`.  Raises `DecodeError` where it does not fit."""
    answered = read(answer, limits)
    require_one_transport(answered)
    medias = answered.description.media
    if len(medias) != len(sent.sections):
        raise DecodeError(f"{REFUSED}-answer", "not as many sections as were offered")
    reader = _Reader(sent)
    for section, media in zip(sent.sections, medias, strict=True):
        reader.read(section, media)
    return CounterAnswer(
        tracks=tuple(reader.tracks),
        refused=tuple(reader.refused),
        receiving=tuple(reader.receiving),
        data=reader.data,
        remote=answered.remote,
        sections=tuple(
            _held(section, media, reader)
            for section, media in zip(sent.sections, medias, strict=True)
        ),
    )


class _Reader:
    """Gathers what an answer takes, section by section."""

    def __init__(self, sent: CounterOffer) -> None:
        self._bound = {track.mid: track for track in sent.tracks}
        self._send = sent.send
        self._ids = ExtensionIds(e for s in sent.sections for e in s.extensions)
        self.tracks: list[PlayTrack] = []
        self.refused: list[OutgoingTrack] = []
        self.receiving: list[str] = []
        self.data: DataSection | None = None

    def read(self, section: Section, media: Media) -> None:
        """One section of the answer beside the one that was offered."""
        if (media.mid or "") != section.mid or media.kind != section.kind:
            raise refusal("answer", media, "not the section that was offered here")
        if media.live and section.data is not None:
            self.data = rules.data(media).data
        if media.live and section.direction.receives and media.direction.sends:
            self.receiving.append(section.mid)
        if section.mid in self._bound:
            self._read_track(self._bound[section.mid], media)

    def _read_track(self, track: OutgoingTrack, media: Media) -> None:
        try:
            if media.live and media.direction.receives:
                self.tracks.append(send_track(media, track, self._send, self._ids)[1])
                return
        except DecodeError:
            pass  # the section is there without our codec: refused like a stopped one
        self.refused.append(track)


def _held(section: Section, media: Media, reader: _Reader) -> Section:
    """The section as the answer leaves it; stopped ones stay stopped."""
    if not media.live:
        return replace(
            section, rejected=True, source=None, direction=Direction.INACTIVE
        )
    if section.data is not None:
        return section
    sends = any(track.mid == section.mid for track in reader.tracks)
    direction = _DIRECTIONS[sends, section.mid in reader.receiving]
    return replace(
        section, direction=direction, source=section.source if sends else None
    )


_DIRECTIONS = {
    (True, True): Direction.SENDRECV,
    (True, False): Direction.SENDONLY,
    (False, True): Direction.RECVONLY,
    (False, False): Direction.INACTIVE,
}


def _bind(
    previous: Sequence[Section], outgoing: Sequence[OutgoingTrack]
) -> dict[str, OutgoingTrack]:
    """Tracks by the section they stay in or take over."""
    known = {section.mid for section in previous if not section.rejected}
    bound = {track.mid: track for track in outgoing if track.mid in known}
    free = [section for section in previous if section.mid not in bound]
    for track in outgoing:
        section = next(
            (s for s in free if track.mid not in bound and _suits(s, track)), None
        )
        if section is not None:
            free.remove(section)
            bound[section.mid] = replace(track, mid=section.mid)
    return bound


def _suits(section: Section, track: OutgoingTrack) -> bool:
    """Whether a section without a track can send this one as it was agreed.

    Not one in which we receive: the far end stops its own track there when it likes.
    Nor one whose last track it has not seen go: to many clients a track is new only
    where none was before.
    """
    if section.rejected or section.direction is not Direction.INACTIVE:
        return False
    if section.kind != track.kind.value or not track.codecs:
        return False
    with_rtx = any(codec.rtx_payload_type is not None for codec in section.codecs)
    carried = all(
        any(fit(known, codec) == 0 for known in section.codecs)
        for codec in track.codecs
    )
    return carried and with_rtx == (track.rtx_ssrc is not None)


def _repeated(
    section: Section, track: OutgoingTrack | None, send: SendRules, ids: ExtensionIds
) -> Section:
    """A section agreed before, sending `track` from now on or nothing."""
    if section.rejected or section.data is not None:
        return section
    receives = section.direction.receives
    if track is None:
        direction = Direction.RECVONLY if receives else Direction.INACTIVE
        return replace(section, direction=direction, source=None)
    direction = Direction.SENDRECV if receives else Direction.SENDONLY
    if section.direction is Direction.INACTIVE:
        section = _awakened(section, track, send, ids)
    return replace(section, direction=direction, source=_source(track))


def _awakened(
    section: Section, track: OutgoingTrack, send: SendRules, ids: ExtensionIds
) -> Section:
    """An inactive section with what sending takes: it was agreed with the least."""
    wanted, feedback = _extras(track, send)
    extensions = {e.uri: e for e in extension_rules.offer_sent(wanted, ids)}
    extensions |= {e.uri: e for e in section.extensions}
    codecs = tuple(replace(codec, feedback=feedback) for codec in section.codecs)
    return replace(section, extensions=tuple(extensions.values()), codecs=codecs)


def _extras(
    track: OutgoingTrack, send: SendRules
) -> tuple[frozenset[str], tuple[str, ...]]:
    """The extensions and the feedback that an offer of ours asks for."""
    wanted = extension_rules.SENT[track.kind]
    feedback = FEEDBACK[track.kind]
    if not send.transport_cc:
        wanted -= {extension_rules.TRANSPORT_CC}
        feedback = tuple(value for value in feedback if value != "transport-cc")
    return wanted, feedback


def _section(
    mid: str,
    track: OutgoingTrack,
    send: SendRules,
    ids: ExtensionIds,
    payloads: PayloadTypes,
) -> Section:
    wanted, feedback = _extras(track, send)
    with_rtx = track.rtx_ssrc is not None
    codecs = tuple(payloads.assign(c, feedback, with_rtx) for c in track.codecs)
    return Section(
        mid=mid,
        kind=track.kind.value,
        protocol=_PROTOCOL,
        formats=payload_types(codecs),
        direction=Direction.SENDONLY,
        codecs=codecs,
        extensions=extension_rules.offer_sent(wanted, ids),
        source=_source(track),
        rtcp_rsize=True,
        rtcp_mux_only=send.rtcp_mux_only,
    )


def _source(track: OutgoingTrack) -> Source:
    return Source(
        track.ssrc, track.rtx_ssrc, track.cname, track.stream_id, track.track_id
    )


def _data_section(mid: str) -> Section:
    return Section(
        mid=mid,
        kind="application",
        protocol="UDP/DTLS/SCTP",
        formats=("webrtc-datachannel",),
        data=DataSection(mid, 5_000, 0),
    )


def _fresh_mid(sections: Sequence[Section]) -> str:
    """A number no section has; the first ones tried are those browsers would give."""
    used = {section.mid for section in sections}
    number = len(sections)
    while str(number) in used:
        number += 1
    return str(number)
