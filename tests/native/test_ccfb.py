"""Congestion feedback of legs is read and written alike (RFC 8888)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.wire import ccfb, rtcp_common
from support.native import outcome

native = pytest.importorskip("meshnode._native", reason="extension is not built")

sources = st.builds(
    ccfb.SourceReport,
    st.integers(0, 0xFFFFFFFF),
    st.integers(0, 0xFFFF),
    st.lists(st.none() | st.integers(0, 0x3FFF), min_size=1, max_size=40).map(tuple),
)
reports = st.builds(
    ccfb.CongestionFeedback,
    st.integers(0, 0xFFFFFFFF),
    st.lists(sources, max_size=5).map(tuple),
    st.integers(0, 0xFFFFFFFF),
)


def plain(report: ccfb.CongestionFeedback) -> tuple[object, ...]:
    told = [(s.ssrc, s.begin, list(s.offsets)) for s in report.sources]
    return report.sender_ssrc, told, report.stamp


@given(reports)
def test_reports_are_written_alike(report: ccfb.CongestionFeedback) -> None:
    written = report.encode()
    assert bytes(native.wire.write_ccfb(*plain(report))) == written
    assert native.wire.find_ccfb(written) == [plain(r) for r in ccfb.find(written)]


@given(st.binary(max_size=60), st.integers(0, 3))
def test_what_is_malformed_is_refused_alike(body: bytes, cut: int) -> None:
    body += bytes(-len(body) % 4)
    framed = rtcp_common.frame(205, 11, body)
    datagram = framed[: len(framed) - cut]
    assert outcome(lambda: native.wire.find_ccfb(datagram)) == outcome(
        lambda: [plain(report) for report in ccfb.find(datagram)]
    )
