"""AV1 payloads are split and described alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.wire.descriptor import av1, describe
from support.native import outcome

native = pytest.importorskip("meshnode._native", reason="extension is not built")

# kinds that open frames, with and without extension and size field
obus = st.builds(
    lambda kind, flags, rest: bytes((kind << 3 | flags << 1,)) + rest,
    st.integers(0, 8),
    st.integers(0, 3),
    st.binary(max_size=4),
)
elements = st.lists(obus | st.binary(max_size=3), max_size=4)


def assembled(header: int, parts: list[bytes], excess: int, *, bare: bool) -> bytes:
    sized = [bytes((len(part) + excess,)) + part for part in parts]
    if bare and parts:
        # W counts the elements, and the last goes without its length
        header, sized[-1] = header & 0xCF | (len(parts) & 3) << 4, parts[-1]
    return bytes((header,)) + b"".join(sized)


payloads = st.one_of(
    st.binary(max_size=20),
    st.builds(
        assembled,
        st.integers(0, 255),
        elements,
        st.sampled_from((0, 0, 0, 1)),
        bare=st.booleans(),
    ),
    # sizes in many octets
    st.integers(0, 11).map(lambda count: b"\0" + b"\x80" * count + b"\1\x08"),
)


@given(payloads)
def test_packets_are_described_alike(payload: bytes) -> None:
    assert outcome(lambda: native.descriptor.describe("av1", payload)) == outcome(
        lambda: describe("av1", payload)
    )


@given(payloads)
def test_payloads_are_split_alike(payload: bytes) -> None:
    assert outcome(lambda: native.descriptor.parse_av1(payload)) == outcome(
        lambda: av1.parse(payload)
    )
