"""VP9 descriptors are read alike, scalability structures included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.wire.descriptor import describe, vp9
from support.native import outcome

native = pytest.importorskip("meshnode._native", reason="extension is not built")

payloads = st.one_of(
    st.binary(max_size=20),
    # a structure: sizes, and a group that is short enough to fit at times
    st.builds(
        lambda first, layers, sizes, group: (
            bytes((first & 0x0D | 0x02, layers << 5 | 0x18)) + sizes + group
        ),
        st.integers(0, 255),
        st.integers(0, 1),
        st.binary(min_size=4, max_size=8),
        st.tuples(
            st.integers(0, 3).map(lambda n: bytes((n,))), st.binary(max_size=12)
        ).map(b"".join),
    ),
)


def fields(payload: bytes) -> object:
    found = vp9.parse(payload)
    return found[:7], found[7:13], found[13:]


@given(payloads)
def test_packets_are_described_alike(payload: bytes) -> None:
    assert outcome(lambda: native.descriptor.describe("vp9", payload)) == outcome(
        lambda: describe("vp9", payload)
    )


@given(payloads)
def test_every_field_is_read_alike(payload: bytes) -> None:
    assert outcome(lambda: native.descriptor.parse_vp9(payload)) == outcome(
        lambda: fields(payload)
    )


def test_a_fourth_reference_is_refused_alike() -> None:
    # flexible mode and inter predicted, every difference says that another follows
    payload = b"\x50" + b"\x03" * 4
    assert outcome(lambda: native.descriptor.parse_vp9(payload)) == "vp9_references"
    assert outcome(lambda: fields(payload)) == "vp9_references"
