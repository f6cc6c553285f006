from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire import rtp, rtx


def test_the_original_number_leads_the_payload() -> None:
    packet = rtp.build(96, 0xFFFF, 5, 1, b"frame", marker=True, extensions=[(1, b"a")])
    wrapped = rtx.wrap(packet, ssrc=2, payload_type=97, sequence=7)
    view = rtp.parse(wrapped)
    assert (view.ssrc, view.payload_type, view.sequence) == (2, 97, 7)
    assert view.marker
    assert rtp.payload(wrapped, view) == b"\xff\xffframe"


@pytest.mark.parametrize("payload", [b"", b"\x01"])
def test_a_probe_carries_no_packet(payload: bytes) -> None:
    probe = rtp.build(97, 7, 5, 2, payload, padding=100)
    with pytest.raises(DecodeError, match="rtx-short"):
        rtx.unwrap(probe, 1, 96)


@given(
    st.binary(max_size=50),
    st.integers(0, 0xFFFF),
    st.booleans(),
    st.integers(0, 20),
    st.lists(st.integers(0, 0xFFFFFFFF), max_size=3),
)
def test_unwrapping_gives_the_original(
    payload: bytes, sequence: int, marker: bool, padding: int, csrcs: list[int]
) -> None:
    packet = rtp.build(
        96, sequence, 5, 1, payload, marker=marker, padding=padding, csrcs=csrcs
    )
    wrapped = rtx.wrap(packet, 2, 97, sequence + 1)
    assert len(wrapped) == len(packet) + 2
    assert rtx.unwrap(wrapped, 1, 96) == packet


@given(st.binary(max_size=60))
def test_any_bytes_are_unwrapped_or_refused(data: bytes) -> None:
    try:
        original = rtx.unwrap(data, 1, 96)
    except DecodeError:
        return
    assert rtp.parse(original).payload_type == 96
