"""RTCP: a compound datagram to values and back (RFC 3550 section 6).

`parse` reads what this project acts on: reports, descriptions and farewells
(`rtcp_reports`), NACK, PLI, FIR and REMB (`rtcp_feedback`), and transport-wide feedback
(`twcc`).  Other types (APP, XR, feedback formats unknown here) are checked for their
length and skipped.

One malformed packet refuses its whole compound.  The packets share one authentication
tag and one sender, so what stands beside nonsense is no better than it, and a receiver
that acts on half a datagram is harder to reason about than one that counts a refusal.

Every value has `encode()`; `build` joins values to one compound.
"""

from __future__ import annotations

from collections.abc import Iterable

from meshproto.errors import DecodeError
from meshproto.wire import rtcp_common as common
from meshproto.wire import rtcp_feedback as feedback
from meshproto.wire import rtcp_reports as reports
from meshproto.wire import twcc
from meshproto.wire.rtcp_feedback import (
    BitrateEstimate,
    FullIntraRequest,
    Nack,
    PictureLossIndication,
    nack_pairs,
)
from meshproto.wire.rtcp_reports import (
    Bye,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
    cname,
    compact_ntp,
    ntp_time,
)
from meshproto.wire.twcc import TransportFeedback

__all__ = [
    "BitrateEstimate",
    "Bye",
    "FullIntraRequest",
    "Nack",
    "PictureLossIndication",
    "ReceiverReport",
    "ReportBlock",
    "RtcpPacket",
    "SenderReport",
    "SourceDescription",
    "TransportFeedback",
    "build",
    "cname",
    "compact_ntp",
    "nack_pairs",
    "ntp_time",
    "parse",
]

RtcpPacket = (
    SenderReport
    | ReceiverReport
    | SourceDescription
    | Bye
    | Nack
    | PictureLossIndication
    | FullIntraRequest
    | BitrateEstimate
    | TransportFeedback
)
"""Everything that `parse` returns and `build` takes."""


def parse(compound: bytes) -> list[RtcpPacket]:
    """The packets of a datagram in order, without the skipped types.

    Raises `DecodeError` when any of them is malformed or the datagram is empty.
    """
    if not compound:
        raise DecodeError("rtcp-short")
    packets = []
    for packet_type, count, body in common.split(compound):
        packet = _packet(packet_type, count, body)
        if packet is not None:
            packets.append(packet)
    return packets


def build(packets: Iterable[RtcpPacket]) -> bytes:
    """One compound of `packets`.

    RFC 3550 wants a report and a CNAME in front; with reduced size (RFC 5506), which
    WebRTC negotiates, feedback may go alone.  That choice is the caller's.
    """
    return b"".join(packet.encode() for packet in packets)


def _packet(packet_type: int, count: int, body: bytes) -> RtcpPacket | None:
    match packet_type:
        case common.SENDER_REPORT:
            return reports.decode_sender_report(count, body)
        case common.RECEIVER_REPORT:
            return reports.decode_receiver_report(count, body)
        case common.SOURCE_DESCRIPTION:
            return reports.decode_source_description(count, body)
        case common.BYE:
            return reports.decode_bye(count, body)
        case common.TRANSPORT_FEEDBACK:
            return _transport_feedback(count, body)
        case common.PAYLOAD_FEEDBACK:
            return _payload_feedback(count, body)
    return None


def _transport_feedback(fmt: int, body: bytes) -> RtcpPacket | None:
    if fmt == feedback.NACK_FORMAT:
        return feedback.decode_nack(body)
    if fmt == feedback.TWCC_FORMAT:
        return twcc.decode(body)
    feedback.sources(body)
    return None


def _payload_feedback(fmt: int, body: bytes) -> RtcpPacket | None:
    if fmt == feedback.PLI_FORMAT:
        return feedback.decode_pli(body)
    if fmt == feedback.FIR_FORMAT:
        return feedback.decode_fir(body)
    if fmt == feedback.APPLICATION_FORMAT:
        return feedback.decode_remb(body)
    feedback.sources(body)
    return None
