"""Choosing layers: by hand, by bandwidth, and only at key frames."""

from __future__ import annotations

from itertools import pairwise

import pytest

from meshproto.forwarding.events import EstimateChanged, LayerSwitched
from meshproto.forwarding.table import Selection, SetSelection
from meshproto.ids import ConsumerId
from meshproto.wire import rtcp, rtp
from meshproto.wire.descriptor import vp8
from support.forwarding import VIEWER_VP8, VP8, VP9, Camera, Path, Rig

RIDS = {"lo": 500, "mid": 1_500, "hi": 6_000}
"""Octets per frame: 120 kb/s, 360 kb/s and 1.4 Mb/s."""


class Simulcast:
    """Three cameras of one track; each makes a key frame when it is asked to."""

    def __init__(self, rig: Rig) -> None:
        order = ("hi", "lo", "mid")
        self.rig = rig
        self.cameras = {
            rid: Camera(
                ssrc=10 + i, mid="0", rid=rid, size=RIDS[rid], timestamp=i * 1_000_000
            )
            for i, rid in enumerate(order)
        }
        self.off: set[str] = set()
        self.deaf: set[str] = set()
        self.paths: list[Path] = []
        rig.client(1)
        rig.publish(1, 1, VP8, mid="0", rids=order)

    def roll(self, seconds: float) -> None:
        for _ in range(round(seconds * 30)):
            self.answer()
            for rid, camera in self.cameras.items():
                if rid not in self.off:
                    self.rig.send(1, *camera.frame())
            self.rig.pass_time(1 / 30)
            for path in self.paths:
                path.carry()

    def answer(self) -> None:
        wanted = [p for _, p in self.rig.rtcp[1]]
        self.rig.rtcp[1].clear()
        for packet in wanted:
            if isinstance(packet, rtcp.PictureLossIndication):
                for rid, camera in self.cameras.items():
                    if camera.ssrc == packet.media_ssrc:
                        camera.asked = rid not in self.deaf

    def report(self, ntp_s: float) -> None:
        for camera in self.cameras.values():
            self.rig.tell(1, camera.report(ntp_s))


def rids(rig: Rig) -> list[str | None]:
    return [event.rid for event in rig.events if isinstance(event, LayerSwitched)]


def phase(rig: Rig, consumer: int = 1) -> str:
    return rig.forwarder.stats(rig.now)["consumers"][consumer]["phase"]


def test_automatic_choice_starts_low_and_climbs_with_the_estimate() -> None:
    rig = Rig()
    simulcast = Simulcast(rig)
    simulcast.roll(1.5)
    rig.client(2, bitrate_bps=4_000_000)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    simulcast.roll(4.0)
    assert rids(rig)[0] == "lo"
    assert rids(rig)[-1] == "hi"
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))
    stamps = [p.view.timestamp for p in got]
    assert all((b - a) % 2**32 < 2**31 for a, b in pairwise(stamps))
    pictures = [vp8.locate(p.payload) for p in got]
    assert all(
        (b.picture_id - a.picture_id) % 2**15 in {0, 1} for a, b in pairwise(pictures)
    )
    assert all(
        (b.tl0picidx - a.tl0picidx) % 256 in {0, 1} for a, b in pairwise(pictures)
    )


@pytest.mark.untraced
def test_a_thin_path_takes_a_viewer_down_and_a_wide_one_up_again() -> None:
    rig = Rig()
    simulcast = Simulcast(rig)
    simulcast.roll(1.5)
    rig.client(2, bitrate_bps=4_000_000)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    path = Path(rig, 2)
    simulcast.paths.append(path)
    simulcast.roll(6.0)
    assert rids(rig)[-1] == "hi"
    path.rate_bps = 700_000
    simulcast.roll(5.0)
    assert rids(rig)[-1] == "mid"
    path.queues.clear()
    simulcast.roll(5.0)
    assert max(path.queues) < 0.2
    path.rate_bps = 50e6
    simulcast.roll(15.0)
    assert rids(rig)[-1] == "hi"
    assert any(isinstance(event, EstimateChanged) for event in rig.events)
    got = [p.index for p in rig.media(2, ssrc)]
    assert sorted(got) == list(range(len(got)))


def test_a_chosen_layer_is_kept_until_the_next_choice() -> None:
    rig = Rig()
    simulcast = Simulcast(rig)
    simulcast.roll(1.5)
    rig.client(2, bitrate_bps=4_000_000)
    rig.watch(1, 1, 2, VIEWER_VP8, selection=Selection(rid="mid"))
    simulcast.roll(3.0)
    assert rids(rig) == ["mid"]
    rig.forwarder.program(SetSelection(ConsumerId(1), Selection(rid="lo")), rig.now)
    simulcast.roll(1.0)
    assert rids(rig) == ["mid", "lo"]


