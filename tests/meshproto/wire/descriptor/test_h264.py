"""H.264 packetisation (RFC 6184): facts, and streams rebuilt from any fragmentation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.descriptor import h264

START = b"\0\0\0\1"
UNIT = st.builds(
    lambda kind, importance, body: bytes((importance << 5 | kind,)) + body,
    st.integers(1, 23),
    st.integers(0, 3),
    st.binary(min_size=1, max_size=60),
)


def fragment(unit: bytes, size: int) -> list[bytes]:
    pieces = [unit[at : at + size] for at in range(1, len(unit), size)]
    last = len(pieces) - 1
    return [
        bytes((unit[0] & 0xE0 | 28, (at == 0) << 7 | (at == last) << 6 | unit[0] & 31))
        + piece
        for at, piece in enumerate(pieces)
    ]


def aggregate(units: list[bytes]) -> bytes:
    return b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)


@given(st.lists(UNIT, min_size=1, max_size=5), st.integers(1, 20), st.integers(0, 2))
def test_a_stream_survives_any_packetisation(
    units: list[bytes], size: int, way: int
) -> None:
    if way == 0:
        payloads = units
    elif way == 1:
        payloads = [aggregate(units)]
    else:
        payloads = [piece for unit in units for piece in fragment(unit, size)]
    rebuilt = h264.Depacketizer()
    out = b"".join(rebuilt.push(payload) for payload in payloads)
    assert out == b"".join(START + unit for unit in units)


@given(UNIT, st.integers(1, 20))
def test_a_fragment_says_what_its_unit_says(unit: bytes, size: int) -> None:
    pieces = [h264.describe(piece) for piece in fragment(unit, size)]
    whole = h264.describe(unit)
    assert pieces[0] == whole
    assert not any(piece.start or piece.keyframe for piece in pieces[1:])


@pytest.mark.parametrize(
    ("payload", "start", "keyframe", "discardable"),
    [
        ("65 88", True, True, False),  # IDR, first slice
        ("67 42", True, True, False),  # parameters come before every IDR
        ("68 ce", True, False, False),
        ("06 05", True, False, False),
        ("09 f0", True, False, False),
        ("41 9a", True, False, False),  # first slice of a reference picture
        ("41 1a", False, False, False),  # another slice
        ("01 9a", True, False, True),
        ("01 1a", False, False, True),
        ("1c 41 1a", False, False, True),
        ("7c 41 1a", False, False, False),
        ("41", False, False, False),
        ("78 0002 6742 0002 68ce 0002 6588", True, True, False),
        ("78 0002 09f0 0002 41 9a", True, False, False),
        ("78 0001 41", False, False, False),
    ],
)
def test_facts(payload: str, start: bool, keyframe: bool, discardable: bool) -> None:
    facts = h264.describe(bytes.fromhex(payload.replace(" ", "")))
    read = (facts.start, facts.keyframe, facts.discardable)
    assert read == (start, keyframe, discardable)


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "00",
        "1e00",
        "1f00",
        "7900",
        "78",
        "7800",
        "780005 41",
        "780000",
        "7c",
        "7c85",
    ],
)
def test_what_cannot_be_is_refused(payload: str) -> None:
    data = bytes.fromhex(payload.replace(" ", ""))
    with pytest.raises(DecodeError):
        h264.describe(data)
    if payload != "7c85":
        with pytest.raises(DecodeError):
            h264.unit_types(data)


def test_what_was_lost_is_not_glued_together() -> None:
    first, _, last = fragment(b"\x65" + bytes(9), 3)
    rebuilt = h264.Depacketizer()
    assert rebuilt.push(first) == b""
    rebuilt.lost()
    assert rebuilt.push(last) == b""
    assert rebuilt.push(b"\x41\x9a") == START + b"\x41\x9a"


def test_a_unit_without_end_is_given_up() -> None:
    rebuilt = h264.Depacketizer(unit_bytes_max=20)
    first, *rest = fragment(b"\x65" + bytes(40), 10)
    rebuilt.push(first)
    with pytest.raises(DecodeError):
        rebuilt.push(rest[0])
    assert rebuilt.push(rest[1]) == b""
