"""Sender and receiver reports: times that keep sound and picture together."""

from __future__ import annotations

import pytest

from meshproto.forwarding.reports import SentReports
from meshproto.wire import rtcp
from meshproto.wire.rtcp import ReportBlock, SenderReport
from support.forwarding import H264, OPUS, VIEWER_VP8, VP8, Camera, Rig

NTP = 3_900_000_000.0


def reports(rig: Rig, transport: int, ssrc: int) -> list[tuple[float, SenderReport]]:
    return [
        (at, packet)
        for at, packet in rig.rtcp[transport]
        if isinstance(packet, SenderReport) and packet.ssrc == ssrc
    ]


def instant(report: SenderReport, timestamp: int, rate: int) -> float:
    """NTP seconds of a timestamp as a player computes them."""
    ticks = (timestamp - report.rtp_time + 2**31) % 2**32 - 2**31
    return report.ntp_time / 2**32 + ticks / rate


@pytest.mark.parametrize("join_s", [0.2, 1.3])
@pytest.mark.parametrize("reported", [True, False])
def test_sound_and_picture_of_one_instant_have_one_time(
    join_s: float, reported: bool
) -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, H264)
    rig.publish(2, 1, OPUS)
    video = Camera(codec=H264, ssrc=1, fps=25, key_every=50)
    sound = Camera(codec=OPUS, ssrc=2, fps=50, size=90, timestamp=777)
    began = rig.now

    def film(seconds: float) -> None:
        for tick in range(round(seconds * 50)):
            if reported and tick % 50 == 10:
                capture = NTP + rig.now - began
                rig.tell(1, video.report(capture), sound.report(capture))
            if tick % 2 == 0:
                rig.send(1, *video.frame())
            rig.send(1, *sound.frame())
            rig.pass_time(0.02)

    film(join_s)
    rig.client(2, bitrate_bps=4_000_000)
    seen, heard = rig.watch(1, 1, 2, H264), rig.watch(2, 2, 2, OPUS)
    film(3.0)
    last_video = rig.media(2, seen)[-1]
    last_sound = rig.media(2, heard)[-1]
    picture = reports(rig, 2, seen)[-1][1]
    tone = reports(rig, 2, heard)[-1][1]
    skew = instant(picture, last_video.view.timestamp, 90_000) - instant(
        tone, last_sound.view.timestamp, 48_000
    )
    assert abs(skew) <= 0.025


def test_the_first_report_leaves_with_the_first_packets_then_each_second() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP8)
    camera = Camera()
    rig.roll(1, camera, 0.5)
    rig.client(2)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    assert rig.media(2, ssrc)
    assert len(reports(rig, 2, ssrc)) == 1
    rig.roll(1, camera, 5.0)
    found = reports(rig, 2, ssrc)
    assert 5 <= len(found) <= 7
    got = [p for p in rig.media(2, ssrc) if p.at < found[-1][0]]
    assert found[-1][1].packet_count == len(got)
    assert found[-1][1].octet_count == sum(
        len(p.payload) + p.view.padding_length for p in got
    )
    names = [p for _, p in rig.rtcp[2] if isinstance(p, rtcp.SourceDescription)]
    assert names[0].chunks == ((ssrc, ((1, b"meshnode"),)),)


def test_ntp_times_are_ours() -> None:
    rig = Rig()
    rig.client(1)
    rig.client(2)
    rig.publish(1, 1, VP8)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    camera = Camera()
    rig.send(1, *camera.frame())
    rig.tell(1, camera.report(12345.0))
    rig.roll(1, camera, 2.0)
    at, report = reports(rig, 2, ssrc)[-1]
    ours = at + rig.config.ntp_offset_s
    assert report.ntp_time / 2**32 == pytest.approx(ours, abs=0.05)


def test_publishers_get_receiver_reports() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP8)
    camera = Camera(size=4_000)
    rig.tell(1, camera.report(NTP))
    for index in range(60):
        packets = camera.frame()
        rig.send(1, *(packets[:-1] if index % 2 else packets))
        rig.tell(1, camera.report(NTP + index / 30))
        rig.pass_time(1 / 30)
    [*_, (_at, report)] = [
        (at, p) for at, p in rig.rtcp[1] if isinstance(p, rtcp.ReceiverReport)
    ]
    [block] = report.reports
    assert block.ssrc == camera.ssrc
    assert 20 < block.fraction_lost < 45
    assert 12 <= block.packets_lost <= 16
    assert 1100 < block.highest_sequence & 0xFFFF < camera.sequence
    assert block.last_report != 0
    assert 0 <= block.delay / 65536 < 0.05


def test_a_round_trip_needs_a_report_that_we_sent() -> None:
    sent = SentReports()
    for second in range(10):
        sent.note(second << 32, float(second))
    middle = rtcp.compact_ntp(9 << 32)
    assert sent.round_trip_s(ReportBlock(1, last_report=middle), 9.25) == 0.25
    late = ReportBlock(1, last_report=middle, delay=65536)
    assert sent.round_trip_s(late, 9.25) is None
    old = ReportBlock(1, last_report=rtcp.compact_ntp(1 << 32))
    assert sent.round_trip_s(old, 9.25) is None
