from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError, StateError
from meshproto.wire import rtcp
from meshproto.wire import rtcp_reports as reports

U32 = st.integers(0, 0xFFFFFFFF)
BLOCKS = st.builds(
    reports.ReportBlock,
    U32,
    st.integers(0, 255),
    st.integers(-0x800000, 0x7FFFFF),
    U32,
    U32,
    U32,
    U32,
)
ITEMS = st.tuples(st.integers(1, 255), st.binary(max_size=255))
CHUNKS = st.tuples(U32, st.lists(ITEMS, max_size=4).map(tuple))


@given(U32, st.integers(0, 2**64 - 1), U32, U32, U32, st.lists(BLOCKS, max_size=31))
def test_sender_reports_survive(
    ssrc: int,
    ntp: int,
    rtp: int,
    packets: int,
    octets: int,
    blocks: list[reports.ReportBlock],
) -> None:
    report = reports.SenderReport(ssrc, ntp, rtp, packets, octets, tuple(blocks))
    assert rtcp.parse(report.encode()) == [report]


@given(U32, st.lists(BLOCKS, max_size=31))
def test_receiver_reports_survive(ssrc: int, blocks: list[reports.ReportBlock]) -> None:
    report = reports.ReceiverReport(ssrc, tuple(blocks))
    assert rtcp.parse(report.encode()) == [report]


@given(st.lists(CHUNKS, max_size=31))
def test_descriptions_survive(
    chunks: list[tuple[int, tuple[tuple[int, bytes], ...]]],
) -> None:
    description = reports.SourceDescription(tuple(chunks))
    assert rtcp.parse(description.encode()) == [description]


@given(st.lists(U32, max_size=31), st.binary(max_size=255))
def test_farewells_survive(sources: list[int], reason: bytes) -> None:
    bye = reports.Bye(tuple(sources), reason)
    assert rtcp.parse(bye.encode()) == [bye]


def test_losses_are_clamped_to_their_field() -> None:
    report = reports.ReceiverReport(
        1,
        (
            reports.ReportBlock(2, packets_lost=1 << 30),
            reports.ReportBlock(3, packets_lost=-(1 << 30)),
        ),
    )
    (read,) = rtcp.parse(report.encode())
    assert isinstance(read, reports.ReceiverReport)
    assert [block.packets_lost for block in read.reports] == [0x7FFFFF, -0x800000]


def test_counters_of_a_sender_wrap() -> None:
    (read,) = rtcp.parse(reports.SenderReport(1, 2, 1 << 32, 2**32 + 5, 6).encode())
    assert read == reports.SenderReport(1, 2, 0, 5, 6)


def test_profile_extensions_behind_the_blocks_are_ignored() -> None:
    body = (7).to_bytes(4, "big") + b"profile!"
    assert reports.decode_receiver_report(0, body) == reports.ReceiverReport(7)


def test_a_cname_is_one_chunk_with_one_item() -> None:
    assert reports.cname(5, b"me").encode() == bytes.fromhex(
        "81ca00030000000501026d6500000000"
    )


@pytest.mark.parametrize(
    ("decode", "count", "body"),
    [
        (reports.decode_sender_report, 0, bytes(23)),
        (reports.decode_sender_report, 1, bytes(24)),
        (reports.decode_receiver_report, 0, bytes(3)),
        (reports.decode_receiver_report, 2, bytes(28)),
        (reports.decode_source_description, 1, bytes(3)),
        (reports.decode_source_description, 1, b"ssrc"),
        (reports.decode_source_description, 1, b"ssrc\x01"),
        (reports.decode_source_description, 1, b"ssrc\x01\x05abc"),
        (reports.decode_source_description, 1, b"ssrc\x01\x02ab"),
        (reports.decode_source_description, 2, b"ssrc\0\0\0\0"),
        (reports.decode_bye, 2, bytes(4)),
        (reports.decode_bye, 1, b"ssrc\x04abc"),
    ],
)
def test_what_is_promised_must_be_there(
    decode: Callable[[int, bytes], object], count: int, body: bytes
) -> None:
    with pytest.raises(DecodeError):
        decode(count, body)


@pytest.mark.parametrize(
    "packet",
    [
        reports.ReceiverReport(1, (reports.ReportBlock(2),) * 32),
        reports.SourceDescription(((1, ()),) * 32),
        reports.SourceDescription(((1, ((0, b"x"),)),)),
        reports.SourceDescription(((1, ((1, bytes(256)),)),)),
        reports.Bye(tuple(range(32))),
        reports.Bye((1,), bytes(256)),
    ],
)
def test_what_does_not_fit_is_not_written(packet: reports.Bye) -> None:
    with pytest.raises(StateError):
        packet.encode()


def test_ntp_time_counts_from_1900() -> None:
    assert reports.ntp_time(0.0) == 2_208_988_800 << 32
    assert reports.ntp_time(0.5) == (2_208_988_800 << 32) + (1 << 31)


def test_the_compact_form_is_the_middle() -> None:
    assert reports.compact_ntp(0xB44DB705_200A8F5C) == 0xB705200A
