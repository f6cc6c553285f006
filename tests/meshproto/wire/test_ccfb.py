"""Congestion control feedback: written, read, refused (RFC 8888 section 3.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError, StateError
from meshproto.wire import ccfb, rtcp, rtcp_common
from meshproto.wire.ccfb import CongestionFeedback, SourceReport

U32 = st.integers(0, 2**32 - 1)
OFFSETS = st.lists(st.none() | st.integers(0, 0x1FFE), min_size=1, max_size=70)
SOURCES = st.builds(SourceReport, U32, st.integers(0, 0xFFFF), OFFSETS.map(tuple))
FEEDBACK = st.builds(
    CongestionFeedback, U32, st.lists(SOURCES, max_size=6).map(tuple), U32
)


@given(feedback=FEEDBACK)
def test_what_is_written_is_read(feedback: CongestionFeedback) -> None:
    packet = feedback.encode()
    assert ccfb.find(packet) == [feedback]
    assert len(packet) % 4 == 0


def test_the_octets_are_those_of_the_rfc() -> None:
    report = SourceReport(0x11223344, 65_535, (1, None, 1024))
    assert CongestionFeedback(7, (report,), 0xA0B0C0D0).encode().hex() == (
        "8bcd00060000000711223344ffff00038001000084000000a0b0c0d0"
    )
    assert list(report.packets()) == [(65_535, 1), (0, None), (1, 1024)]


def test_times_long_ago_and_unknown_ones_are_received_all_the_same() -> None:
    old = CongestionFeedback(1, (SourceReport(2, 3, (9_999,)),), 0)
    assert ccfb.find(old.encode())[0].sources[0].offsets == (0x1FFE,)
    octets = bytes.fromhex("8bcd0005 00000001 00000002 00030001 9fff0000 00000000")
    assert ccfb.find(octets)[0].sources[0].offsets == (0,)


def test_other_packets_of_a_compound_are_skipped() -> None:
    feedback = CongestionFeedback(1, (), 5)
    nack = rtcp.Nack.of(1, 2, [3]).encode()
    assert ccfb.find(nack + feedback.encode() + nack) == [feedback]
    assert ccfb.find(nack) == []


def test_a_report_about_too_much_is_not_written() -> None:
    for offsets in ((), (None,) * (ccfb.STATUSES_MAX + 1)):
        with pytest.raises(StateError):
            CongestionFeedback(1, (SourceReport(1, 1, offsets),), 0).encode()


@pytest.mark.parametrize(
    ("body", "label"),
    [
        ("00000001", "ccfb-short"),
        ("00000001 00000002 00000000", "ccfb-source"),
        ("00000001 00000002 00030003 80018001 00000000", "ccfb-count"),
        ("00000001 00000002 00034000 80018001 00000000", "ccfb-count"),
    ],
)
def test_what_is_malformed_is_refused(body: str, label: str) -> None:
    octets = rtcp_common.frame(205, 11, bytes.fromhex(body))
    with pytest.raises(DecodeError, match=label):
        ccfb.find(octets)


@given(body=st.binary(max_size=64))
def test_any_octets_are_feedback_or_refused(body: bytes) -> None:
    try:
        found = ccfb.decode(body)
    except DecodeError:
        return
    if all(source.offsets for source in found.sources):
        assert ccfb.find(found.encode()) == [found]
