"""A viewer that joins late: quickly a picture, soon live, sound in step."""

from __future__ import annotations

from itertools import groupby, pairwise
from statistics import linear_regression

import pytest

from meshproto.wire import rtcp
from support.forwarding import H264, OPUS, VIEWER_VP8, VP8, Camera, Received, Rig

GOP = 50
FPS = 25


def ffmpeg(rig: Rig, joins_after_s: float) -> tuple[Camera, Camera, int, int]:
    """H.264 with a key frame every 2 s that ignores requests, no extensions."""
    video = Camera(codec=H264, key_every=GOP, fps=FPS, size=4_000, ssrc=2, asked=False)
    audio = Camera(codec=OPUS, fps=50, size=100, ssrc=3, asked=False)
    rig.client(1)
    rig.publish(1, 1, H264, plain=True)
    rig.publish(2, 1, OPUS, plain=True)
    film(rig, video, audio, joins_after_s)
    rig.client(2, bitrate_bps=3_000_000)
    return video, audio, rig.watch(1, 1, 2, H264), rig.watch(2, 2, 2, OPUS)


def film(rig: Rig, video: Camera, audio: Camera, seconds: float) -> None:
    for tick in range(round(seconds * 50)):
        if tick % 2 == 0:
            rig.send(1, *video.frame())
        rig.send(1, *audio.frame())
        rig.pass_time(1 / 50)


def frames(packets: list[Received]) -> list[tuple[int, float, float]]:
    """(timestamp, first packet at, last packet at) of each frame."""
    found = []
    for timestamp, group in groupby(packets, key=lambda p: p.view.timestamp):
        times = [packet.at for packet in group]
        found.append((timestamp, min(times), max(times)))
    return found


