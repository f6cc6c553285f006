"""H.265 payloads are described alike: units, aggregates, fragments and PACI."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.wire.descriptor import describe
from support.native import outcome

native = pytest.importorskip("meshnode._native", reason="extension is not built")

# mostly valid temporal ids, layer 0 or not
heads = st.builds(
    lambda kind, layer, temporal: bytes((kind << 1, layer << 3 | temporal)),
    st.integers(0, 52),
    st.sampled_from((0, 0, 1)),
    st.integers(0, 7),
)
units = st.tuples(heads, st.binary(max_size=4)).map(b"".join)
sized = st.tuples(units | st.binary(max_size=3), st.sampled_from((0, 0, 0, 1))).map(
    lambda drawn: (len(drawn[0]) + drawn[1]).to_bytes(2) + drawn[0]
)
aggregates = st.lists(sized, max_size=4).map(
    lambda parts: b"\x60\x01" + b"".join(parts)
)
payloads = st.one_of(st.binary(max_size=8), units, aggregates)
# the header of the packet, then type and extension size of what is inside
wrapped = st.builds(
    lambda kind, size, rest: b"\x64\x01" + bytes((kind << 1, size << 4)) + rest,
    st.integers(0, 63),
    st.integers(0, 3),
    st.binary(max_size=10),
)


@given(payloads | wrapped)
def test_packets_are_described_alike(payload: bytes) -> None:
    assert outcome(lambda: native.descriptor.describe("h265", payload)) == outcome(
        lambda: describe("h265", payload)
    )


def test_a_wrapper_in_a_wrapper_is_refused_alike() -> None:
    nested = b"\x64\x01" + bytes((50 << 1, 0)) + b"\x64\x01\0\0"
    assert outcome(lambda: native.descriptor.describe("h265", nested)) == "h265_paci"
    assert outcome(lambda: describe("h265", nested)) == "h265_paci"
