"""What a session description says, as values (RFC 8866, RFC 9429 section 5).

Strategy: a description stays what it is, a list of numbered lines, and the facts that
WebRTC needs are read once into typed fields beside them.  Nothing a client wrote is
lost: a line we do not understand is still in `lines`, in its place, and `serialise`
writes it back.  Facts are what the section itself says, with the session level as the
fallback that RFC 8866 section 5.13 prescribes; what follows from bundling (a section
without credentials uses those of its group) is judged in `offer`, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from meshproto.wire.sdp.candidate import Candidate


class Direction(Enum):
    """Who sends (RFC 8866 section 6.7), seen from whoever wrote the description."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether the writer sends."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether the writer receives."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)


class Setup(Enum):
    """The DTLS role offered or taken (RFC 8842 section 5)."""

    ACTPASS = "actpass"
    ACTIVE = "active"
    PASSIVE = "passive"
    HOLDCONN = "holdconn"


class Line(NamedTuple):
    """One line: its number counted from 1, its type letter and what follows "="."""

    number: int
    type: str
    value: str


class Fingerprint(NamedTuple):
    """A certificate hash (RFC 8122): lower case algorithm, hex pairs as written."""

    algorithm: str
    value: str


class Group(NamedTuple):
    """`a=group` (RFC 5888): BUNDLE, LS, with the mids it names."""

    semantics: str
    mids: tuple[str, ...]


class SsrcGroup(NamedTuple):
    """`a=ssrc-group` (RFC 5576): FID pairs a stream with its retransmissions."""

    semantics: str
    ssrcs: tuple[int, ...]


class Rid(NamedTuple):
    """`a=rid` (RFC 8851).  `payload_types` is empty where the layer is unrestricted."""

    id: str
    direction: str
    payload_types: tuple[int, ...] = ()


class ExtMap(NamedTuple):
    """`a=extmap` (RFC 8285 section 8), direction None where it is the section's."""

    id: int
    uri: str
    direction: Direction | None = None
    attributes: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type: rtpmap, fmtp and rtcp-fb gathered.

    `encoding` is the rtpmap as written, `name` its codec in lower case.
    """

    payload_type: int
    encoding: str
    name: str
    clock_rate_hz: int
    channels: int = 1
    parameters: str = ""
    feedback: tuple[str, ...] = ()

    @property
    def repairs(self) -> int | None:
        """For rtx, the payload type it retransmits (apt, RFC 4588 section 8.1)."""
        value = fmtp_values(self.parameters).get("apt", "")
        is_number = value.isascii() and value.isdigit() and len(value) < 4
        return int(value) if self.name == "rtx" and is_number else None


def fmtp_values(parameters: str) -> dict[str, str]:
    """`key=value;key=value` as a mapping with lower case keys; the first one wins."""
    values: dict[str, str] = {}
    for item in parameters.split(";"):
        key, _, value = item.partition("=")
        values.setdefault(key.strip().lower(), value.strip())
    return values


@dataclass(frozen=True, slots=True)
class SsrcFacts:
    """What `a=ssrc` lines say of one SSRC (RFC 5576); `msid` is stream and track."""

    ssrc: int
    cname: str = ""
    msid: str = ""


@dataclass(frozen=True, slots=True)
class Media:
    """One m-section.  `lines` holds all of it, the m-line first."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    lines: tuple[Line, ...]
    mid: str | None
    direction: Direction
    codecs: tuple[Format, ...]
    extensions: tuple[ExtMap, ...]
    rids: tuple[Rid, ...]
    simulcast: str | None
    ssrcs: tuple[SsrcFacts, ...]
    ssrc_groups: tuple[SsrcGroup, ...]
    msid: str | None
    ice_ufrag: str | None
    ice_pwd: str | None
    fingerprints: tuple[Fingerprint, ...]
    setup: Setup | None
    candidates: tuple[Candidate, ...]
    end_of_candidates: bool
    rtcp_mux: bool
    rtcp_mux_only: bool
    rtcp_rsize: bool
    bundle_only: bool
    allow_mixed: bool
    sdes_crypto: bool
    sctp_port: int | None
    max_message_size: int | None

    @property
    def line(self) -> int:
        """The number of the m-line, for messages."""
        return self.lines[0].number

    @property
    def live(self) -> bool:
        """Offered and not stopped: port 0 is live when bundle-only (RFC 9143
        section 6).
        """
        return self.port != 0 or self.bundle_only


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """A whole description; `lines` are those before the first m-section."""

    lines: tuple[Line, ...]
    media: tuple[Media, ...]
    groups: tuple[Group, ...]
    ice_lite: bool

    def bundle(self) -> tuple[str, ...]:
        """The mids of the first BUNDLE group, empty where nothing is bundled."""
        for group in self.groups:
            if group.semantics == "BUNDLE":
                return group.mids
        return ()


@dataclass(frozen=True, slots=True)
class SdpLimits:
    """Bounds of one description; what exceeds them is refused, never cut.

    `lines` bounds the whole text, the others what one section may hold.  The defaults
    are several times what any known client writes.
    """

    text_bytes: int = 65_536
    lines: int = 4_096
    media: int = 64
    formats: int = 128
    candidates: int = 64
    extensions: int = 64
    rids: int = 16
    ssrcs: int = 256


DEFAULT_LIMITS = SdpLimits()
"""What a WHIP or WHEP door reads."""

ROOM_LIMITS = SdpLimits(text_bytes=524_288, lines=32_768, media=256)
"""What a room door reads: Chromium writes 5 KB for each section a member receives in,
and a room holds 100 members.
"""
