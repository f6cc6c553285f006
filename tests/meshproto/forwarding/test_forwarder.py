"""The whole packet path, driven as a plane drives it."""

from __future__ import annotations

import itertools

from support.forwarding import OPUS, VIEWER_VP8, VP8, Camera, Rig


def test_video_reaches_the_viewer_under_its_own_numbers() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8)
    camera = Camera()
    rig.send(1, *camera.frame())
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, sequence=7, timestamp=99)
    rig.roll(1, camera, 1.0)
    got = rig.media(2, ssrc)
    assert [packet.index for packet in got] == list(range(7, 7 + len(got)))
    assert {packet.view.payload_type for packet in got} == {120}
    assert got[0].elements[1] == b"v"
    numbers = [int.from_bytes(packet.elements[5], "big") for packet in got]
    assert numbers == list(range(len(numbers)))


def test_audio_goes_out_as_it_comes() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, OPUS)
    ssrc = rig.watch(1, 1, 2, OPUS)
    camera = Camera(codec=OPUS, fps=50, size=80)
    rig.roll(1, camera, 1.0)
    got = rig.media(2, ssrc)
    assert len(got) >= 50
    steps = {b.view.timestamp - a.view.timestamp for a, b in itertools.pairwise(got)}
    assert steps == {960}
