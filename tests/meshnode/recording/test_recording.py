"""Recordings from packets: sessions, files, late tracks, bounds."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from meshnode.recording.recording import Recording, Report, TrackInfo
from meshnode.recording.reorder import Packet
from meshproto.errors import StateError
from meshproto.forwarding.clock import ntp_bits
from meshproto.wire.parameters import MediaKind
from support.packetise import encoded, payloads

SOUND = TrackInfo(MediaKind.AUDIO, "opus", 48000)
NTP_S = 3_900_000_000.0


def video(codec: str) -> TrackInfo:
    return TrackInfo(MediaKind.VIDEO, codec, 90000)


def feed(
    recording: Recording,
    places: dict[str, int],
    codec: str = "vp8",
    *,
    count: int = 50,
    began_s: float = 0.0,
    size: tuple[int, int] = (160, 96),
    video_from: int = 0,
    key_every: int = 250,
    sound_late_s: float = 0.0,
) -> None:
    """25 pictures a second from picture `video_from` on, and sound beside them."""
    sequence = 0
    for kind, _rate in (("video", 90000), ("audio", 48000)):
        if kind in places:
            late = sound_late_s if kind == "audio" else 0.0
            report = Report(ntp_bits(NTP_S + began_s + late), 0)
            recording.report(places[kind], report)
    for number, (data, key) in enumerate(encoded(codec, count, *size, key_every)):
        now_s = began_s + number / 25
        for half in range(2 if "audio" in places else 0):
            n = 2 * number + half
            packet = Packet("opus", n, n * 960, False, b"\xfc\xff\xfe", now_s)
            recording.packet(places["audio"], packet)
        if "video" not in places or number < video_from:
            continue
        pieces = payloads(codec, data, key)
        for place, payload in enumerate(pieces):
            last = place == len(pieces) - 1
            packet = Packet(codec, sequence, number * 3600, last, payload, now_s)
            recording.packet(places["video"], packet)
            sequence += 1


def times(path: Path, kind: str) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.time) for frame in container.decode(**{kind: 0})]


def test_two_tracks_on_one_time_line(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.mkv")
    recording.begin([video("vp8"), SOUND])
    feed(recording, {"video": 0, "audio": 1}, sound_late_s=0.5)
    summary = recording.close()
    assert summary.files == (tmp_path / "a.mkv",)
    assert summary.frames == {"video": 50, "audio": 100}
    assert summary.duration_s == pytest.approx(2.48, abs=0.03)
    assert times(summary.files[0], "video")[0] == pytest.approx(0, abs=0.01)
    assert times(summary.files[0], "audio")[0] == pytest.approx(0.5, abs=0.01)


def test_a_second_session_with_another_size_and_order(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.webm")
    recording.begin([video("vp8"), SOUND])
    feed(recording, {"video": 0, "audio": 1})
    recording.end()
    recording.begin([SOUND, video("vp8")])
    feed(recording, {"video": 1, "audio": 0}, began_s=10.0, size=(320, 192))
    summary = recording.close()
    assert summary.frames == {"video": 100, "audio": 200}
    found = times(tmp_path / "a.webm", "video")
    assert found[50] - found[49] == pytest.approx(10 - 1.96, abs=0.06)
    with av.open(str(tmp_path / "a.webm")) as container:
        sizes = {frame.width for frame in container.decode(video=0)}
    assert sizes == {160, 320}


def test_a_session_without_sound_changes_nothing(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.mp4")
    recording.begin([video("h264"), SOUND])
    feed(recording, {"video": 0, "audio": 1}, "h264")
    recording.end()
    recording.begin([video("h264")])
    feed(recording, {"video": 0}, "h264", began_s=5.0)
    summary = recording.close()
    assert summary.files == (tmp_path / "a.mp4",)
    assert summary.frames == {"video": 100, "audio": 100}
    assert len(times(tmp_path / "a.mp4", "video")) == 100


def test_a_picture_that_comes_late_begins_another_file(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.mkv")
    recording.begin([video("vp8"), SOUND])
    feed(recording, {"video": 0, "audio": 1}, count=205, video_from=180, key_every=20)
    summary = recording.close()
    assert summary.files == (tmp_path / "a.mkv", tmp_path / "a-2.mkv")
    first, second = summary.files
    assert len(times(first, "audio")) > 300
    assert len(times(second, "video")) == 25
    assert times(second, "video")[0] == pytest.approx(7.2, abs=0.02)
    assert times(second, "audio")[-1] == pytest.approx(8.18, abs=0.05)


def test_sound_before_the_first_picture_is_left_out(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.mkv")
    recording.begin([video("vp8"), SOUND])
    feed(recording, {"video": 0, "audio": 1}, video_from=20, key_every=20)
    (file,) = recording.close().files
    assert times(file, "video")[0] == pytest.approx(0.0, abs=0.01)
    assert times(file, "audio")[0] == pytest.approx(0.0, abs=0.05)


def test_what_a_node_replays_to_a_newcomer_is_left_out(tmp_path: Path) -> None:
    """A second key frame that comes soon is the first one that is dated rightly."""
    recording = Recording(tmp_path / "a.mkv")
    recording.begin([video("vp8"), SOUND])
    assert recording.wants_key(0)
    feed(recording, {"video": 0, "audio": 1}, count=20, key_every=100)
    assert recording.wants_key(0), "another key frame is asked for"
    recording = Recording(tmp_path / "b.mkv")
    recording.begin([video("vp8"), SOUND])
    feed(recording, {"video": 0, "audio": 1}, count=50, key_every=40)
    assert not recording.wants_key(0)
    (file,) = recording.close().files
    assert len(times(file, "video")) == 10
    assert recording.began_at_s == pytest.approx(1.6, abs=0.01)
    assert times(file, "audio")[-1] == pytest.approx(0.4, abs=0.05)


def test_a_stream_of_sound_alone(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.webm")
    recording.begin([SOUND])
    feed(recording, {"audio": 0})
    assert recording.close().frames == {"audio": 100}
    assert recording.end_s != 0


def test_nothing_came(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.mkv")
    recording.begin([video("vp8"), SOUND])
    assert recording.wants_key(0)
    assert not recording.wants_key(1)
    assert recording.close().files == ()
    assert not (tmp_path / "a.mkv").exists()


def test_what_nobody_can_record(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.webm")
    with pytest.raises(StateError, match="nothing that can be recorded: pcmu"):
        recording.begin([TrackInfo(MediaKind.AUDIO, "pcmu", 8000)])
    with pytest.raises(StateError, match="h264 cannot be recorded"):
        recording.begin([video("h264"), SOUND])


def test_a_track_we_cannot_record_is_left_out(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "a.webm")
    recording.begin([TrackInfo(MediaKind.AUDIO, "pcmu", 8000), video("vp8")])
    recording.packet(0, Packet("pcmu", 1, 1, False, b"abc", 0.0))
    recording.report(0, Report(ntp_bits(NTP_S), 1))
    feed(recording, {"video": 1})
    assert recording.close().frames == {"video": 50}
