from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import rtcp
from meshproto.wire.rtcp_common import frame

EVERYTHING: list[rtcp.RtcpPacket] = [
    rtcp.SenderReport(1, 2, 3, 4, 5, (rtcp.ReportBlock(6, 7, -8, 9, 10, 11, 12),)),
    rtcp.ReceiverReport(1),
    rtcp.cname(1, b"somebody"),
    rtcp.Nack.of(1, 2, [3, 4, 400]),
    rtcp.PictureLossIndication(1, 2),
    rtcp.FullIntraRequest(1, 0, ((2, 9),)),
    rtcp.BitrateEstimate(1, 1 << 20, (2, 3)),
    rtcp.TransportFeedback(1, 2, 3, 1, 4, ((3, 64_250), (4, None), (5, 65_000))),
    rtcp.Bye((1,), b"gone"),
]


def test_a_compound_of_everything_survives() -> None:
    assert rtcp.parse(rtcp.build(EVERYTHING)) == EVERYTHING


@pytest.mark.parametrize(
    ("packet_type", "count"), [(204, 0), (207, 3), (205, 3), (205, 11), (206, 2)]
)
def test_types_unknown_here_are_skipped(packet_type: int, count: int) -> None:
    compound = frame(packet_type, count, bytes(8)) + EVERYTHING[4].encode()
    assert rtcp.parse(compound) == [EVERYTHING[4]]


@pytest.mark.parametrize("packet_type", [205, 206])
def test_unknown_feedback_without_its_ssrcs_is_refused(packet_type: int) -> None:
    with pytest.raises(DecodeError):
        rtcp.parse(frame(packet_type, 9, bytes(4)))


def test_one_malformed_packet_refuses_the_whole_compound() -> None:
    with pytest.raises(DecodeError):
        rtcp.parse(rtcp.build(EVERYTHING) + frame(200, 0, bytes(4)))


def test_an_empty_datagram_is_refused() -> None:
    with pytest.raises(DecodeError):
        rtcp.parse(b"")


@given(
    st.integers(0, 31),
    st.sampled_from([*range(200, 208)]),
    st.integers(0, 63)
    .map(lambda words: 4 * words)
    .flatmap(lambda size: st.binary(min_size=size, max_size=size)),
    st.booleans(),
)
def test_any_framed_body_is_read_or_refused(
    count: int, packet_type: int, body: bytes, padded: bool
) -> None:
    packet = bytearray(frame(packet_type, count, body))
    packet[0] |= 0x20 * padded
    try:
        packets = rtcp.parse(bytes(packet))
    except DecodeError:
        return
    assert len(packets) <= 1


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        packets = rtcp.parse(data)
    except DecodeError:
        return
    assert len(packets) <= len(data) // 4
