"""Media parameters reach the native crate as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.wire.parameters import Codec, Extension, MediaKind, SsrcBinding

native = pytest.importorskip("meshnode._native", reason="extension is not built")

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
payload_types = st.integers(0, 127)
ssrcs = st.integers(0, (1 << 32) - 1)

codecs = st.builds(
    Codec,
    payload_types,
    texts,
    st.integers(0, (1 << 31) - 1),
    st.integers(0, 1 << 31),
    texts,
    st.none() | payload_types,
    st.lists(texts, max_size=4).map(tuple),
)


def test_kinds_arrive() -> None:
    for kind in MediaKind:
        assert native.wire.read_kind(kind) == kind.value


@given(codecs)
def test_codecs_arrive(codec: Codec) -> None:
    *plain, feedback = native.wire.read_codec(codec)
    assert Codec(*plain, feedback=tuple(feedback)) == codec


def test_absurd_channels_do_not_refuse_a_codec() -> None:
    fields = native.wire.read_codec(Codec(96, "opus", 48_000, 1 << 90))
    assert fields[3] == (1 << 32) - 1


@given(st.integers(0, 65_535), texts)
def test_extensions_arrive(identifier: int, uri: str) -> None:
    found = native.wire.read_extension(Extension(identifier, uri))
    assert found == (identifier, uri)


@given(ssrcs, texts, st.none() | ssrcs)
def test_bindings_arrive(ssrc: int, rid: str, repairs: int | None) -> None:
    found = native.wire.read_binding(SsrcBinding(ssrc, rid, repairs))
    assert found == (ssrc, rid, repairs)
