"""What one encoding keeps of what comes in."""

from __future__ import annotations

import pytest

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.layer import Layer, PayloadFormat
from meshproto.ids import ProducerId
from meshproto.wire import rtcp, rtp
from meshproto.wire.descriptor import vp8
from meshproto.wire.parameters import Codec, MediaKind
from support.forwarding import FEEDBACK, H264, OPUS, VIEWER_VP8, VP8, Camera, Rig

AV1 = Codec(45, "av1", 90000, feedback=FEEDBACK)
UNKNOWN = Codec(50, "novel", 90000, feedback=FEEDBACK)
STRUCTURE = bytes.fromhex("80000180003a410180ef808680")
"""A dependency descriptor that brings a structure: a key frame starts."""


def layer(codec: Codec = VP8, kind: MediaKind = MediaKind.VIDEO) -> Layer:
    return Layer(ProducerId(1), kind, "", codec, ForwardingConfig())


def give(
    to: Layer,
    sequence: int,
    payload: bytes = b"\x10\x00\x00",
    *,
    codec: Codec = VP8,
    timestamp: int = 0,
    frame: bytes | None = None,
    now: float = 1.0,
    repaired: bool = False,
) -> str | None:
    return to.accept(
        sequence & 0xFFFF,
        timestamp,
        PayloadFormat(codec),
        marker=True,
        payload=payload,
        carried=(),
        frame=frame,
        now=now,
        repaired=repaired,
    )


def test_duplicates_are_refused() -> None:
    one = layer()
    assert give(one, 5) is None
    assert give(one, 5) == "duplicate"
    assert give(one, 4) is None
    assert [packet.number for packet in one.take()] == [65541, 65540]
    assert one.take() == []


def test_a_jump_is_believed_when_the_next_packet_confirms_it() -> None:
    one = layer()
    give(one, 5)
    assert give(one, 20_000) == "sequence-jump"
    assert give(one, 30_000) == "sequence-jump"
    assert give(one, 30_001) is None
    assert one.epoch == 1
    assert one.history.head > 65541
    assert one.history.head & 0xFFFF == 30_001


def test_one_stray_packet_changes_nothing() -> None:
    one = layer()
    give(one, 5)
    assert give(one, 40_000) == "sequence-jump"
    assert give(one, 6) is None
    assert give(one, 40_001) == "sequence-jump"
    assert one.epoch == 0


def test_repairs_never_restart_or_begin_a_layer() -> None:
    one = layer()
    assert give(one, 5, repaired=True) == "sequence-jump"
    give(one, 5)
    assert give(one, 30_000, repaired=True) == "sequence-jump"
    one.restart()
    assert give(one, 6, repaired=True) == "sequence-jump"
    assert give(one, 9) is None
    assert one.history.head & 0xFFFF == 9


def test_the_first_number_is_found_over_the_wrap() -> None:
    one = layer()
    give(one, 0)
    assert give(one, 65535) is None
    assert give(one, 1) is None
    assert [packet.number for packet in one.take()] == [65536, 65535, 65537]


def test_parameter_sets_before_the_key_frame_belong_to_it() -> None:
    one = layer(H264)
    give(one, 1, b"\x41\x80", codec=H264, timestamp=1)
    give(one, 2, b"\x09\x10", codec=H264, timestamp=2)
    give(one, 3, b"\x67\x42", codec=H264, timestamp=2)
    give(one, 4, b"\x65\x80", codec=H264, timestamp=2)
    assert one.start() == 65538
    assert one.keys.count == 1
    give(one, 5, b"\x65\x80", codec=H264, timestamp=1)
    assert one.keys.count == 2
    assert one.start() == 65541


def test_a_key_frame_older_than_the_cached_one_is_not_taken() -> None:
    one = layer()
    give(one, 10, timestamp=10)
    give(one, 7, timestamp=7)
    assert one.start() == 65546


def test_av1_layers_stand_in_the_dependency_descriptor() -> None:
    one = layer(AV1)
    give(one, 1, b"\x08\x0a\x01", codec=AV1, frame=STRUCTURE, timestamp=1)
    packet = one.take()[0]
    assert packet.facts.keyframe
    give(one, 2, b"\x10\x30\x01", codec=AV1, frame=b"\xc0\x00\x02", timestamp=2)
    facts = one.take()[0].facts
    assert (facts.start, facts.end, facts.keyframe) == (True, True, False)


