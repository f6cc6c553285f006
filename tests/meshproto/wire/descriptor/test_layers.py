"""The video layers allocation extension, built and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import layers

RATES = st.lists(st.integers(0, 1 << 24), min_size=1, max_size=4)
STREAM = st.dictionaries(st.integers(0, 3), RATES, min_size=1, max_size=4)


def leb128(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))


def encode(stream: int, streams: list[dict[int, list[int]]], *, sizes: bool) -> bytes:
    """Spatial layer -> kb/s by temporal layer, for each stream."""
    bitmaps = [sum(1 << spatial for spatial in each) for each in streams]
    common = bitmaps[0] if len(set(bitmaps)) == 1 else 0
    out = bytes((stream << 6 | len(streams) - 1 << 4 | common,))
    if not common:
        padded = [*bitmaps, 0]
        pairs = range(0, len(bitmaps), 2)
        out += bytes(padded[at] << 4 | padded[at + 1] for at in pairs)
    rates = [each[spatial] for each in streams for spatial in sorted(each)]
    counts = [len(rate) - 1 for rate in rates] + [0, 0, 0]
    for at in range(0, len(rates), 4):
        a, b, c, d = counts[at : at + 4]
        out += bytes((a << 6 | b << 4 | c << 2 | d,))
    out += b"".join(leb128(kbps) for rate in rates for kbps in rate)
    if sizes:
        out += b"".join(bytes.fromhex("04ff02cf1e") for _ in rates)
    return out


@given(st.lists(STREAM, min_size=1, max_size=4), st.booleans())
def test_it_is_read_back(streams: list[dict[int, list[int]]], sizes: bool) -> None:
    found = layers.parse(encode(0, streams, sizes=sizes))
    assert found.stream == 0
    size = (1280, 720, 30) if sizes else (0, 0, 0)
    assert found.spatial_layers == tuple(
        tuple(
            layers.SpatialLayer(spatial, tuple(kbps * 1000 for kbps in rate), *size)
            for spatial, rate in sorted(each.items())
        )
        for each in streams
    )


@given(st.binary(max_size=30))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = layers.parse(data)
    except DecodeError:
        return
    assert 1 <= len(found.spatial_layers) <= 4


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",  # nothing is sent
        b"\x41\x00\x01",  # stream 1 of 1
        b"\x01",
        b"\x01\x00\xff\xff\xff\xff\xff\x01",  # a bitrate beyond 35 bits
        b"\x01\x00\x05\x00",  # one octet of sizes
    ],
)
def test_what_cannot_be_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        layers.parse(data)
