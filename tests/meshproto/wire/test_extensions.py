from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.errors import DecodeError, StateError
from meshproto.wire import extensions as ext


def read(profile: int, body: bytes) -> list[tuple[int, bytes]]:
    spans = ext.spans(b"head" + body, profile, 4, len(body))
    return [(i, (b"head" + body)[start : start + n]) for i, start, n in spans]


def test_one_byte_elements_with_padding_between_them() -> None:
    body = bytes.fromhex("10aa21bbbb000033cccccccc")
    assert read(0xBEDE, body) == [(1, b"\xaa"), (2, b"\xbb" * 2), (3, b"\xcc" * 4)]


def test_two_byte_elements_may_be_empty() -> None:
    assert read(0x1000, bytes.fromhex("01000201bb000000")) == [(1, b""), (2, b"\xbb")]


@pytest.mark.parametrize("profile", [0x1000, 0x1005, 0x100F])
def test_the_low_bits_of_the_two_byte_profile_are_free(profile: int) -> None:
    assert ext.is_two_byte(profile)
    assert read(profile, b"\x09\x01x") == [(9, b"x")]


@pytest.mark.parametrize("profile", [0, 0x0FFF, 0x1010, 0xBEDF])
def test_other_profiles_have_no_elements(profile: int) -> None:
    assert read(profile, b"\x09\x01x") == []


@pytest.mark.parametrize(
    "bad",
    [
        b"\xf0\xff",  # id 15 is reserved
        b"\x01\xff\xff",  # id 0 with a length
        b"\x33\xff",  # runs past the end
    ],
)
def test_a_malformed_one_byte_element_ends_the_reading(bad: bytes) -> None:
    assert read(0xBEDE, b"\x10\xaa" + bad) == [(1, b"\xaa")]


@pytest.mark.parametrize("bad", [b"\x02", b"\x02\x05ab"])
def test_a_malformed_two_byte_element_ends_the_reading(bad: bytes) -> None:
    assert read(0x1000, b"\x01\x01a" + bad) == [(1, b"a")]


def test_the_form_is_chosen_by_what_must_fit() -> None:
    assert ext.profile_for([(1, b"a"), (14, bytes(16))]) == ext.ONE_BYTE_PROFILE
    assert ext.profile_for([(15, b"a")]) == ext.TWO_BYTE_PROFILE
    assert ext.profile_for([(1, b"")]) == ext.TWO_BYTE_PROFILE
    assert ext.profile_for([(1, bytes(17))]) == ext.TWO_BYTE_PROFILE


@pytest.mark.parametrize(
    ("profile", "element"),
    [
        (0xBEDE, (0, b"a")),
        (0xBEDE, (15, b"a")),
        (0xBEDE, (1, b"")),
        (0xBEDE, (1, bytes(17))),
        (0x1000, (0, b"a")),
        (0x1000, (256, b"a")),
        (0x1000, (1, bytes(256))),
    ],
)
def test_impossible_elements_are_not_written(
    profile: int, element: tuple[int, bytes]
) -> None:
    with pytest.raises(StateError):
        ext.encode(profile, [element])


@given(st.lists(st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16))))
def test_one_byte_elements_survive(elements: list[tuple[int, bytes]]) -> None:
    body = ext.encode(ext.ONE_BYTE_PROFILE, elements)
    assert len(body) % 4 == 0
    assert read(ext.ONE_BYTE_PROFILE, body) == elements


@given(
    st.integers(0x1000, 0x100F),
    st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=255)), max_size=8),
)
def test_two_byte_elements_survive(
    profile: int, elements: list[tuple[int, bytes]]
) -> None:
    body = ext.encode(profile, elements)
    assert len(body) % 4 == 0
    assert read(profile, body) == elements


VALUES: list[tuple[Callable[[Any], bytes], Callable[[bytes], Any], list[Any]]] = [
    (
        ext.encode_transport_sequence,
        ext.decode_transport_sequence,
        [0, 1, 0xFFFF],
    ),
    (ext.encode_time_offset, ext.decode_time_offset, [0, -1, 0x7FFFFF, -0x800000]),
    (
        ext.encode_audio_level,
        ext.decode_audio_level,
        [ext.AudioLevel(True, 0), ext.AudioLevel(False, 127)],
    ),
    (
        ext.encode_video_orientation,
        ext.decode_video_orientation,
        [ext.VideoOrientation(1, 0, 90), ext.VideoOrientation(0, 1, 270)],
    ),
    (
        ext.encode_playout_delay,
        ext.decode_playout_delay,
        [ext.PlayoutDelay(0, 0), ext.PlayoutDelay(1, 4095)],
    ),
    (ext.encode_text, ext.decode_text, ["0", "hi", "a" * 16]),
]
ROUND_TRIPS = [(e, d, value) for e, d, values in VALUES for value in values]


@pytest.mark.parametrize(("encode", "decode", "value"), ROUND_TRIPS)
def test_values_survive(
    encode: Callable[[Any], bytes], decode: Callable[[bytes], Any], value: Any
) -> None:
    assert decode(encode(value)) == value


def test_send_time_is_seconds_modulo_64_in_eighteen_bits_of_fraction() -> None:
    assert ext.encode_abs_send_time(0.0) == b"\0\0\0"
    assert ext.decode_abs_send_time(ext.encode_abs_send_time(1.5)) == 3 << 17
    assert ext.encode_abs_send_time(65.5) == ext.encode_abs_send_time(1.5)


def test_an_audio_level_may_be_padded_to_two_octets() -> None:
    assert ext.decode_audio_level(b"\x88\x00") == ext.AudioLevel(True, 8)


def test_a_padded_mid_is_read_without_its_padding() -> None:
    assert ext.decode_text(b"h\0\0") == "h"


@pytest.mark.parametrize(
    ("decode", "value"),
    [
        (ext.decode_abs_send_time, b"12"),
        (ext.decode_transport_sequence, b"123"),
        (ext.decode_time_offset, b""),
        (ext.decode_audio_level, b""),
        (ext.decode_audio_level, b"123"),
        (ext.decode_video_orientation, b"12"),
        (ext.decode_playout_delay, b"1234"),
        (ext.decode_text, b""),
        (ext.decode_text, b"\0"),
        (ext.decode_text, b"\xff"),
    ],
)
def test_values_of_a_wrong_length_are_refused(
    decode: Callable[[bytes], object], value: bytes
) -> None:
    with pytest.raises(DecodeError):
        decode(value)


def test_values_out_of_range_are_not_written() -> None:
    with pytest.raises(StateError):
        ext.encode_time_offset(1 << 23)
    with pytest.raises(StateError):
        ext.encode_playout_delay(ext.PlayoutDelay(2, 1))
