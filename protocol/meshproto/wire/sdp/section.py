"""An m-section of ours, and a whole description of ours as text.

Strategy: answers and offers are made of the same small value, `Section`, and one
writer puts it into words; nothing of the far end's text is copied through but tokens
that were checked.  Every section repeats the transport (credentials, fingerprint,
candidates), because GStreamer looks for candidates in the section and FFmpeg reads
line by line; where that would pass 8 KiB, which is FFmpeg's buffer, the candidates
stay in the first live section alone, as RFC 9429 section 5.3.1 allows.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass

from meshproto.wire.parameters import Codec
from meshproto.wire.sdp.codecs import spelling
from meshproto.wire.sdp.endpoint import LocalEndpoint
from meshproto.wire.sdp.model import Direction, ExtMap, Setup

MAX_ANSWER_BYTES = 8_192
"""FFmpeg's WHIP muxer reads no longer answer."""


@dataclass(frozen=True, slots=True)
class Source:
    """What we send in a section: our SSRCs and the names a player shows."""

    ssrc: int
    rtx_ssrc: int | None
    cname: str
    stream_id: str
    track_id: str


@dataclass(frozen=True, slots=True)
class DataSection:
    """Data channels (RFC 8841).  `max_message_size` is the far end's, 0 for any;
    ours is `local_max_message_size`, both in bytes.
    """

    mid: str
    sctp_port: int
    max_message_size: int
    local_max_message_size: int = 65_536


@dataclass(frozen=True, slots=True)
class Section:
    """One m-section as we write it.

    `formats` are those of the m-line; `rids` the layers we accept, in the order of
    preference that was offered.  `rejected` sections have port 0 and nothing else.
    `bitrate_bps` caps what the far end sends, 0 is no cap.
    """

    mid: str
    kind: str
    protocol: str
    formats: tuple[str, ...]
    direction: Direction = Direction.INACTIVE
    codecs: tuple[Codec, ...] = ()
    extensions: tuple[ExtMap, ...] = ()
    rids: tuple[str, ...] = ()
    simulcast: str = ""
    source: Source | None = None
    data: DataSection | None = None
    rejected: bool = False
    rtcp_rsize: bool = False
    rtcp_mux_only: bool = False
    allow_mixed: bool = False
    bitrate_bps: int = 0


def write(
    local: LocalEndpoint,
    setup: Setup,
    sections: Sequence[Section],
    bundle: Container[str],
) -> str:
    """The description as text, CRLF lines, with the candidates wherever they fit.

    `bundle` are the mids that may be in the BUNDLE group: those of the offer.
    """
    mids = [s.mid for s in sections if not s.rejected and s.mid and s.mid in bundle]
    text = _text(local, setup, sections, mids, everywhere=True)
    if len(text) > MAX_ANSWER_BYTES:
        text = _text(local, setup, sections, mids, everywhere=False)
    return text


def _text(
    local: LocalEndpoint,
    setup: Setup,
    sections: Sequence[Section],
    mids: Sequence[str],
    everywhere: bool,
) -> str:
    lines = [*_session(local, mids)]
    pending = True
    for section in sections:
        lines += _media(section)
        if section.rejected:
            continue
        lines += _transport(local, setup)
        if everywhere or pending:
            lines += [f"a={candidate}" for candidate in local.candidates]
            lines.append("a=end-of-candidates")
        pending = False
    return "".join(f"{line}\r\n" for line in lines)


def _session(local: LocalEndpoint, mids: Sequence[str]) -> Iterator[str]:
    yield "v=0"
    yield f"o=- {local.session_id} {local.session_version} IN IP4 127.0.0.1"
    yield "s=-"
    yield "t=0 0"
    yield "a=ice-lite"
    if mids:
        yield f"a=group:BUNDLE {' '.join(mids)}"


def _media(section: Section) -> Iterator[str]:
    port = 0 if section.rejected else 9
    formats = " ".join(section.formats)
    yield f"m={section.kind} {port} {section.protocol} {formats}"
    yield "c=IN IP4 0.0.0.0"
    if section.bitrate_bps:
        yield f"b=AS:{max(1, section.bitrate_bps // 1000)}"
        yield f"b=TIAS:{section.bitrate_bps}"
    if section.mid:
        yield f"a=mid:{section.mid}"
    if section.data is not None:
        yield from _data(section, section.data)
    else:
        yield f"a={section.direction.value}"
    if section.codecs and not section.rejected:
        yield from _rtp(section)


def _data(section: Section, data: DataSection) -> Iterator[str]:
    if section.formats == ("webrtc-datachannel",):
        yield f"a=sctp-port:{data.sctp_port}"
        yield f"a=max-message-size:{data.local_max_message_size}"
    else:
        yield f"a=sctpmap:{data.sctp_port} webrtc-datachannel 1024"


def _rtp(section: Section) -> Iterator[str]:
    yield "a=rtcp-mux"
    if section.rtcp_mux_only:
        yield "a=rtcp-mux-only"
    if section.rtcp_rsize:
        yield "a=rtcp-rsize"
    if section.allow_mixed:
        yield "a=extmap-allow-mixed"
    for extension in section.extensions:
        suffix = f"/{extension.direction.value}" if extension.direction else ""
        yield f"a=extmap:{extension.id}{suffix} {extension.uri}"
    for codec in section.codecs:
        yield from _codec(codec)
    for rid in section.rids:
        yield f"a=rid:{rid} recv"
    if section.simulcast:
        yield f"a=simulcast:recv {section.simulcast}"
    if section.source is not None and section.direction.sends:
        yield from _source(section.source)


def _codec(codec: Codec) -> Iterator[str]:
    key = codec.payload_type
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    yield f"a=rtpmap:{key} {spelling(codec.name)}/{codec.clock_rate_hz}{channels}"
    if codec.parameters:
        yield f"a=fmtp:{key} {codec.parameters}"
    for feedback in codec.feedback:
        yield f"a=rtcp-fb:{key} {feedback}"
    if codec.rtx_payload_type is not None:
        yield f"a=rtpmap:{codec.rtx_payload_type} rtx/{codec.clock_rate_hz}"
        yield f"a=fmtp:{codec.rtx_payload_type} apt={key}"


def _source(source: Source) -> Iterator[str]:
    msid = f"{source.stream_id} {source.track_id}"
    yield f"a=msid:{msid}"
    ssrcs = [source.ssrc]
    if source.rtx_ssrc is not None:
        ssrcs.append(source.rtx_ssrc)
        yield f"a=ssrc-group:FID {source.ssrc} {source.rtx_ssrc}"
    for ssrc in ssrcs:
        yield f"a=ssrc:{ssrc} cname:{source.cname}"
        yield f"a=ssrc:{ssrc} msid:{msid}"


def _transport(local: LocalEndpoint, setup: Setup) -> Iterator[str]:
    yield f"a=ice-ufrag:{local.ufrag}"
    yield f"a=ice-pwd:{local.pwd}"
    yield "a=ice-options:trickle ice2"
    yield f"a=fingerprint:sha-256 {local.fingerprint}"
    yield f"a=setup:{setup.value}"


def payload_types(codecs: Sequence[Codec]) -> tuple[str, ...]:
    """The formats of an m-line for these codecs, each with its rtx behind it."""
    found: list[str] = []
    for codec in codecs:
        found.append(str(codec.payload_type))
        if codec.rtx_payload_type is not None:
            found.append(str(codec.rtx_payload_type))
    return tuple(found)
