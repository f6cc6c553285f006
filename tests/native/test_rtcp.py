"""RTCP is read, refused and written alike by the native crate and `meshproto.wire`."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshproto.errors import DecodeError, StateError
from meshproto.wire import rtcp, rtcp_common, twcc

native = pytest.importorskip("meshnode._native", reason="extension is not built")

u8, u16, u32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 32))


def outcome(read: Callable[[], object]) -> object:
    """What `read` answers, or the reason of its refusal."""
    try:
        return read()
    except DecodeError as error:
        return error.reason
    except ValueError as error:
        return str(error)
    except (StateError, RuntimeError):
        return "misused"


def plain(value: object) -> object:
    """Sequences as lists, so that tuples of one side equal lists of the other."""
    if isinstance(value, list | tuple):
        return [plain(member) for member in value]
    return value


def described(compound: bytes) -> object:
    return [
        plain((type(packet).__name__, *dataclasses.astuple(packet)))
        for packet in rtcp.parse(compound)
    ]


def framed(
    kinds: st.SearchStrategy[tuple[int, int]], bodies: st.SearchStrategy[bytes]
) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda kind, body: rtcp_common.frame(*kind, body + bytes(-len(body) % 4)),
        kinds,
        bodies,
    )


# small octets, so that counts and lengths inside a body are often met
octets = st.lists(st.one_of(st.integers(0, 6), u8), max_size=90).map(bytes)
reports = st.tuples(st.integers(200, 203), st.integers(0, 3))
known = st.sampled_from(((205, 1), (205, 15), (206, 1), (206, 4), (206, 15), (206, 2)))
estimates = st.builds(
    lambda head, count, rest: head + b"REMB" + bytes((count,)) + rest,
    st.binary(min_size=8, max_size=8),
    st.integers(0, 5),
    st.binary(min_size=3, max_size=23),
)
runs = st.builds(
    lambda symbol, run: symbol << 13 | run, st.integers(0, 3), st.integers(0, 40)
)
chunks = st.one_of(runs, u16, st.integers(0x8000, 0xFFFF))
transport = st.builds(
    lambda base, count, word, words, rest: (
        struct.pack("!IIHHI", 1, 2, base, count, word)
        + struct.pack(f"!{len(words)}H", *words)
        + rest
    ),
    u16,
    st.one_of(st.integers(0, 40), u16),
    u32,
    st.lists(chunks, max_size=6),
    st.binary(max_size=120),
)
packets = st.one_of(
    framed(reports, octets),
    framed(known, octets),
    framed(st.just((206, 15)), estimates),
    framed(st.just((205, 15)), transport),
)
compounds = st.lists(packets, max_size=3).map(b"".join)


@given(compounds)
def test_compounds_are_read_alike(compound: bytes) -> None:
    found = outcome(lambda: plain(native.wire.parse_rtcp(compound)))
    assert found == outcome(lambda: described(compound))


@given(compounds)
def test_compounds_are_written_alike(compound: bytes) -> None:
    found = outcome(lambda: bytes(native.wire.rebuild_rtcp(compound)))
    assert found == outcome(lambda: rtcp.build(rtcp.parse(compound)))


@given(u8, st.integers(0, 31), st.binary(max_size=40), u8)
def test_packets_are_framed_alike(
    kind: int, count: int, body: bytes, padding: int
) -> None:
    # both want whole words
    whole = body + bytes(-(len(body) + padding) % 4)
    found = bytes(native.wire.frame_rtcp(kind, count, whole, padding))
    assert found == rtcp_common.frame(kind, count, whole, padding)


@given(st.lists(u16, max_size=30), st.lists(st.integers(0, 20), max_size=60))
def test_losses_are_paired_alike(any_order: list[int], steps: list[int]) -> None:
    sequence, rising = 65_400, []
    for step in steps:
        sequence = sequence + step & 0xFFFF
        rising.append(sequence)
    for lost in (any_order, rising):
        pairs = native.wire.nack_pairs(lost)
        assert pairs == rtcp.nack_pairs(lost)
        assert native.wire.nack_lost(pairs) == list(rtcp.Nack.of(1, 2, lost).lost())


@given(st.integers(0, 1 << 50), st.integers(0, 260))
@example(1 << 48, 255)
def test_estimates_are_written_alike(bitrate: int, count: int) -> None:
    ssrcs = tuple(range(count))
    assert outcome(lambda: bytes(native.wire.encode_remb(bitrate, ssrcs))) == outcome(
        lambda: rtcp.BitrateEstimate(1, bitrate, ssrcs).encode()
    )


@given(st.integers(-(1 << 31), (1 << 31) - 1))
def test_losses_are_clamped_alike(lost: int) -> None:
    report = rtcp.ReceiverReport(1, (rtcp.ReportBlock(0, packets_lost=lost),))
    assert bytes(native.wire.encode_loss(lost)) == report.encode()


@given(st.floats(-3e9, 1e11))
def test_clocks_are_alike(unix_s: float) -> None:
    ntp = rtcp.ntp_time(unix_s)
    assert native.wire.ntp_time(unix_s) == (ntp, rtcp.compact_ntp(ntp))


steps = st.tuples(
    st.one_of(st.just(1), st.integers(0, 5), st.integers(0, 20_000)),
    st.one_of(
        st.none(),
        st.just(0),
        st.integers(-100_000, 100_000),
        st.integers(-20_000_000, 20_000_000),
    ),
)


@given(
    st.lists(steps, max_size=80),
    st.integers(-1_000_000, 1 << 50),
    u8,
    st.sampled_from((20, 60, 120, 1200, 1 << 18)),
)
def test_arrivals_are_reported_alike(
    walk: list[tuple[int, int | None]], start_us: int, count: int, size: int
) -> None:
    sequence, time_us = 65_500, start_us
    arrivals: list[twcc.Arrival] = []
    for step, delta in walk:
        sequence = sequence + step & 0xFFFF
        time_us += delta or 0
        arrivals.append((sequence, None if delta is None else time_us))
    found = outcome(lambda: plain(native.wire.build_twcc(count, arrivals, size)))
    assert found == outcome(
        lambda: plain(twcc.build(1, 2, count, arrivals, max_octets=size))
    )


def test_long_runs_and_long_lists_are_reported_alike() -> None:
    for gap, number in ((8_190, 3), (8_191, 3), (16_383, 2), (16_384, 2), (1, 16_500)):
        arrivals = [(at * gap & 0xFFFF, at * 250) for at in range(number)]
        packet, taken = native.wire.build_twcc(1, arrivals, 1 << 18)
        expected = twcc.build(1, 2, 1, arrivals, max_octets=1 << 18)
        assert (bytes(packet), taken) == expected
        assert plain(native.wire.parse_rtcp(bytes(packet))) == described(packet)
