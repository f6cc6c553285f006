"""Frames of a bad network become a good file."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

import av
import pytest

from meshnode.client.picture import TestPicture, read_number
from meshnode.client.recorder import FORMATS, Recorder, check_name
from meshproto.errors import StateError

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PICTURE = TestPicture(320, 180)


def video(number: int, picture: TestPicture = PICTURE) -> av.VideoFrame:
    frame = picture.frame(number, NOW)
    frame.pts, frame.time_base = 9000 * number, Fraction(1, 90000)
    return frame


def audio(number: int) -> av.AudioFrame:
    frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
    frame.sample_rate = 48000
    frame.pts, frame.time_base = 960 * number, Fraction(1, 48000)
    for plane in frame.planes:
        plane.update(b"\x10\x10" * (plane.buffer_size // 2))
    return frame


def decoded(path: Path, kind: str) -> list[av.frame.Frame]:
    with av.open(str(path)) as container:
        return list(container.decode(**{kind: 0}))


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_a_recording_has_every_frame_at_its_time(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out{suffix}"
    recorder = Recorder(path, ["video", "audio"])
    for tenth in range(20):
        recorder.add("video", 100 + tenth / 10, video(tenth))
        for fiftieth in range(5):
            number = tenth * 5 + fiftieth
            recorder.add("audio", 100 + number / 50, audio(number))
    assert recorder.close() == {"video": 20, "audio": 100}
    frames = decoded(path, "video")
    assert [read_number(frame) for frame in frames] == list(range(20))
    assert [frame.time for frame in frames] == pytest.approx(
        [tenth / 10 for tenth in range(20)], abs=0.01
    )
    sound = decoded(path, "audio")
    assert sound[-1].time + sound[-1].samples / 48000 == pytest.approx(2.0, abs=0.1)


def test_another_size_is_scaled_and_time_never_goes_back(tmp_path: Path) -> None:
    path = tmp_path / "out.mkv"
    recorder = Recorder(path, ["video"])
    recorder.add("video", 0.0, video(0))
    recorder.add("video", 0.1, video(3, TestPicture(640, 360)))
    recorder.add("video", 0.2, video(2))
    assert recorder.close() == {"video": 3}
    frames = decoded(path, "video")
    assert {(frame.width, frame.height) for frame in frames} == {(320, 180)}
    times = [frame.time for frame in frames]
    assert times == sorted(times)
    assert [read_number(frame) for frame in frames] == [0, 3, 2]


def test_holes_in_the_sound_become_silence(tmp_path: Path) -> None:
    path = tmp_path / "out.mkv"
    recorder = Recorder(path, ["audio"])
    for number in [*range(10), *range(60, 70)]:
        recorder.add("audio", number / 50, audio(number))
    recorder.close()
    sound = decoded(path, "audio")
    end = sound[-1].time + sound[-1].samples / 48000
    assert end == pytest.approx(70 / 50, abs=0.05)


def test_a_kind_that_never_comes_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    recorder = Recorder(path, ["video", "audio"])
    for tenth in range(40):
        recorder.add("video", tenth / 10, video(tenth))
    recorder.add("audio", 4.0, audio(0))
    assert recorder.close() == {"video": 40}
    assert len(decoded(path, "video")) == 40


def test_the_end_before_everything_came_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    recorder = Recorder(path, ["video", "audio"])
    recorder.add("video", 0.0, video(7))
    assert recorder.close() == {"video": 1}
    assert [read_number(frame) for frame in decoded(path, "video")] == [7]


def test_nothing_at_all_is_no_crash(tmp_path: Path) -> None:
    assert Recorder(tmp_path / "out.webm", ["video"]).close() == {}


def test_names_and_places_that_do_not_work(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"should end in one of \.mp4, \.mkv, \.webm"):
        check_name(Path("out.avi"))
    with pytest.raises(StateError, match="cannot be written: No such file"):
        Recorder(tmp_path / "absent" / "out.mp4", ["video"])
