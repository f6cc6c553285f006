"""Deltas: what they do, and what they refuse."""

from __future__ import annotations

import pytest

from meshproto.errors import LimitError, StateError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.events import LayerSwitched
from meshproto.forwarding.table import (
    AddProducer,
    ForwardingDelta,
    MoveConsumer,
    RemoveConsumer,
    RemoveProducer,
    RequestKeyFrame,
    Selection,
    SetSelection,
)
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire import rtcp
from meshproto.wire.parameters import MediaKind
from support.forwarding import OPUS, VIEWER_VP8, VP8, Camera, Rig


def program(rig: Rig, delta: ForwardingDelta) -> None:
    rig.forwarder.program(delta, rig.now)
    rig.drain()


def stage(config: ForwardingConfig | None = None) -> tuple[Rig, Camera, int]:
    rig = Rig(config or ForwardingConfig())
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    camera = Camera()
    rig.roll(1, camera, 0.3)
    return rig, camera, ssrc


@pytest.mark.parametrize(
    "delta",
    [
        RemoveProducer(ProducerId(9)),
        RemoveConsumer(ConsumerId(9)),
        MoveConsumer(ConsumerId(9), ProducerId(1)),
        MoveConsumer(ConsumerId(1), ProducerId(9)),
        SetSelection(ConsumerId(9), Selection()),
        RequestKeyFrame(ProducerId(9)),
        AddProducer(ProducerId(1), TransportId(1), MediaKind.VIDEO, "", (VP8,)),
        AddProducer(ProducerId(2), TransportId(9), MediaKind.VIDEO, "", (VP8,)),
        AddProducer(ProducerId(2), TransportId(1), MediaKind.VIDEO, "", ()),
    ],
)
def test_misuse_is_refused_and_changes_nothing(delta: ForwardingDelta) -> None:
    rig, _, _ = stage()
    before = repr(rig.forwarder.stats(rig.now))
    with pytest.raises(StateError):
        program(rig, delta)
    assert repr(rig.forwarder.stats(rig.now)) == before


def test_consumers_and_their_ssrcs_are_unique() -> None:
    rig, _, _ = stage()
    with pytest.raises(StateError):
        rig.watch(1, 1, 2, VIEWER_VP8)
    with pytest.raises(StateError):
        rig.watch(2, 9, 2, VIEWER_VP8)
    with pytest.raises(StateError):
        rig.watch(2, 1, 9, VIEWER_VP8)


def test_a_track_of_sound_cannot_carry_a_picture() -> None:
    rig, _, _ = stage()
    with pytest.raises(StateError, match="not video"):
        rig.watch(2, 1, 2, OPUS)
    assert 2 not in rig.forwarder.stats(rig.now)["consumers"]


def test_tables_are_bounded() -> None:
    rig, _, _ = stage(ForwardingConfig(producers=1, consumers=1, layers_per_producer=2))
    with pytest.raises(LimitError, match="producers=1"):
        rig.publish(2, 1, VP8)
    with pytest.raises(LimitError, match="consumers=1"):
        rig.watch(2, 1, 2, VIEWER_VP8)
    program(rig, RemoveProducer(ProducerId(1)))
    with pytest.raises(LimitError, match="layers_per_producer=2"):
        rig.publish(2, 1, VP8, rids=("a", "b", "c"))


def test_a_removed_producer_leaves_its_viewers_silent_until_they_are_moved() -> None:
    rig, camera, ssrc = stage()
    program(rig, RemoveProducer(ProducerId(1)))
    count = len(rig.media(2, ssrc))
    rig.send(1, *camera.frame())
    assert len(rig.media(2, ssrc)) == count
    assert rig.events[-1] == LayerSwitched(ConsumerId(1), None)
    rig.pass_time(3.0)
    rig.publish(2, 1, VP8)
    program(rig, MoveConsumer(ConsumerId(1), ProducerId(2)))
    rig.roll(1, Camera(ssrc=9, sequence=777, timestamp=1, picture_id=5), 0.3)
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))
    before, after = got[count - 1], got[count]
    gap = (after.view.timestamp - before.view.timestamp) % 2**32
    assert 2.9 * 90_000 < gap < 3.2 * 90_000


