from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError, StateError
from meshproto.wire import extensions, rtp

PLAIN = bytes.fromhex("80e0698fd9c293da1c642782") + b"payload"


def test_the_fixed_header_is_read_in_place() -> None:
    view = rtp.parse(PLAIN)
    assert view.marker
    assert view.payload_type == 96
    assert view.sequence == 0x698F
    assert view.timestamp == 0xD9C293DA
    assert view.ssrc == 0x1C642782
    assert view.header_length == rtp.HEADER_LENGTH
    assert view.extension_offset == view.extension_length == 0
    assert rtp.payload(PLAIN, view) == b"payload"


def test_csrcs_and_extension_move_the_payload() -> None:
    packet = rtp.build(
        8, 1, 2, 3, b"x", csrcs=(7, 8), extensions=[(1, b"ab")], padding=4
    )
    view = rtp.parse(packet)
    assert rtp.csrcs(packet) == (7, 8)
    assert view.extension_profile == extensions.ONE_BYTE_PROFILE
    assert view.extension_offset == 24
    assert view.extension_length == 4
    assert view.header_length == 28
    assert view.payload_length == 1
    assert view.padding_length == 4


def test_a_packet_of_padding_only_has_an_empty_payload() -> None:
    view = rtp.parse(rtp.build(96, 1, 2, 3, padding=255))
    assert view.payload_length == 0
    assert view.padding_length == 255


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "rtp-short"),
        (PLAIN[:11], "rtp-short"),
        (b"\x40" + PLAIN[1:], "rtp-version"),
        (b"\xc0" + PLAIN[1:], "rtp-version"),
        (b"\x8f" + PLAIN[1:], "rtp-header"),
        (b"\x90" + PLAIN[1:12], "rtp-extension"),
        (b"\x90" + PLAIN[1:12] + b"\xbe\xde\x00\x01", "rtp-header"),
        (b"\xa0" + PLAIN[1:12], "rtp-padding"),
        (b"\xa0" + PLAIN[1:12] + b"\x00", "rtp-padding"),
        (b"\xa0" + PLAIN[1:12] + b"\x01\x03", "rtp-padding"),
    ],
)
def test_malformed_headers_are_refused(packet: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as refused:
        rtp.parse(packet)
    assert refused.value.reason == reason


def test_the_extension_of_another_profile_is_carried_as_it_is() -> None:
    packet = rtp.build(96, 1, 2, 3, b"x", extensions=[(0, b"12345")], profile=7)
    view = rtp.parse(packet)
    assert view.extension_profile == 7
    assert packet[view.extension_offset :][:8] == b"12345\0\0\0"


def test_an_empty_extension_block_is_possible() -> None:
    view = rtp.parse(rtp.build(96, 1, 2, 3, profile=extensions.ONE_BYTE_PROFILE))
    assert view.extension_offset == 16
    assert view.extension_length == 0


def test_numbers_wrap_when_written() -> None:
    view = rtp.parse(rtp.build(96, 0x10002, 0x100000003, 4))
    assert (view.sequence, view.timestamp) == (2, 3)


@pytest.mark.parametrize(
    "wrong", [{"payload_type": 128}, {"padding": 256}, {"csrcs": range(16)}]
)
def test_impossible_headers_are_not_written(wrong: dict[str, object]) -> None:
    fields = {"payload_type": 96, "sequence": 1, "timestamp": 2, "ssrc": 3, **wrong}
    with pytest.raises(StateError):
        rtp.build(**fields)  # type: ignore[arg-type]


U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)


@given(
    st.integers(0, 127),
    U16,
    U32,
    U32,
    st.binary(max_size=40),
    st.booleans(),
    st.lists(U32, max_size=15),
    st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=40)), max_size=6),
    st.integers(0, 255),
)
def test_what_is_built_is_parsed(
    payload_type: int,
    sequence: int,
    timestamp: int,
    ssrc: int,
    payload: bytes,
    marker: bool,
    csrcs: list[int],
    elements: list[tuple[int, bytes]],
    padding: int,
) -> None:
    packet = rtp.build(
        payload_type,
        sequence,
        timestamp,
        ssrc,
        payload,
        marker=marker,
        csrcs=csrcs,
        extensions=elements,
        padding=padding,
    )
    view = rtp.parse(packet)
    assert view[:5] == (marker, payload_type, sequence, timestamp, ssrc)
    assert rtp.payload(packet, view) == payload
    assert rtp.csrcs(packet) == tuple(csrcs)
    assert view.padding_length == padding
    spans = extensions.spans(packet, *view[-3:])
    assert [(i, packet[a : a + n]) for i, a, n in spans] == elements


@given(st.binary(max_size=80), st.sampled_from([0x80, 0x90, 0xA0, 0xB3]))
def test_any_bytes_are_a_packet_inside_their_bounds_or_refused(
    tail: bytes, first: int
) -> None:
    packet = bytes((first,)) + tail
    try:
        view = rtp.parse(packet)
    except DecodeError:
        return
    total = view.header_length + view.payload_length + view.padding_length
    assert total == len(packet)
    assert view.payload_length >= 0
    assert view.extension_offset + view.extension_length <= view.header_length
    for _, start, length in extensions.spans(packet, *view[-3:]):
        assert view.extension_offset < start <= start + length <= view.header_length
