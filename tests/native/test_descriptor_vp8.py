"""VP8 descriptors are read and renumbered alike, also those of the vectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.wire import rtp
from meshproto.wire.descriptor import describe, vp8
from support.native import outcome

native = pytest.importorskip("meshnode._native", reason="extension is not built")

VECTORS = Path(__file__).parents[2] / "rfcs" / "vectors" / "forwarding"

payloads = st.one_of(
    st.binary(max_size=12),
    # extended, with every combination of fields, cut anywhere
    st.builds(
        lambda first, flags, rest: bytes((first | 0x80, flags)) + rest,
        st.integers(0, 255),
        st.integers(0, 15).map(lambda flags: flags << 4),
        st.binary(max_size=8),
    ),
)


def fields(payload: bytes) -> object:
    found = vp8.parse(payload)
    return found[:6], found.numbers, found.keyframe


@given(payloads)
def test_packets_are_described_alike(payload: bytes) -> None:
    assert outcome(lambda: native.descriptor.describe("vp8", payload)) == outcome(
        lambda: describe("vp8", payload)
    )


@given(payloads)
def test_every_field_is_read_alike(payload: bytes) -> None:
    assert outcome(lambda: native.descriptor.parse_vp8(payload)) == outcome(
        lambda: fields(payload)
    )


@given(
    payloads,
    st.integers(0, 0xFFFF),
    st.integers(0, 255),
    st.none() | st.integers(0, 255),
)
def test_numbers_are_written_alike(
    payload: bytes, picture_id: int, tl0picidx: int, keyidx: int | None
) -> None:
    assert outcome(
        lambda: bytes(
            native.descriptor.rewrite_vp8(payload, picture_id, tl0picidx, keyidx)
        )
    ) == outcome(lambda: vp8.rewrite(payload, picture_id, tl0picidx, keyidx))


@pytest.mark.parametrize("name", sorted(path.stem for path in VECTORS.glob("*.json")))
def test_packets_of_the_vectors_are_described_alike(name: str) -> None:
    steps = json.loads((VECTORS / f"{name}.json").read_text())["steps"]
    packets = [
        bytes.fromhex(call["rtp"])
        for step in steps
        for call in step["calls"]
        if "rtp" in call
    ]
    assert packets
    for packet in packets:
        payload = rtp.payload(packet, rtp.parse(packet))
        assert native.descriptor.describe("vp8", payload) == describe("vp8", payload)
