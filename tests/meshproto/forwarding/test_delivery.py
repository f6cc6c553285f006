"""From layers to consumers: who is sent what, in which order."""

from __future__ import annotations

import pytest

from meshproto.forwarding.table import (
    MoveConsumer,
    RemoveConsumer,
    Selection,
    SetSelection,
)
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire.descriptor import h264
from support.forwarding import H264, OPUS, VIEWER_VP8, VP8, Camera, Path, Rig


def test_each_viewer_gets_a_frame_as_one_burst_one_after_the_other() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP8)
    camera = Camera(size=4_000)
    rig.send(1, *camera.frame())
    for viewer in range(3):
        rig.client(10 + viewer, bitrate_bps=20_000_000)
        rig.watch(viewer, 1, 10 + viewer, VIEWER_VP8)
    rig.pass_time(0.2)
    for packet in camera.frame():
        rig.forwarder.receive_rtp(
            rig.forwarder._state.transports[1].id, packet, rig.now
        )
    bursts = rig.forwarder.flush(rig.now)
    assert [burst.transport for burst in bursts] == [10, 11, 12]
    assert [len(burst.packets) for burst in bursts] == [4, 4, 4]
    payloads = [[payload for _, payload, _, _ in burst.packets] for burst in bursts]
    assert all(a is b for a, b in zip(payloads[0], payloads[2], strict=True))


def test_sound_is_never_held_back_by_a_full_path() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2, bitrate_bps=100_000)
    rig.publish(1, 1, VP8, mid="0")
    rig.publish(2, 1, OPUS)
    rig.watch(1, 1, 2, VIEWER_VP8)
    heard = rig.watch(2, 2, 2, OPUS)
    camera = Camera(mid="0", size=10_000)
    sound = Camera(codec=OPUS, ssrc=9, fps=50, size=80)
    for tick in range(100):
        if tick % 2:
            rig.send(1, *camera.frame())
        rig.send(1, *sound.frame())
        assert rig.media(2, heard)[-1].at == rig.now
        rig.pass_time(0.02)


def test_a_viewer_that_falls_behind_catches_up_in_order() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2, bitrate_bps=2_000_000)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    camera = Camera(size=2_000)
    path = Path(rig, 2)
    for index in range(60):
        camera.size = 40_000 if index == 30 else 2_000
        rig.send(1, *camera.frame())
        rig.pass_time(1 / 30)
        path.carry()
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))
    held = [p.at for p in got if p.view.timestamp == got[-1].view.timestamp]
    assert held
    assert rig.forwarder.stats(rig.now)["consumers"][1]["overflows"] == 0
    assert rig.now - got[-1].at < 0.05


@pytest.mark.untraced
def test_who_falls_behind_gets_what_it_fell_behind_with_once() -> None:
    """A path that is full may have room for a part of the burst within the same flush;
    the rig refuses an index that comes twice.
    """
    for quarter_ms in range(320):
        rig = Rig()
        rig.client(1)
        rig.client(2, bitrate_bps=300_000)
        rig.publish(1, 1, VP8)
        ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
        camera = Camera(size=500)
        rig.send(1, *camera.frame())
        camera.size = 8_000
        rig.send(1, *camera.frame())
        rig.pass_time(quarter_ms / 4_000)
        rig.send(1, *camera.frame())
        rig.pass_time(2.0)
        got = rig.media(2, ssrc)
        assert [p.index for p in got] == list(range(len(got)))


def test_late_packets_reach_a_viewer_that_is_behind() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2, bitrate_bps=300_000)
    rig.publish(1, 1, H264)
    camera = Camera(codec=H264, size=3_000, key_every=200)
    ssrc = rig.watch(1, 1, 2, H264)
    frames = [camera.frame() for _ in range(4)]
    rig.send(1, *frames[0])
    missing = frames[1].pop(0)
    for frame in frames[1:]:
        rig.send(1, *frame)
    rig.pass_time(0.2)
    rig.send(1, missing)
    rig.pass_time(2.0)
    got = rig.media(2, ssrc)
    assert sorted(p.index for p in got) == list(range(len(got)))
    assert any(p.payload[-8:] == missing[-8:] for p in got)


@pytest.mark.parametrize("silence_s", [0.1, 0.5, 0.9])
def test_a_burst_after_a_silence_reaches_a_live_viewer_whole(silence_s: float) -> None:
    """As after a repair of the tree: what was missed comes at once, the pacer needs
    more than a tenth of a second for it, and a key frame comes meanwhile.
    """
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    camera = Camera(size=600)
    rig.send(1, *camera.frame())
    camera.size = 5_000
    rig.roll(1, camera, 1.0)
    rig.pass_time(silence_s)
    for _ in range(round(silence_s * 30)):
        for packet in camera.frame():
            rig.forwarder.receive_rtp(TransportId(1), packet, rig.now)
    rig.roll(1, camera, 0.1)
    camera.size = 600
    rig.send(1, *camera.frame(key=True))
    camera.size = 5_000
    rig.pass_time(1 / 30)
    rig.roll(1, camera, 2.0)
    got = rig.media(2, ssrc)
    numbers = [int.from_bytes(p.payload[-4:], "big") for p in got]
    assert numbers == list(range(1, camera.serial + 1))
    assert rig.now - got[-1].at < 0.05


