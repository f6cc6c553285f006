"""Requests for key frames: merged, throttled, repeated, and not wasted on the deaf."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.keyframes import KeyFrames
from meshproto.forwarding.table import RequestKeyFrame
from meshproto.ids import ProducerId
from meshproto.wire import rtcp
from meshproto.wire.parameters import Codec
from support.forwarding import VIEWER_VP8, VP8, Camera, Rig


def keys(*, supported: bool = True) -> KeyFrames:
    return KeyFrames(ForwardingConfig(), supported)


def test_an_urgent_request_goes_at_once_and_is_repeated_until_one_came() -> None:
    layer = keys()
    layer.want()
    assert [now for now in range(30) if layer.due(now / 10)] == [0, 5, 10, 15]


def test_a_key_frame_ends_every_wish() -> None:
    layer = keys()
    layer.want()
    layer.refresh()
    assert layer.due(0.0)
    layer.came(0.1)
    assert not layer.pending
    assert layer.next_timeout() is None
    assert (layer.arrived, layer.count) == (0.1, 1)
    layer.lost()
    assert layer.arrived is None


def test_a_refresh_waits_longer_and_is_not_repeated() -> None:
    layer = keys()
    layer.refresh()
    assert layer.due(0.0)
    assert not layer.pending
    layer.refresh()
    assert not layer.due(1.9)
    assert layer.due(2.0)


def test_unsupported_publishers_are_never_asked() -> None:
    layer = keys(supported=False)
    layer.want()
    layer.refresh()
    assert not layer.due(9.0)


def test_the_deaf_are_asked_rarely_until_they_answer() -> None:
    layer = keys()
    asked = []
    for tick in range(300):
        layer.want()
        if layer.due(tick / 10):
            asked.append(tick / 10)
    assert layer.deaf
    assert asked[:4] == [0.0, 0.5, 1.0, 1.5]
    assert min(b - a for a, b in pairwise(asked[3:])) >= 5.0
    layer.came(99.0)
    layer.refresh()
    assert not layer.pending
    layer.want()
    assert layer.due(200.0)
    layer.came(200.3)
    assert not layer.deaf
    layer.refresh()
    assert layer.pending


@given(st.lists(st.floats(0, 0.7), max_size=200), st.integers(0, 8))
def test_never_more_than_two_a_second(pauses: list[float], answers: int) -> None:
    layer = keys()
    now, asked = 0.0, []
    for index, pause in enumerate(pauses):
        now += pause
        layer.want()
        if layer.due(now):
            asked.append(now)
        if answers and index % answers == 0:
            layer.came(now)
    assert all(b - a >= 0.4999 for a, b in pairwise(asked))


def crowd(rig: Rig, camera: Camera, viewers: int) -> list[tuple[int, int]]:
    rig.client(1)
    rig.publish(1, 1, VP8)
    rig.roll(1, camera, 0.5)
    found = []
    for viewer in range(viewers):
        transport = rig.client(10 + viewer, bitrate_bps=5_000_000)
        ssrc = rig.watch(viewer, 1, transport, VIEWER_VP8)
        found.append((transport, ssrc))
    return found


@pytest.mark.untraced
def test_fifty_viewers_that_ask_ten_times_a_second_cost_two_requests() -> None:
    rig = Rig()
    camera = Camera(size=1_000)
    viewers = crowd(rig, camera, 50)
    rig.roll(1, camera, 1.0)
    rig.rtcp[1].clear()
    began = rig.now
    for _ in range(50):
        for transport, ssrc in viewers:
            rig.tell(transport, rtcp.PictureLossIndication(9, ssrc))
        rig.roll(1, camera, 0.1)
        if rig.asked(1, rtcp.PictureLossIndication)[-1:] > [rig.now - 0.1]:
            camera.asked = True
    asked = rig.asked(1, rtcp.PictureLossIndication)
    assert 5 <= len(asked) <= 2 * (rig.now - began) + 1
    assert all(b - a >= 0.4999 for a, b in pairwise(asked))


@pytest.mark.untraced
def test_joins_cost_an_answering_publisher_at_most_one_request_in_two_seconds() -> None:
    rig = Rig()
    camera = Camera(size=1_000)
    crowd(rig, camera, 0)
    seen = 0
    for viewer in range(60):
        rig.client(10 + viewer)
        rig.watch(viewer, 1, 10 + viewer, VIEWER_VP8)
        rig.roll(1, camera, 1 / 3)
        asked = rig.asked(1, rtcp.PictureLossIndication)
        camera.asked = camera.asked or len(asked) > seen
        seen = len(asked)
    asked = rig.asked(1, rtcp.PictureLossIndication)
    assert len(asked) <= 11
    assert all(b - a >= 2.0 for a, b in pairwise(asked))


def test_fir_is_used_where_only_fir_was_negotiated() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, Codec(96, "vp8", 90000, feedback=("ccm fir",)))
    rig.send(1, *Camera().frame())
    for _ in range(2):
        rig.forwarder.program(RequestKeyFrame(ProducerId(1)), rig.now)
        rig.pass_time(0.6)
    requests = [p for _, p in rig.rtcp[1] if isinstance(p, rtcp.FullIntraRequest)]
    assert requests[0].entries == ((0x1111, 1),)
    assert requests[1].entries == ((0x1111, 2),)
