"""Descriptions for tests: short ones built from parts, whose every line is known."""

from __future__ import annotations

from collections.abc import Iterable

from meshproto.wire.parameters import Codec, MediaKind
from meshproto.wire.sdp.candidate import host_candidate
from meshproto.wire.sdp.endpoint import LocalEndpoint
from meshproto.wire.sdp.model import Media
from meshproto.wire.sdp.parse import parse
from meshproto.wire.sdp.play import OutgoingTrack

FINGERPRINT = ":".join(["5A"] * 32)

LOCAL = LocalEndpoint(
    ufrag="node",
    pwd="0123456789abcdefghijkl",
    fingerprint=":".join(["C0"] * 32),
    candidates=(
        host_candidate("2001:db8::1", 4433),
        host_candidate("192.0.2.1", 4433, rank=1),
    ),
    session_id=4_242,
)

TRANSPORT = (
    "a=ice-ufrag:Remo",
    "a=ice-pwd:lkjihgfedcba9876543210",
    f"a=fingerprint:sha-256 {FINGERPRINT}",
    "a=setup:actpass",
)
OPUS = ("a=rtpmap:111 opus/48000/2", "a=fmtp:111 minptime=10;useinbandfec=1")
VP8 = (
    "a=rtpmap:96 VP8/90000",
    "a=rtcp-fb:96 goog-remb",
    "a=rtcp-fb:96 transport-cc",
    "a=rtcp-fb:96 ccm fir",
    "a=rtcp-fb:96 nack",
    "a=rtcp-fb:96 nack pli",
    "a=rtpmap:97 rtx/90000",
    "a=fmtp:97 apt=96",
)


def h264(payload_type: int, profile: str = "42e01f", mode: str = "1") -> list[str]:
    """The lines of one H.264 format."""
    parameters = f"packetization-mode={mode};profile-level-id={profile}"
    return [
        f"a=rtpmap:{payload_type} H264/90000",
        f"a=fmtp:{payload_type} {parameters}",
    ]


def section(
    kind: str,
    formats: str,
    lines: Iterable[str] = (),
    *,
    mid: str | None = None,
    port: int = 9,
    protocol: str = "UDP/TLS/RTP/SAVPF",
    direction: str = "sendonly",
    transport: Iterable[str] = TRANSPORT,
) -> list[str]:
    """One RTP section, everything an offer needs in it."""
    found = [f"m={kind} {port} {protocol} {formats}", "c=IN IP4 0.0.0.0"]
    found += [f"a=mid:{mid}"] if mid is not None else []
    return [*found, *transport, f"a={direction}", "a=rtcp-mux", *lines]


def audio(lines: Iterable[str] = (), mid: str = "0", **more: str) -> list[str]:
    """An Opus section."""
    return section("audio", "111", [*OPUS, *lines], mid=mid, **more)  # type: ignore[arg-type]


def video(lines: Iterable[str] = (), mid: str = "1", **more: str) -> list[str]:
    """A VP8 section with retransmissions."""
    return section("video", "96 97", [*VP8, *lines], mid=mid, **more)  # type: ignore[arg-type]


def data(mid: str = "2") -> list[str]:
    """A data channel section."""
    return [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        f"a=mid:{mid}",
        *TRANSPORT,
        "a=sctp-port:5000",
        "a=max-message-size:262144",
    ]


def description(*sections: Iterable[str], session: Iterable[str] = ()) -> str:
    """A whole description with every section in the BUNDLE group."""
    lines = [line for found in sections for line in found]
    mids = [line[6:] for line in lines if line.startswith("a=mid:")]
    bundle = [f"a=group:BUNDLE {' '.join(mids)}"] if mids else []
    head = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", *bundle, *session]
    return "".join(f"{line}\r\n" for line in [*head, *lines])


def only_media(lines: Iterable[str]) -> Media:
    """The parsed section of a description that has just this one."""
    return parse(description(lines)).media[0]


def outgoing(
    kind: MediaKind = MediaKind.VIDEO,
    *codecs: Codec,
    ssrc: int = 1_000,
    rtx_ssrc: int | None = 1_001,
    mid: str = "",
) -> OutgoingTrack:
    """A track that waits to leave, VP8 or Opus unless said otherwise."""
    default = {
        MediaKind.VIDEO: Codec(96, "vp8", 90_000),
        MediaKind.AUDIO: Codec(111, "opus", 48_000, 2),
    }
    return OutgoingTrack(
        kind=kind,
        codecs=codecs or (default[kind],),
        ssrc=ssrc,
        rtx_ssrc=rtx_ssrc if kind is MediaKind.VIDEO else None,
        cname="cname",
        stream_id="stream",
        track_id=f"track{ssrc}",
        mid=mid,
    )
