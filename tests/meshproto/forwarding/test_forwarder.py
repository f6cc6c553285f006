"""The whole packet path, driven as a plane drives it."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshproto.errors import LimitError, StateError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.events import ProducerSilent
from meshproto.forwarding.forwarder import Forwarder
from meshproto.forwarding.table import (
    MoveConsumer,
    Selection,
    SetSelection,
    TransportKind,
)
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire.descriptor import vp8
from support.forwarding import (
    H264,
    OPUS,
    VIEWER_VP8,
    VP8,
    Camera,
    Path,
    Received,
    Rig,
)


def stage(rig: Rig, *, sequence: int = 0, rtx: bool = True) -> tuple[Camera, int]:
    rig.client(1)
    rig.client(2, bitrate_bps=10_000_000)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, sequence=sequence, timestamp=99, rtx=rtx)
    return Camera(), ssrc


def test_video_reaches_the_viewer_under_its_own_numbers() -> None:
    rig = Rig()
    camera, ssrc = stage(rig, sequence=7)
    rig.roll(1, camera, 1.0)
    got = rig.media(2, ssrc)
    assert [packet.index for packet in got] == list(range(7, 7 + len(got)))
    assert got[0].view.timestamp == 99
    assert {packet.view.payload_type for packet in got} == {120}
    assert got[0].elements[1] == b"v"
    numbers = [int.from_bytes(packet.elements[5], "big") for packet in got]
    assert numbers == list(range(len(numbers)))
    stamps = {int.from_bytes(packet.elements[4], "big") for packet in got}
    assert len(stamps) == 30


def test_audio_goes_out_as_it_comes() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, OPUS)
    ssrc = rig.watch(1, 1, 2, OPUS)
    rig.roll(1, Camera(codec=OPUS, fps=50, size=80), 1.0)
    got = rig.media(2, ssrc)
    assert len(got) == 50
    steps = {b.view.timestamp - a.view.timestamp for a, b in pairwise(got)}
    assert steps == {960}


def test_packets_of_one_frame_leave_as_one_burst_of_equal_sizes() -> None:
    rig = Rig()
    camera, ssrc = stage(rig)
    camera.size, camera.mtu = 4_397, 1_100
    rig.roll(1, camera, 0.1)
    rig.got.clear()
    rig.sizes.clear()
    sizes = (900, 901, 901, 899)
    frame = [camera.packet(size, i == 0, i == 3) for i, size in enumerate(sizes)]
    rig.send(1, *frame)
    assert rig.sizes[2] == [4]
    got = rig.media(2, ssrc)
    assert [len(p.wire) for p in got] == [len(got[1].wire)] * 3 + [len(got[1].wire) - 2]
    assert [p.view.padding_length for p in got] == [1, 0, 0, 0]
    assert [len(p.payload) for p in got] == [900, 901, 901, 899]


def test_a_local_transport_gets_plain_packets_and_needs_no_keys() -> None:
    rig = Rig()
    rig.client(1)
    rig.forwarder.add_transport(TransportId(2), TransportKind.LOCAL)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, rtx=False)
    rig.roll(1, Camera(), 0.2)
    assert len(rig.media(2, ssrc)) > 6


def test_nothing_is_sent_or_numbered_before_the_transport_can_send() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2, sending=False)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, sequence=5)
    camera = Camera()
    rig.roll(1, camera, 0.5)
    assert rig.got[2] == []
    rig.forwarder.set_sending(TransportId(2), True, rig.now)
    rig.drain()
    got = rig.media(2, ssrc)
    assert got[0].index == 5
    assert vp8.describe(got[0].payload).keyframe
    rig.forwarder.set_sending(TransportId(2), False, rig.now)
    count = len(rig.got[2])
    rig.roll(1, camera, 0.5)
    assert len(rig.got[2]) == count


FATES = st.lists(
    st.sampled_from(("pass", "pass", "pass", "key", "lose", "hold", "twice", "free")),
    max_size=120,
)


@settings(max_examples=100, deadline=None)
@given(FATES, st.integers(0, 65535), st.integers(0, 32767), st.booleans())
def test_loss_reorder_and_duplicates_keep_numbers_true(
    fates: list[str], sequence: int, first: int, late: bool
) -> None:
    """What the viewer can put together is what the camera sent, less what was lost."""
    rig = Rig()
    rig.client(1)
    rig.client(2, bitrate_bps=50_000_000)
    rig.publish(1, 1, VP8)
    camera = Camera(sequence=sequence, size=1_500, transport_sequence=0)
    sent: list[bytes] = []
    held: list[bytes] = []
    if late:
        sent += camera.frame()
        rig.send(1, *sent)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, sequence=first)
    for fate in fates:
        camera.asked = camera.asked or fate == "key"
        frame = camera.frame()
        sent += frame
        if fate == "hold":
            held.append(frame.pop(0))
        elif fate == "lose":
            frame.pop()
        elif fate == "twice":
            frame += frame
        elif fate == "free" and held:
            frame.append(held.pop(0))
        rig.send(1, *frame)
        rig.pass_time(1 / 30)
    got = {packet.index: packet for packet in rig.media(2, ssrc)}
    assert len(got) == len(rig.media(2, ssrc)), "an index was used twice"
    _same_order(sorted(got.items()), sent)


def _same_order(got: list[tuple[int, Received]], sent: list[bytes]) -> None:
    """Payloads by number are a part of what was sent, with holes of the right size."""
    places = {packet[-400:]: at for at, packet in enumerate(sent)}
    where = [places[packet.payload[-400:]] for _, packet in got]
    assert all(a < b for a, b in pairwise(where))
    holes = {place - index for place, (index, _) in zip(where, got, strict=True)}
    assert len(holes) <= 1, "a hole is not as wide as what is missing"


@pytest.mark.untraced
@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_moves_between_publishers_leave_no_seam(seed: int) -> None:
    chance = random.Random(seed)
    rig = Rig()
    cameras = {}
    rig.client(9, bitrate_bps=50_000_000)
    for number in (1, 2, 3):
        rig.client(number)
        rig.publish(number, number, VP8)
        cameras[number] = Camera(
            ssrc=number,
            sequence=chance.randrange(65536),
            timestamp=chance.randrange(2**32),
            picture_id=chance.randrange(2**15),
            tl0=chance.randrange(256),
            key_every=20,
            size=chance.choice((400, 3_000)),
        )
    ssrc = rig.watch(1, 1, 9, VIEWER_VP8, timestamp=2**32 - 50_000)
    for _ in range(6):
        for _ in range(chance.randrange(5, 40)):
            for number, camera in cameras.items():
                rig.send(number, *camera.frame())
            rig.pass_time(1 / 30)
        move = MoveConsumer(ConsumerId(1), ProducerId(chance.choice((1, 2, 3))))
        rig.forwarder.program(move, rig.now)
    got = rig.media(9, ssrc)
    assert [p.index for p in got] == list(range(len(got)))
    for a, b in pairwise(got):
        assert (b.view.timestamp - a.view.timestamp) % 2**32 < 2 * 90_000
        before, after = vp8.locate(a.payload), vp8.locate(b.payload)
        assert (after.picture_id - before.picture_id) % 2**15 <= 45
        if b.view.timestamp != a.view.timestamp:
            assert (after.picture_id - before.picture_id) % 2**15 >= 1
            assert (after.tl0picidx - before.tl0picidx) % 256 >= 1


CAPS = st.lists(st.tuples(st.sampled_from((None, 0, 1)), st.integers(1, 12)))


@settings(max_examples=40, deadline=None)
@given(CAPS, st.sampled_from((300, 2_500)))
def test_temporal_caps_close_numbers_and_pictures(
    caps: list[tuple[int | None, int]], size: int
) -> None:
    rig = Rig()
    camera, ssrc = stage(rig)
    camera.temporal, camera.size = 2, size
    for cap, frames in caps:
        rig.forwarder.program(
            SetSelection(ConsumerId(1), Selection(max_temporal=cap)), rig.now
        )
        rig.roll(1, camera, frames / 30)
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))
    pictures = [vp8.locate(p.payload) for p in got]
    steps = [(b.picture_id - a.picture_id) % 2**15 for a, b in pairwise(pictures)]
    assert set(steps) <= {0, 1}


def test_late_packets_of_a_withheld_picture_are_filled_with_padding() -> None:
    rig = Rig()
    camera, ssrc = stage(rig)
    camera.temporal, camera.size = 2, 2_500
    cap = SetSelection(ConsumerId(1), Selection(max_temporal=0))
    rig.roll(1, camera, 0.2)
    rig.forwarder.program(cap, rig.now)
    rig.roll(1, camera, 1 / 30 if camera.frames % 2 else 2 / 30)
    upper = camera.frame()
    if vp8.describe(upper[0][12:]).temporal == 0:
        rig.send(1, *upper)
        upper = camera.frame()
    lower = camera.frame()
    rig.send(1, *lower)
    rig.send(1, *upper)
    numbers = [p.index for p in rig.media(2, ssrc)]
    assert sorted(numbers) == list(range(len(numbers)))
    fillers = rig.media(2, ssrc)[-len(upper) :]
    assert all(p.view.payload_length == 0 for p in fillers)
    assert all(p.view.padding_length == 1 for p in fillers)


def test_a_slow_viewer_drops_to_the_next_key_frame_alone() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    path = Path(rig, 2, rate_bps=400_000)
    rig.client(3, bitrate_bps=20_000_000)
    rig.publish(1, 1, H264)
    camera = Camera(codec=H264, key_every=60, size=6_000)
    slow = rig.watch(1, 1, 2, H264)
    fast = rig.watch(2, 1, 3, H264)
    for _ in range(12 * 30):
        rig.roll(1, camera, 1 / 30)
        path.carry()
    stats = rig.forwarder.stats(rig.now)["consumers"]
    assert stats[1]["overflows"] >= 1
    assert stats[2]["overflows"] == 0
    got = rig.media(2, slow)
    assert 0 < len(got) < len(rig.media(3, fast)) / 2
    assert [p.index for p in got] == list(range(len(got)))
    assert max(path.queues[60:]) < 0.5


def test_a_silent_producer_is_told_once_and_again_after_it_spoke() -> None:
    rig = Rig(ForwardingConfig(silence_s=2.0))
    camera, _ = stage(rig)
    rig.roll(1, camera, 0.5)
    rig.pass_time(5.0)
    silent = [event for event in rig.events if isinstance(event, ProducerSilent)]
    assert len(silent) == 1
    assert 2.0 <= silent[0].silence_s < 2.6
    rig.roll(1, camera, 2.5)
    rig.pass_time(5.0)
    assert len([e for e in rig.events if isinstance(e, ProducerSilent)]) == 2


def test_transports_are_unique_bounded_and_forgotten_whole() -> None:
    rig = Rig(ForwardingConfig(transports=2))
    camera, ssrc = stage(rig)
    with pytest.raises(StateError):
        rig.client(1)
    with pytest.raises(LimitError, match="transports=2"):
        rig.client(3)
    rig.roll(1, camera, 0.2)
    rig.forwarder.remove_transport(TransportId(1))
    rig.forwarder.remove_transport(TransportId(1))
    count = len(rig.media(2, ssrc))
    rig.send(1, *camera.frame())
    assert len(rig.media(2, ssrc)) == count
    rig.forwarder.remove_transport(TransportId(2))
    stats = rig.forwarder.stats(rig.now)
    assert (stats["transports"], stats["producers"], stats["consumers"]) == ({}, {}, {})
    rig.pass_time(10.0)
    assert rig.forwarder.next_timeout() is None
    with pytest.raises(StateError):
        rig.forwarder.set_sending(TransportId(1), True, rig.now)


def test_the_same_inputs_give_the_same_outputs() -> None:
    def wires(seed: int) -> list[bytes]:
        rig = Rig(seed=seed)
        camera, _ = stage(rig)
        rig.roll(1, camera, 1.0)
        return [packet.wire for packet in rig.got[2]] + [
            repr(packet).encode() for packet in rig.rtcp[2]
        ]

    assert wires(1) == wires(1)


def test_an_idle_forwarder_waits_for_nothing() -> None:
    forwarder = Forwarder(ForwardingConfig(), random.Random(1))
    assert forwarder.next_timeout() is None
    assert forwarder.flush(0.0) == []
    assert forwarder.poll_event() is None
    assert forwarder.poll_rtcp() is None
    assert forwarder.poll_resend() is None
    assert forwarder.stats(0.0)["drops"] == {}


def test_consumers_without_rtx_ask_the_plane_to_keep_packets() -> None:
    for rtx in (True, False):
        rig = Rig()
        stage(rig, rtx=rtx)
        for packet in Camera().frame():
            rig.forwarder.receive_rtp(TransportId(1), packet, rig.now)
        assert {burst.keep for burst in rig.forwarder.flush(rig.now)} == {not rtx}


def test_h264_and_vp8_of_one_producer_map_to_the_viewers_types() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8, H264)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    camera = Camera()
    rig.roll(1, camera, 0.2)
    count = len(rig.media(2, ssrc))
    foreign = Camera(codec=H264, sequence=camera.sequence, timestamp=camera.timestamp)
    rig.send(1, *foreign.frame())
    camera.sequence = foreign.sequence
    assert len(rig.media(2, ssrc)) == count
    rig.roll(1, camera, 0.2)
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))
