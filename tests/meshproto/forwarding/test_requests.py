"""RTCP that leaves: its form, and when."""

from __future__ import annotations

from itertools import pairwise

from meshproto.forwarding.config import ForwardingConfig
from meshproto.wire import rtcp
from support.forwarding import OPUS, VIEWER_VP8, VP8, Camera, Rig


def test_requests_name_the_source_and_speak_with_one_voice() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP8)
    camera = Camera()
    rig.send(1, *camera.frame())
    frame = camera.frame()
    rig.send(1, frame[0])
    rig.send(1, *camera.frame())
    rig.pass_time(1.2)
    speakers = {
        getattr(packet, "sender_ssrc", getattr(packet, "ssrc", None))
        for _, packet in rig.rtcp[1]
        if not isinstance(packet, rtcp.SourceDescription)
    }
    assert len(speakers) == 1
    [nack, *_] = [p for _, p in rig.rtcp[1] if isinstance(p, rtcp.Nack)]
    assert nack.media_ssrc == camera.ssrc


def test_many_missing_numbers_take_several_packets() -> None:
    rig = Rig(ForwardingConfig(nack_outstanding=1_000))
    rig.client(1)
    rig.publish(1, 1, VP8)
    camera = Camera()
    rig.send(1, *camera.frame())
    first = camera.sequence
    camera.sequence += 300
    rig.send(1, *camera.frame())
    nacks = [p for _, p in rig.rtcp[1] if isinstance(p, rtcp.Nack)]
    assert len(nacks) == 3
    lost = [number for packet in nacks for number in packet.lost()]
    assert lost == list(range(first, first + 300))


def test_reports_of_a_remote_that_sends_and_watches_share_a_compound() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP8, mid="0")
    rig.publish(2, 1, OPUS)
    camera = Camera(mid="0")
    rig.roll(1, camera, 0.3)
    ssrc = rig.watch(1, 1, 1, VIEWER_VP8)
    rig.rtcp[1].clear()
    rig.roll(1, camera, 1.2)
    kinds = [type(packet).__name__ for _, packet in rig.rtcp[1]]
    at = kinds.index("SenderReport")
    assert kinds[at : at + 3] == ["SenderReport", "ReceiverReport", "SourceDescription"]
    description = rig.rtcp[1][at + 2][1]
    assert isinstance(description, rtcp.SourceDescription)
    assert next(name for name, _ in description.chunks) == ssrc
    assert {items for _, items in description.chunks} == {((1, b"meshnode"),)}


def test_remotes_without_anything_to_report_are_left_alone() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, OPUS)
    rig.watch(1, 1, 2, OPUS)
    rig.pass_time(5.0)
    assert rig.rtcp[2] == []
    reports = [p for _, p in rig.rtcp[1] if isinstance(p, rtcp.ReceiverReport)]
    assert reports
    assert reports[-1].reports == ()


def test_nothing_is_asked_of_a_source_that_never_came() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8)
    rig.watch(1, 1, 2, VIEWER_VP8)
    rig.pass_time(3.0)
    assert rig.asked(1, rtcp.PictureLossIndication) == []


def test_reports_come_about_once_a_second() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP8)
    rig.roll(1, Camera(), 6.0)
    times = rig.asked(1, rtcp.ReceiverReport)
    assert 5 <= len(times) <= 6
    assert all(0.9 < b - a < 1.1 for a, b in pairwise(times))
