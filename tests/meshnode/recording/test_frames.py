"""Frames out of packets: holes cost frames up to the next key frame, and no more."""

from __future__ import annotations

import functools
import itertools
import operator

import pytest

from meshnode.recording.frames import Frame, Frames
from meshnode.recording.reorder import WAIT_S, Packet
from meshproto.wire.parameters import MediaKind
from support.packetise import encoded, payloads

FRAMES = encoded("vp8", 30)


def packets(marker: bool = True) -> list[list[Packet]]:
    """The packets of each frame, 40 ms apart."""
    found, sequence = [], 0xFFF0
    for number, (data, key) in enumerate(FRAMES):
        pieces = payloads("vp8", data, key)
        group = []
        for place, payload in enumerate(pieces):
            last = marker and place == len(pieces) - 1
            stamp = (number * 3600 - 7200) & 0xFFFFFFFF
            group.append(
                Packet("vp8", sequence & 0xFFFF, stamp, last, payload, number / 25)
            )
            sequence += 1
        found.append(group)
    return found


def taken(frames: Frames, groups: list[list[Packet]]) -> list[Frame]:
    return [f for group in groups for packet in group for f in frames.push(packet)]


def test_every_frame_comes_out_as_it_went_in() -> None:
    frames = Frames(MediaKind.VIDEO)
    found = taken(frames, packets())
    assert [frame.data for frame in found] == [data for data, _ in FRAMES]
    assert [frame.key for frame in found] == [key for _, key in FRAMES]
    steps = {b.timestamp - a.timestamp for a, b in itertools.pairwise(found)}
    assert steps == {3600}
    assert frames.left_out == 0


def test_without_markers_the_next_frame_ends_one() -> None:
    frames = Frames(MediaKind.VIDEO)
    found = taken(frames, packets(marker=False)) + list(frames.flush())
    assert [frame.data for frame in found] == [data for data, _ in FRAMES]


@pytest.mark.parametrize("number", [0, 10, 20])
def test_a_frame_that_is_broken_off_is_left_out(number: int) -> None:
    """As a node does it that finds a newer key frame while it plays an older one."""
    frames = Frames(MediaKind.VIDEO)
    groups = packets()
    cut = groups[number]
    assert len(cut) > 1
    del cut[1:], groups[number + 1 : 10 * (number // 10 + 1)]
    found = taken(frames, _renumbered(groups)) + list(frames.flush())
    numbers = [round(frame.at_s * 25) for frame in found]
    assert numbers == [n for n in range(30) if n // 10 != number // 10 or n < number]
    assert frames.left_out == 1


def test_what_is_open_at_the_end_is_left_out() -> None:
    frames = Frames(MediaKind.VIDEO)
    groups = packets()[:21]
    del groups[-1][-1]
    found = taken(frames, groups) + list(frames.flush())
    assert len(found) == 20
    assert frames.left_out == 1


def _renumbered(groups: list[list[Packet]]) -> list[list[Packet]]:
    """As if nothing were missing."""
    numbers = itertools.count(7)
    return [[p._replace(sequence=next(numbers)) for p in group] for group in groups]


def test_a_hole_costs_frames_up_to_the_next_key_frame() -> None:
    frames = Frames(MediaKind.VIDEO)
    groups = packets()
    del groups[4][0]
    assert WAIT_S < 25 / 25
    found = taken(frames, groups) + list(frames.flush())
    first = found[0].timestamp
    numbers = [(frame.timestamp - first) // 3600 for frame in found]
    assert numbers == [0, 1, 2, 3, *range(10, 30)]
    assert frames.lost == 1
    assert not frames.wants_key


def test_it_begins_with_a_key_frame_and_says_that_it_wants_one() -> None:
    frames = Frames(MediaKind.VIDEO)
    assert frames.wants_key
    assert taken(frames, packets()[3:7]) == []
    assert frames.wants_key
    assert taken(frames, packets()[7:])[0].key


def test_padding_counts_and_makes_no_frame() -> None:
    frames = Frames(MediaKind.VIDEO)
    groups = packets()
    hole = groups[1][-1]
    after = [
        p._replace(sequence=(p.sequence + 1) & 0xFFFF)
        for p in functools.reduce(operator.iadd, groups[2:], [])
    ]
    padding = hole._replace(
        sequence=(hole.sequence + 1) & 0xFFFF, payload=b"", marker=False
    )
    found = taken(frames, [*groups[:2], [padding], after])
    assert len(found) == len(FRAMES)


def test_sound_is_a_frame_a_packet() -> None:
    frames = Frames(MediaKind.AUDIO)
    assert not frames.wants_key
    sound = [Packet("opus", n, n * 960, False, b"\xfc%d" % n, n / 50) for n in range(5)]
    found = taken(frames, [sound])
    assert [frame.data for frame in found] == [b"\xfc%d" % n for n in range(5)]
    assert frames.extend(5 * 960) == found[-1].timestamp + 960


def test_codecs_we_do_not_know_are_left_out() -> None:
    frames = Frames(MediaKind.AUDIO)
    assert list(frames.push(Packet("red", 1, 0, False, b"abc", 0.0))) == []
    assert frames.left_out > 0
