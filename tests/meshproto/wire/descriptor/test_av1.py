"""AV1 aggregation and what the first OBUs tell (AV1 RTP specification section 4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import av1

TILE_GROUP = 4


def leb128(value: int) -> bytes:
    out = b""
    while value >= 0x80:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))


def obu(kind: int, body: str, *, layer: tuple[int, int] | None = None) -> bytes:
    """`layer` is (temporal, spatial)."""
    head = bytes((kind << 3 | 4 * (layer is not None),))
    if layer is not None:
        head += bytes((layer[0] << 5 | layer[1] << 3,))
    return head + bytes.fromhex(body)


def packet(*elements: bytes, flags: int = 0, counted: bool = True) -> bytes:
    count = len(elements) if counted and len(elements) < 4 else 0
    sized = [leb128(len(element)) + element for element in elements]
    if count:
        sized[-1] = elements[-1]
    return bytes((flags | count << 4,)) + b"".join(sized)


@given(
    st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5), st.booleans()
)
def test_elements_are_split_as_they_were_put_together(
    elements: list[bytes], counted: bool
) -> None:
    found = av1.parse(packet(*elements, counted=counted))
    assert list(found.elements) == elements
    assert not found.new_sequence


KEY, INTER, SHOWN = "10", "30", "90"
SEQUENCE = obu(av1.SEQUENCE_HEADER, "00")


@pytest.mark.parametrize(
    ("payload", "start", "keyframe"),
    [
        (packet(SEQUENCE, obu(av1.FRAME, KEY), flags=0x08), True, True),
        (packet(SEQUENCE, obu(av1.FRAME, KEY)), True, True),
        (packet(SEQUENCE, obu(av1.FRAME_HEADER, KEY)), True, True),
        (packet(SEQUENCE, obu(av1.FRAME, INTER)), True, False),
        (packet(SEQUENCE, obu(av1.FRAME, SHOWN)), True, False),
        (packet(SEQUENCE, b"", obu(av1.FRAME, KEY), counted=False), True, True),
        (packet(SEQUENCE), True, True),
        (packet(obu(av1.DELIMITER, ""), SEQUENCE), True, True),
        (packet(obu(av1.DELIMITER, ""), obu(av1.FRAME, KEY)), True, False),
        (packet(obu(av1.FRAME, KEY)), True, False),
        (packet(obu(TILE_GROUP, "00")), False, False),
        (packet(obu(av1.FRAME, KEY), flags=0x80), False, False),
        (packet(SEQUENCE, obu(av1.FRAME | 0, KEY, layer=(0, 0))), True, True),
        (packet(SEQUENCE, obu(av1.FRAME, "")), True, False),
    ],
)
def test_facts(payload: bytes, start: bool, keyframe: bool) -> None:
    facts = av1.describe(payload)
    assert (facts.start, facts.keyframe) == (start, keyframe)


def test_a_frame_with_its_own_size_field() -> None:
    sized = bytes((av1.FRAME << 3 | 2,)) + leb128(1) + bytes.fromhex(KEY)
    assert av1.describe(packet(SEQUENCE, sized)).keyframe


def test_layer_ids_stand_in_the_obu_extension() -> None:
    facts = av1.describe(packet(obu(av1.FRAME, INTER, layer=(2, 1))))
    assert (facts.temporal, facts.spatial) == (2, 1)
    key = av1.describe(packet(obu(av1.FRAME, KEY, layer=(0, 1)), flags=0x08))
    assert (key.keyframe, key.spatial_switch) == (False, True)


@pytest.mark.parametrize(
    "payload", ["00", "0001", "10", "1034", "00ff", "00ffffffffffffffffff01", "0000"]
)
def test_cut_payloads_are_refused(payload: str) -> None:
    with pytest.raises(DecodeError):
        av1.describe(bytes.fromhex(payload))
