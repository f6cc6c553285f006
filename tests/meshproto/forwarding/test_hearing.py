"""RTCP from viewers and publishers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshproto.wire import rtcp
from meshproto.wire.rtcp import ReportBlock, SenderReport
from support.forwarding import VIEWER_VP8, VP8, Camera, Rig


def stage() -> tuple[Rig, Camera, int]:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    camera = Camera()
    rig.roll(1, camera, 0.5)
    return rig, camera, ssrc


def requested(rig: Rig) -> int:
    layers = rig.forwarder.stats(rig.now)["producers"][1]["layers"]
    return int(layers[""]["key_frames_requested"])


@pytest.mark.parametrize("fir", [False, True])
def test_a_viewer_that_lost_a_frame_gets_a_new_key_frame(fir: bool) -> None:
    rig, _, ssrc = stage()
    if fir:
        rig.tell(2, rtcp.FullIntraRequest(9, 0, ((ssrc, 1), (77, 1))))
    else:
        rig.tell(2, rtcp.PictureLossIndication(9, ssrc))
    assert requested(rig) == 1
    assert len(rig.asked(1, rtcp.PictureLossIndication)) == 1


def test_a_viewer_that_just_got_a_key_frame_asks_in_vain() -> None:
    rig, camera, ssrc = stage()
    rig.send(1, *camera.frame(key=True))
    rig.pass_time(0.05)
    rig.tell(2, rtcp.PictureLossIndication(9, ssrc))
    assert requested(rig) == 0
    rig.roll(1, camera, 0.2)
    rig.tell(2, rtcp.PictureLossIndication(9, ssrc))
    assert requested(rig) == 1


def test_requests_for_unknown_sources_are_ignored() -> None:
    rig, _, _ = stage()
    rig.tell(2, rtcp.PictureLossIndication(9, 4711))
    rig.tell(1, rtcp.PictureLossIndication(9, 0x1111))
    assert requested(rig) == 0


def test_the_round_trip_is_measured_by_our_own_reports() -> None:
    rig, camera, ssrc = stage()
    rig.roll(1, camera, 1.0)
    at, report = [(at, p) for at, p in rig.rtcp[2] if isinstance(p, SenderReport)][-1]
    rig.pass_time(0.3)
    delay = rig.now - at - 0.08
    middle = rtcp.compact_ntp(report.ntp_time)
    block = ReportBlock(ssrc, 64, 3, 100, 0, middle, int(delay * 65536))
    rig.tell(2, rtcp.ReceiverReport(9, (block,)))
    stats = rig.forwarder.stats(rig.now)
    assert stats["transports"][2]["rtt_s"] == pytest.approx(0.08, abs=0.001)
    assert stats["consumers"][1]["fraction_lost"] == 0.25


def test_reports_about_others_or_from_the_future_say_nothing() -> None:
    rig, _, ssrc = stage()
    rig.tell(2, rtcp.ReceiverReport(9, (ReportBlock(4711, 255),)))
    rig.tell(2, rtcp.ReceiverReport(9, (ReportBlock(ssrc, 0, last_report=5),)))
    assert rig.forwarder.stats(rig.now)["transports"][2]["rtt_s"] is None


def test_a_source_that_ends_leaves_its_layer_to_another() -> None:
    rig, camera, ssrc = stage()
    rig.tell(1, rtcp.Bye((camera.ssrc,)))
    other = Camera(ssrc=0x9999, sequence=5, timestamp=7)
    before = len(rig.media(2, ssrc))
    rig.roll(1, other, 0.5)
    got = rig.media(2, ssrc)
    assert len(got) > before
    assert [p.index for p in got] == list(range(len(got)))


@given(st.binary(max_size=100))
def test_nonsense_is_counted(data: bytes) -> None:
    rig = Rig()
    rig.client(1)
    rig.tell(1, data)


def test_refusals_have_a_reason() -> None:
    rig, _, _ = stage()
    rig.tell(2, b"\x80")
    rig.tell(7, b"")
    drops = rig.forwarder.stats(rig.now)["drops"]
    assert drops["rtcp-short"] == 1
    assert drops["unknown-transport"] == 1


def test_feedback_about_the_path_reaches_congestion_control() -> None:
    rig, camera, _ = stage()
    before = rig.forwarder.stats(rig.now)["transports"][2]["estimate_bps"]
    for _ in range(8):
        rig.tell(2, rtcp.BitrateEstimate(9, 100_000, ()))
        rig.roll(1, camera, 0.5)
    after = rig.forwarder.stats(rig.now)["transports"][2]["estimate_bps"]
    assert after < before