@pytest.mark.parametrize("joins_after_s", [2.1, 2.5, 3.0, 3.5, 3.98])
def test_first_frame_at_once_then_live(joins_after_s: float) -> None:
    rig = Rig()
    video, audio, ssrc, _ = ffmpeg(rig, joins_after_s)
    joined = rig.now
    film(rig, video, audio, 4.0)
    got = frames(rig.media(2, ssrc))
    assert got[0][2] - joined < 0.12, "the whole first frame"
    steps = [b[0] - a[0] for a, b in pairwise(got)]
    assert all(step > 0 for step in steps)
    late = [frame for frame in got if frame[1] > joined + 2.1]
    assert {b[0] - a[0] for a, b in pairwise(late)} == {90000 // FPS}
    behind = [at - rig.now + 0 for _, at, _ in late[-3:]]
    assert all(-0.13 < lag <= 0 for lag in behind)


@pytest.mark.parametrize("joins_after_s", [2.5, 3.5, 3.9])
def test_replayed_times_go_100_ms_beyond_a_publisher_that_stops(
    joins_after_s: float,
) -> None:
    rig = Rig()
    _, _, ssrc, _ = ffmpeg(rig, joins_after_s)
    newest = rig.now
    rig.pass_time(4.0)  # nothing new comes: all of it is replay
    got = frames(rig.media(2, ssrc))
    assert got[-1][0] - got[0][0] <= 9000
    age = round((newest % 2) * FPS)
    assert len(got) >= age - 1


@pytest.mark.parametrize("joins_after_s", [2.52, 3.48, 3.92])
def test_replayed_times_pass_as_fast_as_the_frames_come(joins_after_s: float) -> None:
    """Players take a clock that crawls for the stream's own, and then wait."""
    rig = Rig()
    video, audio, ssrc, _ = ffmpeg(rig, joins_after_s)
    film(rig, video, audio, 4.0)
    got = frames(rig.media(2, ssrc))
    transits = [at - timestamp / 90000 for timestamp, at, _ in got]
    assert max(transits) - min(transits) < 0.5 / FPS


@pytest.mark.parametrize("joins_after_s", [2.52, 3.48, 3.92])
def test_a_line_through_the_times_of_a_replay_meets_live(joins_after_s: float) -> None:
    """Chromium shows pictures by such a line: one that leans puts them before the
    sound for many seconds.
    """
    rig = Rig()
    video, audio, ssrc, _ = ffmpeg(rig, joins_after_s)
    film(rig, video, audio, 4.0)
    got = frames(rig.media(2, ssrc))
    slope, offset = linear_regression(
        [timestamp / 90000 for timestamp, _, _ in got], [at for _, _, at in got]
    )
    late = [at - slope * (timestamp / 90000) - offset for timestamp, _, at in got[-25:]]
    assert max(map(abs, late)) < 0.005


def test_a_replay_that_meets_a_burst_keeps_its_order() -> None:
    """What comes late and all at once is written after what was written as of now."""
    rig = Rig()
    video, _, ssrc, _ = ffmpeg(rig, 2.5)
    rig.pass_time(0.6)
    rig.send(1, *[packet for _ in range(6) for packet in video.frame()])
    for _ in range(25):
        rig.pass_time(1 / FPS)
        rig.send(1, *video.frame())
    got = frames(rig.media(2, ssrc))
    steps = [b[0] - a[0] for a, b in pairwise(got)]
    assert min(steps) > 0
    assert set(steps[-20:]) == {90000 // FPS}
    assert rig.forwarder.stats(rig.now)["consumers"][1]["phase"] == "live"


def test_what_is_repeated_of_a_replay_keeps_its_times() -> None:
    rig = Rig()
    video, audio, ssrc, _ = ffmpeg(rig, 3.5)
    film(rig, video, audio, 0.3)
    sent = {packet.view.sequence: packet for packet in rig.media(2, ssrc)}
    asked = list(sent)[40:60]
    rig.tell(2, rtcp.Nack.of(9, ssrc, asked))
    rig.pass_time(0.1)
    again = rig.media(2, ssrc + 0x1000000)
    times = {int.from_bytes(p.payload[:2], "big"): p.view.timestamp for p in again}
    assert times == {number: sent[number].view.timestamp for number in asked}


def test_replay_keeps_to_twice_the_rate() -> None:
    rig = Rig()
    video, audio, ssrc, _ = ffmpeg(rig, 3.9)
    joined = rig.now
    film(rig, video, audio, 0.09)
    sent = rig.media(2, ssrc)
    own_bps = (8 * 4_000 + 47 * 4_000) * 8 / 1.9
    first = 8 * 4_000
    after = sum(len(p.payload) for p in sent) - first
    assert after * 8 / (rig.now - joined) < 2.6 * own_bps


def test_sound_is_live_from_the_start() -> None:
    rig = Rig()
    video, audio, _, sound = ffmpeg(rig, 3.5)
    film(rig, video, audio, 1.0)
    got = rig.media(2, sound)
    assert len(got) >= 50
    assert {b.view.timestamp - a.view.timestamp for a, b in pairwise(got)} == {960}


def test_the_next_key_frame_cuts_the_replay_short() -> None:
    rig = Rig()
    video, audio, ssrc, _ = ffmpeg(rig, 3.8)
    joined = rig.now
    film(rig, video, audio, 0.5)
    got = frames(rig.media(2, ssrc))
    live = [frame for frame in got if frame[1] > joined + 0.3]
    assert {b[0] - a[0] for a, b in pairwise(live)} == {3600}
    numbers = [packet.index for packet in rig.media(2, ssrc)]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_an_old_cache_asks_for_one_key_frame_and_absorbs_the_viewer() -> None:
    rig = Rig()
    camera = Camera()
    rig.client(1)
    rig.publish(1, 1, VP8)
    rig.roll(1, camera, 2.8)
    rig.client(2)
    ssrc = rig.watch(1, 1, 2, VIEWER_VP8)
    for _ in range(5):
        rig.tell(2, rtcp.PictureLossIndication(9, ssrc))
    rig.roll(1, camera, 0.1)
    assert len(rig.asked(1, rtcp.PictureLossIndication)) == 1
    camera.asked = True
    rig.roll(1, camera, 0.5)
    assert rig.forwarder.stats(rig.now)["consumers"][1]["phase"] == "live"


def test_a_cache_over_3_s_is_renewed_for_publishers_that_answer() -> None:
    rig = Rig()
    camera = Camera()
    rig.client(1)
    rig.publish(1, 1, VP8)
    for _ in range(20 * 30):
        asked = len(rig.asked(1, rtcp.PictureLossIndication))
        rig.roll(1, camera, 1 / 30)
        if len(rig.asked(1, rtcp.PictureLossIndication)) > asked:
            camera.asked = True
    times = rig.asked(1, rtcp.PictureLossIndication)
    assert 5 <= len(times) <= 7
    assert min(b - a for a, b in pairwise(times)) > 2.0


def test_a_deaf_publisher_is_left_alone() -> None:
    rig = Rig()
    camera = Camera()
    rig.client(1)
    rig.publish(1, 1, VP8)
    rig.roll(1, camera, 60.0)
    assert len(rig.asked(1, rtcp.PictureLossIndication)) <= 4
