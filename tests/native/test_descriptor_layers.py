"""Video layers allocations are read alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.wire.descriptor import layers
from support.native import outcome

native = pytest.importorskip("meshnode._native", reason="extension is not built")


def assembled(header: int, bitmaps: bytes, rates: list[int], sizes: bytes) -> bytes:
    return bytes((header,)) + bitmaps + bytes(rates) + sizes


values = st.one_of(
    st.binary(max_size=40),
    # one stream or two, and small rates, so that the sizes are reached
    st.builds(
        assembled,
        st.sampled_from((0x01, 0x03, 0x11, 0x13, 0x53, 0x10, 0x50)),
        st.sampled_from((b"", b"\0", b"\x11", b"\x10", b"\x31")),
        st.lists(st.integers(0, 127) | st.integers(0, 255), max_size=8),
        st.integers(0, 4).flatmap(lambda n: st.binary(min_size=5 * n, max_size=5 * n)),
    ),
)


@given(values)
def test_allocations_are_read_alike(value: bytes) -> None:
    assert outcome(lambda: native.descriptor.parse_layers(value)) == outcome(
        lambda: layers.parse(value)
    )


def test_one_layer_with_its_size_is_read_alike() -> None:
    value = b"\x01\x40\x64\xc8\x01" + b"\x02\x7f\x01\x67\x1e"
    found = outcome(lambda: native.descriptor.parse_layers(value))
    assert found == (0, (((0, (100_000, 200_000), 640, 360, 30),),))
    assert found == outcome(lambda: layers.parse(value))
