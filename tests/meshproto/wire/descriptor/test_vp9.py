"""VP9 descriptors built field by field (RFC 9628 section 4.2)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import vp9

PICTURE = st.none() | st.integers(0, 0x7FFF)
LAYER = st.none() | st.tuples(
    st.integers(0, 7), st.booleans(), st.integers(0, 7), st.booleans()
)


def encode(
    flags: int,
    picture: int | None,
    layer: tuple[int, bool, int, bool] | None,
    structure: bytes | None,
) -> bytes:
    """`flags` gives P, F, B, E and Z; TL0PICIDX is 9, references are 1 and 2."""
    out = b""
    if picture is not None:
        flags |= 0x80
        short = picture < 0x80
        out += bytes((picture,)) if short else (0x8000 | picture).to_bytes(2, "big")
    if layer is not None:
        flags |= 0x20
        tid, up, sid, inter = layer
        out += bytes((tid << 5 | up << 4 | sid << 1 | inter,))
        out += b"" if flags & 0x10 else b"\x09"
    if flags & 0x50 == 0x50:
        out += b"\x03\x04"
    if structure is not None:
        flags |= 0x02
        out += structure
    return bytes((flags,)) + out


@given(
    st.integers(0, 255).map(lambda bits: bits & 0x5D),
    PICTURE,
    LAYER,
    st.binary(max_size=4),
)
def test_every_field_is_read_back(
    flags: int,
    picture: int | None,
    layer: tuple[int, bool, int, bool] | None,
    data: bytes,
) -> None:
    head = encode(flags, picture, layer, None)
    found = vp9.parse(head + data)
    assert found.size == len(head)
    assert found.picture_id == (picture or 0)
    read = (found.temporal, found.switch_up, found.spatial, found.inter_layer)
    assert read == (layer or (0, False, 0, False))
    assert found.references == ((1, 2) if flags & 0x50 == 0x50 else ())
    assert (found.inter_picture, found.flexible) == (flags & 64 > 0, flags & 16 > 0)
    assert (found.begins, found.ends) == (flags & 8 > 0, flags & 4 > 0)
    facts = vp9.describe(head + data)
    assert facts.start is found.begins
    assert facts.end is found.ends
    assert (facts.spatial, facts.temporal) == (found.spatial, found.temporal)
    key = found.begins and not found.inter_picture and not found.spatial
    assert facts.keyframe is key
    assert facts.switch_up is (key or found.switch_up)
    assert facts.spatial_switch is (found.begins and not found.inter_picture)


def test_the_scalability_structure_with_sizes_and_a_group() -> None:
    structure = bytes.fromhex("38014000b40280016802040550")
    found = vp9.parse(encode(0x08, 5, None, structure)).structure
    assert found == vp9.Structure(
        spatial_layers=2,
        sizes=((320, 180), (640, 360)),
        has_group=True,
        group=(
            vp9.PictureOfGroup(0, False, (5,)),
            vp9.PictureOfGroup(2, True, ()),
        ),
    )


def test_a_structure_without_sizes_or_group() -> None:
    found = vp9.parse(encode(0x08, None, None, b"\x40")).structure
    assert found == vp9.Structure(3, (), False, ())


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "80",
        "8081",
        "20",
        "2023",
        "5003",
        "d0020305070910",
        "0238",
        "020801",
        "02080104",
    ],
)
def test_cut_or_endless_descriptors_are_refused(payload: str) -> None:
    with pytest.raises(DecodeError):
        vp9.parse(bytes.fromhex(payload))


def test_describing_needs_the_layer_octet_only() -> None:
    with pytest.raises(DecodeError):
        vp9.describe(bytes.fromhex("a080"))
    assert vp9.describe(bytes.fromhex("a00246")).spatial == 3
