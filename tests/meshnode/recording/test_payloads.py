"""Payloads joined to frames: decoders take them, and key frames are known."""

from __future__ import annotations

import contextlib

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshnode.recording.payloads import START_CODE, joiner
from meshproto.errors import DecodeError
from support.packetise import ENCODERS, encoded, nal_units, payloads

DECODERS = {"h265": "hevc", "av1": "libdav1d"}


@pytest.mark.parametrize("codec", sorted(ENCODERS))
def test_a_decoder_takes_what_was_joined(codec: str) -> None:
    join = joiner(codec)
    assert join is not None
    decoder = av.CodecContext.create(DECODERS.get(codec, codec), "r")
    count, keys = 0, []
    for number, (frame, key) in enumerate(encoded(codec, 25)):
        joined = join(payloads(codec, frame, key))
        if joined.key:
            keys.append(number)
        count += len(decoder.decode(av.Packet(joined.data)))
    count += len(decoder.decode(None))
    assert count == 25
    assert keys[0] == 0
    assert len(keys) >= 1


@pytest.mark.parametrize("codec", ["vp8", "vp9", "h264", "h265"])
def test_key_frames_are_known(codec: str) -> None:
    join = joiner(codec)
    assert join is not None
    for frame, key in encoded(codec, 25):
        assert join(payloads(codec, frame, key)).key == key


def test_parameter_sets_are_put_before_a_key_frame_without() -> None:
    join = joiner("h264")
    assert join is not None
    frames = [frame for frame, key in encoded("h264", 25) if key]
    join(payloads("h264", frames[0], True))
    bare = [unit for unit in nal_units(frames[1]) if unit[0] & 31 == 5]
    joined = join(list(payloads("h264", START_CODE + bare[0], True)))
    assert joined.key
    assert [unit[0] & 31 for unit in nal_units(joined.data)] == [7, 8, 5]


def test_a_key_frame_whose_parameter_sets_never_came_is_none() -> None:
    join = joiner("h264")
    assert join is not None
    assert not join([b"\x65\x88\x84"]).key


def test_vp9_layers_become_a_superframe() -> None:
    join = joiner("vp9")
    assert join is not None
    # spatial layers 0 and 1 of one picture, two packets each
    packets = [
        b"\x28\x00\x00aa",
        b"\x24\x00\x00a",
        b"\x28\x02\x00bbb",
        b"\x24\x02\x00b",
    ]
    data, key = join(packets)
    assert data == b"aaabbbb" + bytes((0xC1, 3, 4, 0xC1))
    assert key


def test_what_we_cannot_record() -> None:
    assert joiner("red") is None
    assert joiner("pcmu") is None


@given(st.sampled_from(sorted(ENCODERS)), st.lists(st.binary(min_size=1), min_size=1))
def test_anything_is_a_frame_or_refused(codec: str, packets: list[bytes]) -> None:
    join = joiner(codec)
    assert join is not None
    with contextlib.suppress(DecodeError, IndexError):
        join(packets)
