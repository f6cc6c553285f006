"""The native parsers and `meshproto.wire` read the same bytes alike, or both refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import demux, extensions, red, rtcp_common, rtp, rtx

native = pytest.importorskip("meshnode._native", reason="extension is not built")

heads = st.integers(0x80, 0xBF).map(lambda first: bytes((first,)))
packets = st.one_of(
    st.binary(max_size=200),
    st.tuples(heads, st.binary(max_size=200)).map(b"".join),
    # a short extension, so that what lies behind it is reached as well
    st.tuples(
        st.sampled_from((b"\x90", b"\xb0")),
        st.binary(min_size=13, max_size=13),
        st.integers(0, 20).map(lambda words: words.to_bytes(2)),
        st.binary(max_size=120),
    ).map(b"".join),
)


def in_python(packet: bytes) -> object:
    try:
        view = rtp.parse(packet)
    except DecodeError as error:
        return error.reason
    return view[:5], view[5:8], view[8:], list(rtp.csrcs(packet))


def in_rust(packet: bytes) -> object:
    try:
        return native.wire.parse_rtp(packet)
    except ValueError as error:
        return str(error)


@given(packets)
def test_rtp_is_read_alike(packet: bytes) -> None:
    assert in_rust(packet) == in_python(packet)


def outcome(read: Callable[[], object]) -> object:
    try:
        return read()
    except DecodeError as error:
        return error.reason
    except ValueError as error:
        return str(error)


@given(st.binary(max_size=80), st.sampled_from((0xBEDE, 0x1000, 0x100F, 0x1234)))
def test_elements_lie_alike(body: bytes, profile: int) -> None:
    expected = extensions.spans(body, profile, 0, len(body))
    assert native.wire.spans(body, profile) == expected


blocks = st.tuples(
    st.integers(128, 255), st.integers(0, 255), st.just(0), st.integers(0, 9)
).map(bytes)


@given(st.lists(blocks, max_size=4).map(b"".join), st.binary(max_size=40))
def test_red_is_read_alike(headers: bytes, rest: bytes) -> None:
    payload = headers + rest
    assert outcome(
        lambda: [(t, o, bytes(d)) for t, o, d in native.wire.decode_red(payload)]
    ) == outcome(lambda: red.decode(payload))


def split(compound: bytes) -> tuple[list[tuple[int, int, bytes]], str | None]:
    found: list[tuple[int, int, bytes]] = []
    try:
        # what was taken before the refusal stays in the list
        found.extend(rtcp_common.split(compound))
    except DecodeError as error:
        return found, error.reason
    return found, None


parts = st.builds(
    lambda first, kind, words: (
        bytes((first, kind)) + (len(words) // 4).to_bytes(2) + words
    ),
    st.integers(0x80, 0xBF),
    st.integers(192, 223),
    st.integers(0, 4).flatmap(lambda n: st.binary(min_size=4 * n, max_size=4 * n)),
)


@given(st.lists(parts, max_size=6).map(b"".join), st.binary(max_size=8))
def test_compounds_are_split_alike(compound: bytes, rest: bytes) -> None:
    found, reason = native.wire.split_rtcp(compound + rest)
    plain = [(kind, count, bytes(body)) for kind, count, body in found]
    assert (plain, reason) == split(compound + rest)


@given(packets, st.integers(0, 127), st.integers(0, 0xFFFF))
def test_retransmissions_are_alike(packet: bytes, kind: int, sequence: int) -> None:
    assert outcome(
        lambda: bytes(native.wire.wrap_rtx(packet, 7, kind, sequence))
    ) == outcome(lambda: rtx.wrap(packet, 7, kind, sequence))
    assert outcome(lambda: bytes(native.wire.unwrap_rtx(packet, 7, kind))) == outcome(
        lambda: rtx.unwrap(packet, 7, kind)
    )


def test_every_start_of_a_datagram_is_of_the_same_kind() -> None:
    starts = [b"", *(bytes((a,)) for a in range(256))]
    starts += [bytes((a, b)) for a in range(256) for b in range(256)]
    for start in starts:
        assert native.wire.classify(start) == demux.classify(start).value
