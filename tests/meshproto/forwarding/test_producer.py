"""A track that enters."""

from __future__ import annotations

import pytest

from meshproto.errors import LimitError, StateError
from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.producer import Producer
from meshproto.forwarding.table import AddConsumer, AddProducer
from meshproto.ids import ConsumerId, ProducerId, TransportId
from meshproto.wire.parameters import Codec, MediaKind
from support.forwarding import (
    H264,
    VIEWER_EXTENSIONS,
    VIEWER_VP8,
    VP8,
    Camera,
    Rig,
)


def producer(*codecs: Codec, rids: tuple[str, ...] = ()) -> Producer:
    delta = AddProducer(
        ProducerId(1), TransportId(1), MediaKind.VIDEO, "0", codecs, (), rids
    )
    return Producer(delta, ForwardingConfig())


def viewer(mid: str = "0") -> AddConsumer:
    return AddConsumer(
        ConsumerId(1),
        ProducerId(1),
        TransportId(2),
        MediaKind.VIDEO,
        mid,
        1,
        2,
        (VIEWER_VP8,),
        VIEWER_EXTENSIONS,
    )


def test_layers_are_the_rids_or_one_without_a_name() -> None:
    assert list(producer(VP8).layers) == [""]
    assert list(producer(VP8, rids=("h", "l")).layers) == ["h", "l"]


def test_a_track_without_codec_or_with_too_many_layers_is_refused() -> None:
    with pytest.raises(StateError):
        producer()
    with pytest.raises(LimitError):
        producer(VP8, rids=tuple("abcdefghi"))


def test_payload_types_of_media_and_repairs_are_known() -> None:
    one = producer(VP8, H264)
    assert [one.knows(number) for number in (96, 97, 102, 103, 111)] == [True] * 4 + [
        False
    ]


def test_profiles_are_shared_by_those_who_agreed_on_the_same() -> None:
    one = producer(VP8)
    assert one.profile(viewer()) is one.profile(viewer())
    assert one.profile(viewer("1")) is not one.profile(viewer())
    for mid in range(100):
        one.profile(viewer(str(mid)))
    assert len(one._profiles) <= 64


def test_layers_are_ordered_by_bitrate_and_stopped_ones_left_out() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP8, mid="0", rids=("a", "b", "c"))
    cameras = {
        rid: Camera(ssrc=number, mid="0", rid=rid, size=size)
        for number, (rid, size) in enumerate({"a": 3_000, "b": 500}.items())
    }
    for _ in range(30):
        for camera in cameras.values():
            rig.send(1, *camera.frame())
        rig.pass_time(1 / 30)
    track = rig.forwarder._state.producers[ProducerId(1)]
    assert [layer.rid for layer in track.sending(rig.now)] == ["b", "a"]
    rig.roll(1, cameras["b"], 0.6)
    assert [layer.rid for layer in track.sending(rig.now)] == ["b"]