def test_an_encrypted_payload_falls_back_to_the_descriptor() -> None:
    one = layer(VP8)
    give(one, 1, b"\x90", frame=STRUCTURE, timestamp=1)
    assert one.take()[0].facts.keyframe
    give(one, 2, b"\x90", timestamp=2)
    assert not one.take()[0].facts.start
    give(one, 3, b"\x90", frame=b"\x00", timestamp=2)
    assert not one.take()[0].facts.start


def test_a_broken_descriptor_leaves_the_payload_to_tell() -> None:
    one = layer(H264)
    give(one, 1, b"\x65\x80", codec=H264, frame=b"\x80", timestamp=1)
    assert one.take()[0].facts.keyframe
    give(one, 2, b"\x65\x80", codec=H264, frame=b"\xc0\x00\x02", timestamp=2)
    assert one.take()[0].facts.keyframe


def test_a_codec_that_tells_nothing_can_be_joined_anywhere() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, UNKNOWN)
    ssrc = rig.watch(1, 1, 2, UNKNOWN)
    rig.send(1, rtp.build(50, 1, 1, 1, b"abc"), rtp.build(50, 2, 1, 1, b"def"))
    assert [p.payload for p in rig.media(2, ssrc)] == [b"abc", b"def"]


def test_an_old_or_large_cache_asks_for_a_key_frame() -> None:
    config = ForwardingConfig(cache_bytes=5_000)
    large = Layer(ProducerId(1), MediaKind.VIDEO, "", VP8, config)
    give(large, 1, timestamp=1)
    large.check_cache(1.5)
    assert not large.keys.pending
    give(large, 2, b"\x00" + bytes(6_000), timestamp=2)
    large.check_cache(1.5)
    assert large.keys.pending
    old = layer()
    old.check_cache(9.0)
    assert not old.keys.pending
    give(old, 1, timestamp=1)
    old.check_cache(4.1)
    assert old.keys.pending


def test_a_cache_that_outgrew_the_history_starts_nobody() -> None:
    config = ForwardingConfig(history_bytes=10_000)
    one = Layer(ProducerId(1), MediaKind.VIDEO, "", VP8, config)
    give(one, 1, timestamp=1)
    for number in range(2, 30):
        give(one, number, b"\x00" + bytes(1_000), timestamp=number)
    assert one.start() is None
    one.check_cache(1.5)
    assert one.keys.arrived is None


def test_a_hopeless_gap_asks_for_a_key_frame() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP8)
    camera = Camera()
    rig.send(1, *camera.frame())
    camera.sequence += 1_000
    rig.send(1, *camera.frame())
    assert rig.asked(1, rtcp.PictureLossIndication)
    assert not rig.asked(1, rtcp.Nack)


def test_what_cannot_be_repaired_asks_for_a_key_frame() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP8)
    camera = Camera()
    rig.send(1, *camera.frame())
    frame = camera.frame()
    rig.send(1, frame[0])
    rig.send(1, *camera.frame())
    assert not rig.asked(1, rtcp.PictureLossIndication)
    rig.pass_time(0.6)
    assert len(rig.asked(1, rtcp.PictureLossIndication)) == 1


@pytest.mark.parametrize("restarts", [False, True])
def test_viewers_begin_again_when_the_source_starts_anew(restarts: bool) -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    camera = Camera()
    rig.roll(1, camera, 0.5)
    if restarts:
        camera.sequence, camera.timestamp, camera.asked = 40_000, 5, True
        rig.send(1, camera.packet(100, True, True))  # refused: a jump by itself
    rig.roll(1, camera, 0.5)
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))
    keys = [p for p in got if vp8.describe(p.payload).keyframe]
    assert len(keys) == 1 + restarts
    stamps = sorted({p.view.timestamp for p in got})
    assert stamps[-1] - stamps[0] < 100_000


def test_sound_goes_on_at_once_when_its_source_starts_anew() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, OPUS)
    ssrc = rig.watch(1, 1, 2, OPUS)
    sound = Camera(codec=OPUS, fps=50, size=80)
    rig.roll(1, sound, 0.2)
    sound.sequence = 50_000
    rig.roll(1, sound, 0.2)
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(19))
