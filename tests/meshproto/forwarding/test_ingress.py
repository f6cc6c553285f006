"""Which layer a packet belongs to, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.forwarding.config import ForwardingConfig
from meshproto.forwarding.events import LayerFound, LimitReached
from meshproto.forwarding.table import RemoveProducer
from meshproto.ids import ProducerId
from meshproto.wire import rtcp, rtp
from meshproto.wire.parameters import SsrcBinding
from support.forwarding import (
    H264,
    OPUS,
    PUBLISHER_EXTENSIONS,
    VIEWER_VP8,
    VP8,
    Camera,
    Rig,
)

Publish = Callable[[Rig], None]


def found(rig: Rig) -> list[tuple[int, str, int, str]]:
    return [
        (event.producer, event.rid, event.ssrc, event.codec)
        for event in rig.events
        if isinstance(event, LayerFound)
    ]


def drops(rig: Rig) -> dict[str, int]:
    taken = rig.forwarder.stats(rig.now)["drops"]
    assert isinstance(taken, dict)
    return taken


def rig_with(*publish: Publish, config: ForwardingConfig | None = None) -> Rig:
    rig = Rig(config or ForwardingConfig())
    rig.client(1)
    for each in publish:
        each(rig)
    return rig


def test_mid_and_rid_name_the_layer() -> None:
    rig = rig_with(
        lambda r: r.publish(1, 1, VP8, mid="0", rids=("a", "b")),
        lambda r: r.publish(2, 1, VP8, mid="1"),
    )
    rig.send(1, *Camera(ssrc=5, mid="0", rid="b").frame())
    rig.send(1, *Camera(ssrc=6, mid="1").frame())
    assert found(rig) == [(1, "b", 5, "vp8"), (2, "", 6, "vp8")]


def test_once_latched_the_extensions_may_stop() -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8, mid="0", rids=("a", "b")))
    camera = Camera(ssrc=5, mid="0", rid="a")
    rig.send(1, *camera.frame())
    camera.mid = camera.rid = None
    rig.send(1, *camera.frame())
    assert drops(rig) == {}


def test_a_simulcast_packet_without_rid_is_not_guessed() -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8, mid="0", rids=("a", "b")))
    frame = Camera(ssrc=5, mid="0").frame()
    rig.send(1, *frame)
    assert found(rig) == []
    assert drops(rig)["unknown-ssrc"] == len(frame)


def test_declared_sources_need_no_extension() -> None:
    bindings = (SsrcBinding(50, "a"), SsrcBinding(51, "a", repairs=50))
    rig = rig_with(
        lambda r: r.publish(1, 1, VP8, mid="0", rids=("a", "b"), ssrcs=bindings),
        lambda r: r.publish(2, 1, VP8, mid="1"),
    )
    camera = Camera(ssrc=50)
    packets = camera.frame()
    rig.send(1, *packets[:1], *packets[2:])
    rig.send(1, repair(packets[1], 51, 97, 9))
    assert found(rig) == [(1, "a", 50, "vp8")]
    layer = rig.forwarder.stats(rig.now)["producers"][1]["layers"]["a"]
    assert layer["lost"] == 0


def test_a_repair_may_be_declared_before_its_source() -> None:
    rig = rig_with(
        lambda r: r.publish(1, 1, VP8, ssrcs=(SsrcBinding(51, repairs=50),)),
        lambda r: r.publish(2, 1, VP8, mid="1"),
    )
    rig.send(1, repair(Camera(ssrc=50).frame()[0], 51, 97, 9))
    assert found(rig) == []
    assert drops(rig)["sequence-jump"] == 1


def test_the_payload_type_decides_when_only_one_track_has_it() -> None:
    rig = rig_with(
        lambda r: r.publish(1, 1, H264, plain=True),
        lambda r: r.publish(2, 1, OPUS, plain=True),
    )
    rig.send(1, *Camera(codec=OPUS, ssrc=7, size=90).frame())
    rig.send(1, *Camera(codec=H264, ssrc=8).frame())
    assert found(rig) == [(2, "", 7, "opus"), (1, "", 8, "h264")]


def test_an_ambiguous_payload_type_decides_nothing() -> None:
    rig = rig_with(
        lambda r: r.publish(1, 1, VP8, mid="0"), lambda r: r.publish(2, 1, VP8, mid="1")
    )
    rig.send(1, *Camera().frame())
    assert found(rig) == []


def repair(packet: bytes, ssrc: int, payload_type: int, sequence: int) -> bytes:
    view = rtp.parse(packet)
    payload = view.sequence.to_bytes(2, "big") + rtp.payload(packet, view)
    return rtp.build(
        payload_type, sequence, view.timestamp, ssrc, payload, marker=view.marker
    )


def test_repaired_packets_join_their_layer() -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8, mid="0"))
    rig.client(2, bitrate_bps=20_000_000)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    camera = Camera()
    rig.send(1, *camera.frame())
    packets = camera.frame()
    rig.send(1, packets[0])
    rig.send(1, *camera.frame())
    assert rig.asked(1, rtcp.Nack)
    rig.send(1, repair(packets[1], 99, 97, 1))
    got = rig.media(2, ssrc)
    numbers = [p.index for p in got]
    assert sorted(numbers) == list(range(len(numbers)))
    original = rtp.parse(packets[1])
    assert got[-1].payload == rtp.payload(packets[1], original)
    assert got[-1].view.payload_type == 120
    assert got[-1].view.marker == original.marker


def test_the_repair_stream_of_a_rid_says_so() -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8, mid="0", rids=("a", "b")))
    camera = Camera(ssrc=5, mid="0", rid="a")
    packets = camera.frame()
    rig.send(1, packets[0], *packets[2:])
    lost = rtp.parse(packets[1])
    payload = lost.sequence.to_bytes(2, "big") + rtp.payload(packets[1], lost)
    elements = [(9, b"0"), (11, b"a")]
    rig.send(1, rtp.build(97, 3, lost.timestamp, 6, payload, extensions=elements))
    layer = rig.forwarder.stats(rig.now)["producers"][1]["layers"]["a"]
    assert layer["lost"] == 0


def test_a_probe_in_the_repair_stream_is_dropped() -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8))
    rig.send(1, *Camera().frame())
    rig.send(1, rtp.build(97, 1, 0, 99, b"", padding=200))
    assert drops(rig) == {"probe": 1}


def test_another_source_takes_the_layer_over_without_a_seam() -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8))
    rig.client(2)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    rig.roll(1, Camera(), 0.5)
    rig.roll(1, Camera(ssrc=2, sequence=40_000, timestamp=1), 0.5)
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))
    stamps = sorted({p.view.timestamp for p in got})
    assert stamps[-1] - stamps[0] == pytest.approx(90_000, abs=6_001)


def test_sources_are_bounded_for_good() -> None:
    config = ForwardingConfig(ssrcs_per_transport=5)
    rig = rig_with(lambda r: r.publish(1, 1, VP8), config=config)
    for ssrc in range(100):
        rig.send(1, *Camera(ssrc=ssrc).frame())
    limits = [event for event in rig.events if isinstance(event, LimitReached)]
    assert limits == [LimitReached("ssrcs_per_transport", 5)]
    assert len(found(rig)) == 5
    assert drops(rig)["ssrc-limit"] > 90


def test_unknown_payload_types_and_transports_are_dropped() -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8, mid="0"))
    rig.send(1, rtp.build(35, 1, 1, 1, b"abc", extensions=[(9, b"0")]))
    rig.send(77, b"abc")
    assert drops(rig) == {"payload-type": 1, "unknown-transport": 1}


@given(st.binary(max_size=60))
def test_no_packet_raises(data: bytes) -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8, mid="0", rids=("a", "b")))
    rig.send(1, data, bytes((0x90, 96)) + data)


@given(st.lists(st.tuples(st.integers(1, 14), st.binary(min_size=1, max_size=16))))
def test_no_extension_raises(elements: list[tuple[int, bytes]]) -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8, mid="0", rids=("a", "b")))
    rig.send(1, rtp.build(96, 1, 1, 1, b"\x90\x80\x11\x00", extensions=elements))


def test_transport_wide_numbers_are_reported_back() -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8))
    camera = Camera(transport_sequence=65_530)
    assert any(extension.id == 3 for extension in PUBLISHER_EXTENSIONS)
    rig.roll(1, camera, 1.0)
    feedback = [p for _, p in rig.rtcp[1] if isinstance(p, rtcp.TransportFeedback)]
    assert 10 <= len(feedback) <= 21
    numbers = [number for packet in feedback for number, _ in packet.arrivals]
    assert numbers == [(65_530 + i) % 65_536 for i in range(len(numbers))]
    assert [p.feedback_count for p in feedback] == list(range(len(feedback)))
    assert not rig.asked(1, rtcp.BitrateEstimate)


def test_publishers_without_transport_feedback_get_a_bitrate() -> None:
    rig = rig_with(lambda r: r.publish(1, 1, VP8, plain=True))
    rig.roll(1, Camera(), 1.5)
    [estimate, *_] = [p for _, p in rig.rtcp[1] if isinstance(p, rtcp.BitrateEstimate)]
    assert estimate.ssrcs == (0x1111,)
    assert estimate.bitrate_bps > 10_000_000


def test_sources_of_tracks_that_went_count_no_more() -> None:
    config = ForwardingConfig(ssrcs_per_transport=5)
    rig = rig_with(lambda r: None, config=config)
    for number in range(1, 101):
        rig.publish(number, 1, VP8)
        rig.send(1, *Camera(ssrc=number).frame())
        rig.forwarder.program(RemoveProducer(ProducerId(number)), rig.now)
    assert not [event for event in rig.events if isinstance(event, LimitReached)]
    assert len(found(rig)) == 100
    assert "ssrc-limit" not in drops(rig)
