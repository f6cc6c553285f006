"""The native parsers and `meshproto.wire` read the same bytes alike, or both refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import rtp

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