def test_after_an_overflow_a_viewer_begins_with_a_key_frame() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, H264)
    camera = Camera(codec=H264, key_every=90, size=8_000)
    ssrc = rig.watch(1, 1, 2, H264)
    path = Path(rig, 2, rate_bps=500_000)
    for _ in range(300):
        rig.roll(1, camera, 1 / 30)
        path.carry()
    assert rig.forwarder.stats(rig.now)["consumers"][1]["overflows"] > 0
    got = rig.media(2, ssrc)
    frames: dict[int, list[bytes]] = {}
    for packet in got:
        frames.setdefault(packet.view.timestamp, []).append(packet.payload)
    groups = list(frames.values())
    serials = [int.from_bytes(group[0][-4:], "big") for group in groups]
    skips = 0
    for number, group in enumerate(groups[1:], 1):
        if serials[number] != serials[number - 1] + len(groups[number - 1]):
            assert h264.describe(group[0]).keyframe
            skips += 1
    assert skips


def test_who_begins_between_arrival_and_flush_gets_each_packet_once() -> None:
    """The rig watches that no index is used twice."""
    for waits in (False, True):
        rig = Rig()
        rig.client(1)
        rig.client(2, sending=False)
        rig.publish(1, 1, VP8)
        ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
        camera = Camera()
        if waits:
            rig.send(1, *camera.frame())
        for packet in camera.frame():
            rig.forwarder.receive_rtp(TransportId(1), packet, rig.now)
        rig.forwarder.set_sending(TransportId(2), True, rig.now)
        rig.drain()
        rig.roll(1, camera, 0.2)
        got = rig.media(2, ssrc)
        assert [p.index for p in got] == list(range(len(got)))


@pytest.mark.parametrize("behind_s", [0.2, 0.4, 0.6])
def test_a_replay_that_ends_between_arrival_and_flush_repeats_nothing(
    behind_s: float,
) -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, H264, plain=True)
    camera = Camera(codec=H264, key_every=200, size=3_000)
    rig.roll(1, camera, behind_s)
    rig.client(2, bitrate_bps=20_000_000)
    ssrc = rig.watch(1, 1, 2, H264)
    for _ in range(60):
        for packet in camera.frame():
            rig.forwarder.receive_rtp(TransportId(1), packet, rig.now)
        for step in range(1, 4):
            rig.forwarder.handle_timeout(rig.now + step * 0.01)
        rig.now += 1 / 30
        rig.drain()
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))


def test_who_falls_behind_while_it_waits_for_another_layer_can_still_leave() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2, bitrate_bps=200_000)
    rig.publish(1, 1, VP8, mid="0", rids=("a", "b"))
    low = Camera(mid="0", rid="a", size=8_000)
    high = Camera(ssrc=0x3333, mid="0", rid="b", size=500)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, selection=Selection("a"))
    rig.send(1, *low.frame(), *high.frame(key=True))
    rig.pass_time(1.0)
    program = rig.forwarder.program
    program(SetSelection(ConsumerId(1), Selection("b")), rig.now)
    overflows = 0
    while not overflows:
        rig.send(1, *low.frame(key=False), *high.frame(key=False))
        rig.pass_time(1 / 300)
        overflows = rig.forwarder.stats(rig.now)["consumers"][1]["overflows"]
    program(RemoveConsumer(ConsumerId(1)), rig.now)
    sent = len(rig.media(2, ssrc))
    for _ in range(10):
        rig.send(1, *low.frame(key=False), *high.frame(key=True))
        rig.pass_time(1 / 30)
    assert len(rig.media(2, ssrc)) == sent


def test_who_falls_behind_on_its_way_to_another_producer_still_gets_there() -> None:
    """A node died: what it sent is being replayed when its publisher comes back."""
    rig = Rig()
    rig.client(1)
    rig.client(2, bitrate_bps=20_000_000)
    rig.publish(1, 1, VP8)
    before = Camera(key_every=90)
    rig.roll(1, before, 1.0)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    replayed = len(rig.media(2, ssrc))
    rig.client(3)
    rig.publish(2, 3, VP8)
    rig.forwarder.program(MoveConsumer(ConsumerId(1), ProducerId(2)), rig.now)
    rig.forwarder.remove_transport(TransportId(1))
    rig.pass_time(0.5)
    assert rig.forwarder.stats(rig.now)["consumers"][1]["overflows"] == 1
    rig.roll(3, Camera(ssrc=0x3333, key_every=30), 1.0)
    got = rig.media(2, ssrc)
    assert got[replayed:], "nothing of the other one came"
    assert got[-1].at == pytest.approx(rig.now, abs=0.05)


def test_a_listener_begins_though_its_batch_is_more_than_the_history_holds() -> None:
    """Numbers may jump by 3,000 at once, and 1,024 are kept."""
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, OPUS)
    ssrc = rig.watch(1, 1, 2, OPUS)
    sound = Camera(codec=OPUS, size=80)
    before = sound.frame()
    sound.sequence += 2_900
    behind = sound.frame()
    rig.send(1, *before, *behind)
    assert [p.payload for p in rig.media(2, ssrc)] == [behind[0][-80:]]
