"""RTP as it arrives at an aiortc receiver, before anything is decoded.

aiortc hands packets to a jitter buffer, and frames out of that to a decoder.  Whoever
wants the packets stands in for the jitter buffer: retransmissions are unwrapped and
losses asked for by then, and no frame ever reaches a decoder.  aiortc offers what it
can decode, out of one table; a receiver that does not decode may have more, so the
table is longer while such a one makes its descriptions, the order of what it had kept.

As in `peer`, the private names used here are why aiortc is pinned to one minor version.
"""

# ruff: noqa: SLF001

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from aiortc import codecs, rtcpeerconnection
from aiortc.rtcrtpparameters import RTCRtcpFeedback, RTCRtpCodecParameters
from aiortc.rtp import RtcpSrPacket

FIRST_PAYLOAD_TYPE = 103
CLOCK_HZ = 90000
_H264 = {"level-asymmetry-allowed": "1", "packetization-mode": "1"}
MORE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("video/VP9", {"profile-id": "0"}),
    ("video/AV1", {}),
    ("video/H264", {**_H264, "profile-level-id": "4d001f"}),
    ("video/H264", {**_H264, "profile-level-id": "64001f"}),
    ("video/H264", {**_H264, "profile-level-id": "640c1f"}),
    ("video/H265", {}),
)
_FEEDBACK = (("nack", None), ("nack", "pli"), ("goog-remb", None))

OnPacket = Callable[[str, Any], bool]
"""Gets the codec's name in lower case and the packet; True asks for a key frame."""
OnReport = Callable[[int, int], None]
"""Gets the 64 bit NTP time of a sender report and the timestamp that belongs to it."""


def _parameters() -> list[RTCRtpCodecParameters]:
    made = []
    for place, (name, parameters) in enumerate(MORE):
        payload_type = FIRST_PAYLOAD_TYPE + 2 * place
        feedback = [RTCRtcpFeedback(type=t, parameter=p) for t, p in _FEEDBACK]
        made += [
            RTCRtpCodecParameters(
                mimeType=name,
                clockRate=CLOCK_HZ,
                payloadType=payload_type,
                rtcpFeedback=feedback,
                parameters=parameters,
            ),
            RTCRtpCodecParameters(
                mimeType="video/rtx",
                clockRate=CLOCK_HZ,
                payloadType=payload_type + 1,
                parameters={"apt": payload_type},
            ),
        ]
    return made


class _Table(dict[str, list[RTCRtpCodecParameters]]):
    """aiortc's table of codecs by kind, longer for who is inside `offering_more`."""

    def __getitem__(self, kind: str) -> list[RTCRtpCodecParameters]:
        known = super().__getitem__(kind)
        return [*known, *_parameters()] if kind == "video" and _more.get() else known


_more: ContextVar[bool] = ContextVar("meshnode_more_codecs", default=False)
rtcpeerconnection.CODECS = _Table(codecs.CODECS)  # type: ignore[attr-defined]


@contextlib.contextmanager
def offering_more() -> Iterator[None]:
    """Inside, this task's descriptions have all video codecs that we can record.

    Nobody else's: a player that decodes must not offer what it cannot decode.
    """
    token = _more.set(True)
    try:
        yield
    finally:
        _more.reset(token)


def agreed(transceiver: Any) -> tuple[str, int] | None:
    """Name in lower case and clock rate of the codec that was negotiated first."""
    found = [codec for codec in transceiver._codecs if not codecs.is_rtx(codec)]
    return (found[0].name.lower(), found[0].clockRate) if found else None


class _Tap:
    """What stands where the jitter buffer was."""

    def __init__(self, receiver: Any, on_packet: OnPacket) -> None:
        self._receiver = receiver
        self._on_packet = on_packet

    def add(self, packet: Any) -> tuple[bool, None]:
        """A packet: no frame, and whether to ask for a key frame."""
        known = self._receiver._RTCRtpReceiver__codecs
        codec = known.get(packet.payload_type)
        wanted = codec is not None and self._on_packet(codec.name.lower(), packet)
        return wanted, None


def tap(receiver: Any, on_packet: OnPacket, on_report: OnReport) -> None:
    """Divert what `receiver` gets.  Call before it has received anything."""
    receiver._RTCRtpReceiver__jitter_buffer = _Tap(receiver, on_packet)
    handle = receiver._handle_rtcp_packet

    async def hear(packet: Any) -> None:
        if isinstance(packet, RtcpSrPacket):
            info = packet.sender_info
            on_report(info.ntp_timestamp, info.rtp_timestamp)
        await handle(packet)

    receiver._handle_rtcp_packet = hear
