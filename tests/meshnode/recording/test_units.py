"""NAL units: whole, aggregated, in pieces, and broken."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.recording.units import H264, H265, Format, units
from meshproto.errors import DecodeError
from support.packetise import encoded, nal_units, payloads


@pytest.mark.parametrize(("codec", "format_"), [("h264", H264), ("h265", H265)])
def test_what_an_encoder_made_comes_out_again(codec: str, format_: Format) -> None:
    for frame, key in encoded(codec, 6):
        found = units(format_, payloads(codec, frame, key))
        assert sorted(found) == sorted(nal_units(frame))


def test_an_h265_aggregate_is_split() -> None:
    aggregate = b"\x60\x01\x00\x03\x40\x01a\x00\x04\x42\x01bc"
    assert units(H265, [aggregate]) == [b"\x40\x01a", b"\x42\x01bc"]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ([b"\x65"], "unit_cut"),
        ([b"\x7c\x85abc"], "unit_unfinished"),
        ([b"\x7c\x05abc"], "unit_fragments"),
        ([b"\x7c\x85abc", b"\x41abc"], "unit_unfinished"),
        ([b"\x78\x00\x09ab"], "unit_aggregate"),
        ([b"\x7eab"], "unit_type"),
        ([], "unit_unfinished"),
    ],
)
def test_what_makes_no_unit(payload: list[bytes], reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        units(H264, payload)
    assert caught.value.reason == reason


@given(st.lists(st.binary(max_size=40), max_size=5), st.sampled_from([H264, H265]))
def test_anything_is_units_or_refused(packets: list[bytes], format_: Format) -> None:
    with contextlib.suppress(DecodeError):
        assert units(format_, packets)
