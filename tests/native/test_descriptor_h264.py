"""H.264 payloads are described alike, and streams are rebuilt alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import describe, h264
from support.native import outcome

native = pytest.importorskip("meshnode._native", reason="extension is not built")

UNIT_BYTES_MAX = 24

units = st.binary(max_size=6)
# lengths are right, or one too many
sized = st.tuples(units, st.sampled_from((0, 0, 0, 1))).map(
    lambda drawn: (len(drawn[0]) + drawn[1]).to_bytes(2) + drawn[0]
)
payloads = st.one_of(
    st.binary(max_size=8),
    st.lists(sized, max_size=4).map(lambda parts: b"\x78" + b"".join(parts)),
    st.tuples(st.sampled_from((b"\x1c", b"\x7c")), st.binary(max_size=8)).map(b"".join),
)


@given(payloads)
def test_packets_are_described_alike(payload: bytes) -> None:
    assert outcome(lambda: native.descriptor.describe("h264", payload)) == outcome(
        lambda: describe("h264", payload)
    )


@given(payloads)
def test_unit_types_are_read_alike(payload: bytes) -> None:
    assert outcome(lambda: native.descriptor.unit_types_h264(payload)) == outcome(
        lambda: h264.unit_types(payload)
    )


def rebuilt(payloads: list[bytes | None]) -> list[tuple[bytes, str | None]]:
    depacketizer = h264.Depacketizer(UNIT_BYTES_MAX)
    found: list[tuple[bytes, str | None]] = []
    for payload in payloads:
        if payload is None:
            depacketizer.lost()
            found.append((b"", None))
            continue
        try:
            found.append((depacketizer.push(payload), None))
        except DecodeError as error:
            found.append((b"", error.reason))
    return found


@given(st.lists(st.none() | payloads, max_size=12))
def test_streams_are_rebuilt_alike(sent: list[bytes | None]) -> None:
    found = native.descriptor.depacketize_h264(sent, UNIT_BYTES_MAX)
    assert [(bytes(unit), reason) for unit, reason in found] == rebuilt(sent)