def test_the_old_layer_is_sent_until_the_key_frame_of_the_new_one() -> None:
    rig = Rig()
    simulcast = Simulcast(rig)
    simulcast.roll(1.5)
    rig.client(2, bitrate_bps=4_000_000)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, selection=Selection(rid="lo"))
    simulcast.roll(2.0)
    rig.forwarder.program(SetSelection(ConsumerId(1), Selection(rid="hi")), rig.now)
    simulcast.deaf = {"hi"}
    before = len(rig.media(2, ssrc))
    simulcast.roll(0.9)
    assert len(rig.media(2, ssrc)) - before == 27
    assert rids(rig) == ["lo"]
    simulcast.deaf = set()
    simulcast.roll(0.9)
    assert rids(rig) == ["lo", "hi"]


def test_times_go_on_by_the_common_clock_of_the_layers() -> None:
    rig = Rig()
    simulcast = Simulcast(rig)
    simulcast.roll(0.5)
    simulcast.report(3_900_000_000.25)
    simulcast.roll(1.0)
    rig.client(2, bitrate_bps=4_000_000)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, selection=Selection(rid="lo"))
    simulcast.roll(2.0)
    rig.forwarder.program(SetSelection(ConsumerId(1), Selection(rid="hi")), rig.now)
    simulcast.roll(1.0)
    stamps = sorted({p.view.timestamp for p in rig.media(2, ssrc)})
    live = stamps[-40:]
    # the frames of all layers are of the same instants: at most one is cut in two
    assert all(b - a in {1, 2999, 3000} for a, b in pairwise(live))


def test_a_layer_that_stops_is_left_for_one_that_goes_on() -> None:
    rig = Rig()
    simulcast = Simulcast(rig)
    simulcast.roll(1.5)
    rig.client(2, bitrate_bps=4_000_000)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, selection=Selection(rid="hi"))
    simulcast.roll(1.0)
    simulcast.off.add("hi")
    simulcast.roll(1.0)
    assert rids(rig)[-1] == "mid"
    simulcast.off.clear()
    simulcast.roll(1.0)
    assert rids(rig)[-1] == "hi"
    got = rig.media(2, ssrc)
    assert [p.index for p in got] == list(range(len(got)))


def test_paused_viewers_get_nothing_and_resume_from_the_cache() -> None:
    rig = Rig()
    simulcast = Simulcast(rig)
    simulcast.roll(1.5)
    rig.client(2)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8, selection=Selection(rid="lo"))
    simulcast.roll(0.5)
    pause = SetSelection(ConsumerId(1), Selection(rid="lo", paused=True))
    rig.forwarder.program(pause, rig.now)
    rig.drain()
    count = len(rig.media(2, ssrc))
    simulcast.roll(0.5)
    assert len(rig.media(2, ssrc)) == count
    assert rids(rig)[-1] is None
    rig.forwarder.program(SetSelection(ConsumerId(1), Selection(rid="lo")), rig.now)
    simulcast.roll(0.5)
    got = rig.media(2, ssrc)
    assert len(got) > count
    assert [p.index for p in got] == list(range(len(got)))


def scalable(rig: Rig, path: Path | None, seconds: float, numbers: list[int]) -> None:
    """VP9 with two spatial layers, one packet each, 30 frames a second."""
    for _ in range(round(seconds * 30)):
        frame, sequence = numbers
        asked = bool(rig.asked(1, rtcp.PictureLossIndication))
        rig.rtcp[1].clear()
        picture = (0x8000 | frame & 0x7FFF).to_bytes(2, "big")
        packets = []
        for spatial in (0, 1):
            first = 0xAC if frame == 0 or asked else 0xEC
            head = bytes((first,)) + picture + bytes((spatial << 1 | spatial, 0))
            payload = head + bytes((1_000, 4_000)[spatial])
            marker = spatial == 1
            at = (sequence & 0xFFFF, frame * 3000, 5)
            packets.append(rtp.build(98, *at, payload, marker=marker))
            sequence += 1
        rig.send(1, *packets)
        numbers[:] = [frame + 1, sequence]
        rig.pass_time(1 / 30)
        if path is not None:
            path.carry()


def test_spatial_layers_of_a_scalable_stream_follow_the_estimate() -> None:
    rig = Rig()
    rig.client(1)
    rig.publish(1, 1, VP9)
    numbers = [0, 0]
    scalable(rig, None, 1.5, numbers)
    rig.client(2, bitrate_bps=500_000)
    ssrc = rig.watch(1, 1, 2, VP9)
    path = Path(rig, 2, rate_bps=600_000)
    scalable(rig, path, 4.0, numbers)
    got = rig.media(2, ssrc)
    recent = got[-20:]
    assert {len(p.payload) for p in recent} == {1_005}
    assert all(p.view.marker for p in recent)
    assert sorted(p.index for p in got) == list(range(len(got)))
    path.rate_bps = 20e6
    scalable(rig, path, 15.0, numbers)
    got = rig.media(2, ssrc)
    assert {len(p.payload) for p in got[-20:]} == {1_005, 4_005}
    assert sorted(p.index for p in got) == list(range(len(got)))
