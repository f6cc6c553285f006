"""The public RTCP and transport-wide feedback vectors, and bad compounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from meshproto.wire import rtcp, twcc
from support import vectors


def block(one: rtcp.ReportBlock) -> dict[str, Any]:
    return {
        "ssrc": one.ssrc,
        "fraction_lost": one.fraction_lost,
        "packets_lost": one.packets_lost,
        "highest_sequence": one.highest_sequence,
        "jitter": one.jitter,
        "lsr": one.last_report,
        "dlsr": one.delay,
    }


def deltas(feedback: rtcp.TransportFeedback) -> Iterator[list[int | None]]:
    time_us = feedback.reference * twcc.REFERENCE_US
    for sequence, arrival_us in feedback.arrivals:
        yield [sequence, None if arrival_us is None else arrival_us - time_us]
        time_us = time_us if arrival_us is None else arrival_us


def report(packet: rtcp.SenderReport | rtcp.ReceiverReport) -> dict[str, Any]:
    fields = {"ssrc": packet.ssrc, "reports": [block(one) for one in packet.reports]}
    if isinstance(packet, rtcp.ReceiverReport):
        return {"type": "RR", **fields}
    return {
        "type": "SR",
        "ntp_time": packet.ntp_time,
        "rtp_time": packet.rtp_time,
        "packet_count": packet.packet_count,
        "octet_count": packet.octet_count,
        **fields,
    }


def fields(packet: rtcp.RtcpPacket) -> dict[str, Any]:
    match packet:
        case rtcp.SenderReport() | rtcp.ReceiverReport():
            return report(packet)
        case rtcp.SourceDescription(chunks):
            named = [{"ssrc": ssrc, "items": list(items)} for ssrc, items in chunks]
            return {"type": "SDES", "chunks": named}
        case rtcp.Bye(sources, reason):
            return {"type": "BYE", "sources": list(sources), "reason": reason or None}
        case rtcp.BitrateEstimate(sender, bitrate_bps, ssrcs):
            rate = {"bitrate": bitrate_bps, "ssrcs": list(ssrcs)}
            return {"type": "REMB", "sender_ssrc": sender, **rate}
    common = {"sender_ssrc": packet.sender_ssrc, "media_ssrc": packet.media_ssrc}
    match packet:
        case rtcp.Nack():
            return {"type": "NACK", "lost": list(packet.lost()), **common}
        case rtcp.PictureLossIndication():
            return {"type": "PLI", **common}
        case rtcp.FullIntraRequest():
            return {"type": "FIR", "entries": list(packet.entries), **common}
    return {
        "type": "TWCC",
        "base_sequence": packet.base_sequence,
        "reference_time": packet.reference,
        "feedback_count": packet.feedback_count,
        "status_count": len(packet.arrivals),
        "packets": list(deltas(packet)),
        **common,
    }


def parse(data: bytes) -> list[dict[str, Any]]:
    return [fields(packet) for packet in rtcp.parse(data)]


def build(packet: dict[str, Any]) -> bytes:
    sender, media = packet["sender_ssrc"], packet["media_ssrc"]
    match packet["type"]:
        case "PLI":
            return rtcp.PictureLossIndication(sender, media).encode()
        case "NACK":
            return rtcp.Nack.of(sender, media, packet["lost"]).encode()
    entries = tuple((ssrc, number) for ssrc, number in packet["entries"])
    return rtcp.FullIntraRequest(sender, media, entries).encode()


def build_feedback(
    sender_ssrc: int, media_ssrc: int, feedback_count: int, arrivals: list[Any]
) -> bytes:
    packet, taken = twcc.build(
        sender_ssrc, media_ssrc, feedback_count, arrivals, max_octets=60_000
    )
    assert taken == len(arrivals)
    return packet


def compact(ntp64: int) -> int:
    return rtcp.compact_ntp(ntp64)


ADAPTERS: vectors.Adapters = {
    "rtcp.parse": parse,
    "rtcp.build": build,
    "rtcp.nack_pairs": rtcp.nack_pairs,
    "ntp.compact": compact,
    "twcc.parse": parse,
    "twcc.build": build_feedback,
    "twcc.reference": twcc.reference_time,
}
ENTRIES = [
    *vectors.entries("rtcp.json", ADAPTERS),
    *vectors.entries("twcc.json", ADAPTERS),
]


def test_every_kind_is_adapted() -> None:
    assert vectors.kinds("rtcp.json") | vectors.kinds("twcc.json") == set(ADAPTERS)


@pytest.mark.parametrize("entry", ENTRIES)
def test_vector(entry: dict[str, Any]) -> None:
    assert not vectors.failure(entry, ADAPTERS)


@pytest.mark.parametrize("entry", ENTRIES[::7])
def test_a_wrong_expectation_would_be_noticed(entry: dict[str, Any]) -> None:
    if entry.get("expect") == "check":
        late = {**ADAPTERS, "twcc.build": build_late}
        assert vectors.failure(entry, late)
    else:
        assert vectors.failure(vectors.twisted(entry), ADAPTERS)


def build_late(
    sender_ssrc: int, media_ssrc: int, feedback_count: int, arrivals: list[Any]
) -> bytes:
    """Every arrival 4 ms later than the one before it was."""
    late = [
        (sequence, None if us is None else us + 4000 * index)
        for index, (sequence, us) in enumerate(arrivals)
    ]
    return build_feedback(sender_ssrc, media_ssrc, feedback_count, late)


@pytest.mark.parametrize("data", list(vectors.bad_inputs("rtcp")))
def test_bad_compound(data: bytes) -> None:
    vectors.refused_or_read(parse, data)