def test_a_move_replays_the_cache_of_the_new_producer() -> None:
    rig, camera, ssrc = stage()
    rig.client(3)
    rig.publish(2, 3, VP8)
    other = Camera(ssrc=9, key_every=30)
    for _ in range(20):
        rig.send(1, *camera.frame())
        rig.send(3, *other.frame())
        rig.pass_time(1 / 30)
    count = len(rig.media(2, ssrc))
    program(rig, RemoveProducer(ProducerId(1)))
    program(rig, MoveConsumer(ConsumerId(1), ProducerId(2)))
    assert len(rig.media(2, ssrc)) > count
    rig.roll(3, other, 1.0)
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))


def test_a_removed_consumer_gets_nothing_and_its_ssrcs_are_spent() -> None:
    rig, camera, ssrc = stage()
    program(rig, RemoveConsumer(ConsumerId(1)))
    count = len(rig.got[2])
    rig.roll(1, camera, 0.2)
    assert len(rig.got[2]) == count
    with pytest.raises(StateError, match="used SSRC"):
        rig.watch(1, 1, 2, VIEWER_VP8)  # the same nonces would come again
    assert rig.media(2, ssrc)
    rig.watch(2, 1, 2, VIEWER_VP8)


def test_a_key_frame_can_be_asked_for_on_every_layer() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP8, mid="0", rids=("a", "b"))
    for rid, ssrc in (("a", 5), ("b", 6)):
        rig.send(1, *Camera(ssrc=ssrc, mid="0", rid=rid).frame())
    program(rig, RequestKeyFrame(ProducerId(1)))
    asked = [p for _, p in rig.rtcp[1] if isinstance(p, rtcp.PictureLossIndication)]
    assert sorted(p.media_ssrc for p in asked) == [5, 6]
    program(rig, RequestKeyFrame(ProducerId(1)))
    assert len(rig.asked(1, rtcp.PictureLossIndication)) == 2


def test_an_unknown_rid_is_refused_where_there_are_rids() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8, rids=("a", "b"))
    rig.watch(1, 1, 2, VIEWER_VP8)
    with pytest.raises(StateError, match="'x'"):
        program(rig, SetSelection(ConsumerId(1), Selection(rid="x")))
    program(rig, SetSelection(ConsumerId(1), Selection(rid="b")))


def test_a_rid_means_nothing_without_simulcast() -> None:
    rig, camera, ssrc = stage()
    program(rig, SetSelection(ConsumerId(1), Selection(rid="x")))
    count = len(rig.media(2, ssrc))
    rig.roll(1, camera, 0.2)
    assert len(rig.media(2, ssrc)) > count


def test_a_viewer_may_come_before_the_stream() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8, mid="0", rids=("a", "b"))
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    assert not any(isinstance(event, LayerSwitched) for event in rig.events)
    camera = Camera(ssrc=5, mid="0", rid="b")
    rig.roll(1, camera, 0.3)
    assert LayerSwitched(ConsumerId(1), "b") in rig.events
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))


def test_taking_a_change_of_layer_back_costs_nothing() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8, mid="0", rids=("a", "b"))
    cameras = [Camera(ssrc=5, mid="0", rid="a"), Camera(ssrc=6, mid="0", rid="b")]
    for camera in cameras:
        rig.send(1, *camera.frame())
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, selection=Selection(rid="a"))
    program(rig, SetSelection(ConsumerId(1), Selection(rid="b")))
    program(rig, SetSelection(ConsumerId(1), Selection(rid="a")))
    cameras[1].asked = True
    for camera in cameras:
        rig.send(1, *camera.frame())
    got = rig.media(2, ssrc)
    assert [event.rid for event in rig.events if isinstance(event, LayerSwitched)] == [
        "a"
    ]
    assert [p.index for p in got] == list(range(len(got)))
