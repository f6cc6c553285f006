"""Decoded frames into a file: mp4, mkv or webm, whatever the name ends in.

What arrives from a network has holes and changes size (a simulcast layer, a publisher
who came back).  A file wants neither: pictures are scaled to the size of the first,
time only goes forward, and silence fills what is missing of the sound.  The two tracks
share one time line, the arrival of their first frames; behind that, each follows its
own timestamps.

Encoding costs time, so `add` is meant for a thread; it is not reentrant.
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av import AudioFrame, AudioResampler, VideoFrame

from meshproto.errors import StateError

SAMPLE_RATE_HZ = 48000
VIDEO_CLOCK = Fraction(1, 90000)
AUDIO_CLOCK = Fraction(1, SAMPLE_RATE_HZ)
PATIENCE_S = 2.0
HOLE_S = 0.06
HOLE_MAX_S = 60.0
REALTIME_X264 = {"preset": "ultrafast", "tune": "zerolatency", "crf": "23"}
REALTIME_VPX = {"deadline": "realtime", "cpu-used": "8", "crf": "23", "b": "2M"}
FORMATS = {
    ".mp4": ("libx264", REALTIME_X264, "aac"),
    ".mkv": ("libx264", REALTIME_X264, "libopus"),
    ".webm": ("libvpx", REALTIME_VPX, "libopus"),
}


def check_name(path: Path) -> None:
    """Raise `StateError` unless the name says a format we write."""
    if path.suffix.lower() not in FORMATS:
        raise StateError(f"{path} should end in one of {', '.join(FORMATS)}")


class Recorder:
    """Writes the tracks of `kinds`; the file is complete after `close`.

    A container must know its tracks before the first packet, so frames are held until
    every kind has one, or for `PATIENCE_S`; a kind that is later than that is left out.
    """

    def __init__(self, path: Path, kinds: Collection[str]) -> None:
        check_name(path)
        self._formats = FORMATS[path.suffix.lower()]
        self._missing = set(kinds)
        self._held: list[tuple[str, float, Any]] = []
        self._tracks: dict[str, _Video | _Audio] | None = None
        try:
            path.touch()  # FFmpeg would find out at the first packet only
        except OSError as error:
            raise StateError(f"{path} cannot be written: {error.strerror}") from None
        self._container = av.open(str(path), "w")

    def add(self, kind: str, arrived_s: float, frame: Any) -> None:
        """Encode one frame that arrived at `arrived_s` of any steady clock."""
        if self._tracks is None:
            self._held.append((kind, arrived_s, frame))
            self._missing.discard(kind)
            if self._missing and arrived_s - self._held[0][1] < PATIENCE_S:
                return
            self._start()
        elif kind in self._tracks:
            self._tracks[kind].add(arrived_s - self._began_s, frame)

    def close(self) -> dict[str, int]:
        """Finish the file; frames written by kind, empty when there was nothing."""
        if self._tracks is None and self._held:
            self._start()
        tracks = self._tracks or {}
        for track in tracks.values():
            track.finish()
        self._container.close()
        return {kind: track.frames for kind, track in tracks.items()}

    def _start(self) -> None:
        """Open the tracks that were seen and encode what was held."""
        video, options, audio = self._formats
        held, self._held = self._held, []
        kinds = {kind for kind, _, _ in held}
        tracks: dict[str, _Video | _Audio] = {}
        if "video" in kinds:
            first = next(frame for kind, _, frame in held if kind == "video")
            size = (first.width, first.height)
            tracks["video"] = _Video(self._container, video, options, size)
        if "audio" in kinds:
            tracks["audio"] = _Audio(self._container, audio)
        self._tracks = tracks
        self._began_s = held[0][1]
        for kind, arrived_s, frame in held:
            tracks[kind].add(arrived_s - self._began_s, frame)


class _Video:
    def __init__(
        self, container: Any, codec: str, options: dict[str, str], size: tuple[int, int]
    ) -> None:
        self._container = container
        self._stream = container.add_stream(codec, rate=30, options=options)
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = VIDEO_CLOCK
        self._shift: int | None = None
        self._last = -1
        self.frames = 0

    def add(self, arrived_s: float, frame: VideoFrame) -> None:
        pts = round((frame.pts or 0) * float(frame.time_base or 0) / float(VIDEO_CLOCK))
        if self._shift is None:
            self._shift = round(arrived_s / float(VIDEO_CLOCK)) - pts
        self._last = max(pts + self._shift, self._last + 1)
        scaled = frame.reformat(self._stream.width, self._stream.height, "yuv420p")
        scaled.pts, scaled.time_base = self._last, VIDEO_CLOCK
        scaled.pict_type = av.video.frame.PictureType.NONE
        self._container.mux(self._stream.encode(scaled))
        self.frames += 1

    def finish(self) -> None:
        if self.frames:
            self._container.mux(self._stream.encode(None))


class _Audio:
    def __init__(self, container: Any, codec: str) -> None:
        self._container = container
        self._stream = container.add_stream(codec, rate=SAMPLE_RATE_HZ, layout="stereo")
        self._resampler = AudioResampler("s16", "stereo", SAMPLE_RATE_HZ)
        self._shift: int | None = None
        self._written = 0
        self.frames = 0

    def add(self, arrived_s: float, frame: AudioFrame) -> None:
        at = round((frame.pts or 0) * float(frame.time_base or 0) * SAMPLE_RATE_HZ)
        if self._shift is None:
            self._shift = round(arrived_s * SAMPLE_RATE_HZ) - at
        missing = at + self._shift - self._written
        if HOLE_S * SAMPLE_RATE_HZ < missing < HOLE_MAX_S * SAMPLE_RATE_HZ:
            self._encode(_silence(missing))
        frame.pts = None
        for piece in self._resampler.resample(frame):
            self._encode(piece)
        self.frames += 1

    def finish(self) -> None:
        if self._written:
            self._container.mux(self._stream.encode(None))

    def _encode(self, frame: AudioFrame) -> None:
        frame.pts, frame.time_base = self._written, AUDIO_CLOCK
        self._written += frame.samples
        self._container.mux(self._stream.encode(frame))


def _silence(samples: int) -> AudioFrame:
    frame = AudioFrame(format="s16", layout="stereo", samples=samples)
    frame.sample_rate = SAMPLE_RATE_HZ
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    return frame
