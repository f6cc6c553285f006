from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import rtcp_common as common


def test_packets_are_walked_and_their_padding_cut() -> None:
    first = common.frame(201, 3, b"abcd")
    second = common.frame(206, 1, b"efgh1", padding=3)
    assert list(common.split(first + second)) == [
        (201, 3, b"abcd"),
        (206, 1, b"efgh1"),
    ]


def test_a_padding_count_of_nought_cuts_nothing() -> None:
    packet = b"\xa0" + common.frame(201, 0, b"abc\0")[1:]
    assert list(common.split(packet)) == [(201, 0, b"abc\0")]


@pytest.mark.parametrize(
    ("compound", "reason"),
    [
        (b"\x80\xc9\x00", "rtcp-short"),
        (common.frame(201, 0, b"abcd") + b"\x80", "rtcp-short"),
        (b"\x40\xc9\x00\x00", "rtcp-version"),
        (b"\x80\xc9\x00\x01", "rtcp-length"),
        (b"\xa0\xc9\x00\x00", "rtcp-padding"),
        (b"\xa0\xc9\x00\x01\x00\x00\x00\x05", "rtcp-padding"),
        (common.frame(203, 0, b"") * (common.MAX_PACKETS + 1), "rtcp-count"),
    ],
)
def test_bad_framing_is_refused(compound: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as refused:
        list(common.split(compound))
    assert refused.value.reason == reason


def test_the_largest_count_of_packets_is_read() -> None:
    assert len(list(common.split(common.frame(203, 0, b"") * common.MAX_PACKETS))) == (
        common.MAX_PACKETS
    )


@given(
    st.lists(
        st.tuples(st.integers(192, 223), st.integers(0, 31), st.binary(max_size=64)),
        max_size=5,
    )
)
def test_what_is_framed_is_split(packets: list[tuple[int, int, bytes]]) -> None:
    compound = b"".join(
        common.frame(kind, count, body, padding=-len(body) % 4)
        for kind, count, body in packets
    )
    assert list(common.split(compound)) == packets
