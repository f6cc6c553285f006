"""Media parameters two ends agreed on: the values between SDP and forwarding table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class MediaKind(Enum):
    """The two kinds of RTP media."""

    AUDIO = "audio"
    VIDEO = "video"


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec under the payload type that one transport gave it.

    `name` is lower case ("vp8", "h264", "opus").  `feedback` holds the rtcp-fb values
    negotiated for it, such as "nack", "nack pli", "ccm fir", "transport-cc",
    "goog-remb".  `rtx_payload_type` is None where RFC 4588 was not negotiated.
    """

    payload_type: int
    name: str
    clock_rate_hz: int
    channels: int = 1
    parameters: str = ""
    rtx_payload_type: int | None = None
    feedback: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Extension:
    """An RTP header extension (RFC 8285) under the id that one transport gave it."""

    id: int
    uri: str


@dataclass(frozen=True, slots=True)
class SsrcBinding:
    """An SSRC the publisher's description declared; `repairs` names the SSRC whose
    retransmissions it carries (ssrc-group FID).
    """

    ssrc: int
    rid: str = ""
    repairs: int | None = None
