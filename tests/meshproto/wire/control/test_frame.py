"""Frames: the two directions agree, limits hold, and any bytes are read or refused."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError
from meshproto.wire.control import frame as f
from meshproto.wire.control.frame import Frame, Segment

NUMBERS = st.integers(1, f.NUMBER_MAX)
SEGMENTS = st.builds(
    Segment,
    lane=st.integers(0, 1),
    sequence=NUMBERS,
    octets=st.binary(max_size=40),
    more=st.booleans(),
)
FRAMES = st.builds(
    Frame,
    version=st.integers(1, 255),
    sender=NUMBERS,
    receiver=st.integers(0, f.NUMBER_MAX),
    number=NUMBERS,
    acknowledged=st.lists(st.integers(0, 2**40), max_size=4).map(tuple),
    loose=st.lists(st.tuples(st.integers(0, 99)).map(list), max_size=20).map(tuple),
    segments=st.lists(SEGMENTS, max_size=f.SEGMENTS_MAX).map(tuple),
)
PLAIN: list[Any] = [1, 5, 6, 7, [3, 1], [[2, "bye"]], [0, 4, b"\x90"]]


@given(FRAMES)
def test_a_frame_survives_the_wire(frame: Frame) -> None:
    assert f.decode(f.encode(frame)) == frame


def test_a_frame_is_an_array_of_head_loose_records_and_segments() -> None:
    frame = Frame(
        version=1,
        sender=5,
        receiver=6,
        number=7,
        acknowledged=(3, 1),
        loose=([2, "bye"],),
        segments=(Segment(0, 4, b"\x90"), Segment(1, 9, b"part", more=True)),
    )
    assert msgpack.unpackb(f.encode(frame)) == [*PLAIN, [3, 9, b"part"]]


@given(FRAMES)
def test_the_quick_way_and_plain_messagepack_give_the_same_octets(frame: Frame) -> None:
    plain = [
        *(frame.version, frame.sender, frame.receiver, frame.number),
        list(frame.acknowledged),
        list(frame.loose),
        *([s.lane | 2 * s.more, s.sequence, s.octets] for s in frame.segments),
    ]
    assert f.encode(frame) == msgpack.packb(plain)


def test_records_in_a_segment_are_an_array_of_any_length() -> None:
    for count in (0, 1, 15, 16, 300):
        packed = [msgpack.packb([240, n]) for n in range(count)]
        assert msgpack.unpackb(f.pack_records(packed)) == [
            [240, n] for n in range(count)
        ]


def test_the_longest_head_leaves_room_for_the_longest_segment() -> None:
    most = f.NUMBER_MAX
    head = f.join_head(255, most, most, most, [most, 2**63 - 1, most, 2**63 - 1])
    segment = f.pack_segment(Segment(1, most, bytes(f.SEGMENT_OCTETS_MAX), more=True))
    frame = f.join(head, [], [segment])
    assert len(frame) <= f.FRAME_OCTETS_MAX
    assert f.decode(frame).segments[0].octets == bytes(f.SEGMENT_OCTETS_MAX)


WRONG: list[tuple[int, Any, str]] = [
    (0, 0, "head"),
    (0, True, "head"),
    (1, 0, "head"),
    (1, -1, "head"),
    (1, 2**48, "head"),
    (2, None, "head"),
    (3, 1.5, "head"),
    (3, 0, "head"),
    (4, [1, 2, 3, 4, 5], "acknowledged"),
    (4, [-1], "acknowledged"),
    (4, [2**48], "acknowledged"),
    (4, [0, 2**63], "acknowledged"),
    (4, ["1"], "acknowledged"),
    (4, 3, "acknowledged"),
    (5, None, "loose"),
    (5, [[]] * 65, "loose"),
    (6, [0, 4], "segment"),
    (6, [4, 4, b""], "segment"),
    (6, [-1, 4, b""], "segment"),
    (6, [False, 4, b""], "segment"),
    (6, [0, 0, b""], "segment"),
    (6, [0, 4, "text"], "segment"),
    (6, [0, 4, bytes(1_057)], "segment"),
    (6, None, "segment"),
]


@pytest.mark.parametrize(("at", "value", "reason"), WRONG)
def test_a_wrong_part_is_refused_by_name(at: int, value: Any, reason: str) -> None:
    data = msgpack.packb([*PLAIN[:at], value, *PLAIN[at + 1 :]])
    with pytest.raises(DecodeError) as caught:
        f.decode(data)
    assert caught.value.reason == f"frame-{reason}"


def test_too_many_segments_or_too_few_fields_are_refused() -> None:
    with pytest.raises(DecodeError, match="frame-segments"):
        f.decode(msgpack.packb([*PLAIN[:6], *[[0, 1, b""]] * 10]))
    with pytest.raises(DecodeError, match="frame-shape"):
        f.decode(msgpack.packb(PLAIN[:5]))
    with pytest.raises(DecodeError, match="frame-shape"):
        f.decode(msgpack.packb({1: 2}))


def test_a_longer_datagram_is_not_even_unpacked() -> None:
    with pytest.raises(DecodeError, match="frame-size"):
        f.decode(b"\xc1" * (f.FRAME_OCTETS_MAX + 1))


def test_records_we_do_not_know_may_hold_anything() -> None:
    strange = [200, {1: {2: [None, msgpack.ExtType(5, b"x")]}}, "é", 2.5]
    data = msgpack.packb([1, 5, 6, 7, [], [strange]])
    assert f.decode(data).loose == (strange,)


def test_nesting_deeper_than_the_decoder_goes_is_refused() -> None:
    head = b"\x96\x01\x05\x06\x07\x90\x91"
    with pytest.raises(DecodeError, match="frame-msgpack"):
        f.decode(head + b"\x91" * (f.FRAME_OCTETS_MAX - 8) + b"\xc0")
    with pytest.raises(DecodeError, match="frame-msgpack"):
        f.unpack(b"\x91" * (f.VALUE_OCTETS_MAX - 1) + b"\xc0")
    assert f.decode(head + b"\x91" * 16 + b"\xc0").loose


def test_a_key_that_comes_twice_is_refused() -> None:
    with pytest.raises(DecodeError, match="frame-msgpack"):
        f.unpack(b"\x82\xa1a\x01\xa1a\x02")
    assert f.unpack(b"\x82\xa1a\x01\xa1b\x02") == {"a": 1, "b": 2}


@given(st.binary(max_size=300))
def test_reading_is_total(data: bytes) -> None:
    try:
        f.decode(data)
    except DecodeError:
        return


@given(FRAMES, st.integers(0, 2_000), st.integers(0, 255))
def test_one_wrong_octet_is_a_frame_or_a_refusal(
    frame: Frame, at: int, octet: int
) -> None:
    data = bytearray(f.encode(frame))
    data[at % len(data)] = octet
    try:
        f.decode(bytes(data))
    except DecodeError:
        return
