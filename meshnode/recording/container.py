"""The file: encoded frames into WebM, Matroska or fragmented MP4.

FFmpeg's muxers want to know a track before the first frame, size and decoder
configuration included.  Its demuxers know how to find them, so a track is described by
its own first key frame: that is read as a tiny file of its own, and the stream found
there is the template.

A recording may end by kill -9 or a full disk, so what is written must be playable at
any moment: clusters and fragments end after half a second, and nothing waits in
buffers.  Both formats need no index to be played.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from meshnode.recording.formats import ALWAYS, FORMATS, check_codec, check_name
from meshnode.recording.frames import Frame
from meshproto.errors import StateError

CLOCK = Fraction(1, 90000)
_RAW = {"h264": "h264", "h265": "hevc"}
_FOURCC = {"vp8": b"VP80", "vp9": b"VP90", "av1": b"AV01"}
_IVF = struct.Struct("<4sHH4sHHIIIIIQ")


class Template:
    """What a muxer must know of a track, read from its first key frame.

    Raises `StateError` for a frame that makes no sense.
    """

    def __init__(self, frame: Frame) -> None:
        self.codec = frame.codec
        try:
            self._source = _opened(frame)
            self.stream: Any = self._source.streams[0]
        except (av.FFmpegError, IndexError) as error:
            raise StateError(f"a {frame.codec} key frame makes no sense") from error

    @property
    def size(self) -> tuple[int, int]:
        """Width and height; of sound (0, 0)."""
        context = self.stream.codec_context
        if self.stream.type != "video":
            return 0, 0
        return int(context.width), int(context.height)


def _opened(frame: Frame) -> Any:
    """The frame as a file that FFmpeg can open."""
    if frame.codec == "opus":
        return av.open(_silence())
    if frame.codec in _RAW:
        return av.open(io.BytesIO(frame.data), format=_RAW[frame.codec])
    fourcc, length = _FOURCC[frame.codec], len(frame.data)
    head = _IVF.pack(b"DKIF", 0, 32, fourcc, 0, 0, 30, 1, 1, 0, length, 0)
    return av.open(io.BytesIO(head + frame.data), format="ivf")


def _silence() -> io.BytesIO:
    """A file with one packet of Opus: every stream of WebRTC is 48 kHz stereo."""
    made = io.BytesIO()
    with av.open(made, "w", format="matroska") as container:
        stream = container.add_stream("libopus", rate=48000, layout="stereo")
        frame = av.AudioFrame(format="s16", layout="stereo", samples=960)
        frame.sample_rate, frame.pts = 48000, 0
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    made.seek(0)
    return made


class MediaWriter:
    """One file.  Raises `StateError` when it cannot be written, at any time."""

    def __init__(self, path: Path, templates: Mapping[int, Template]) -> None:
        check_name(path)
        self.path = path
        self.frames: dict[str, int] = {}
        sizes = [each.size for each in templates.values() if each.size[0]]
        self.size = sizes[0] if sizes else (0, 0)
        self._codecs = {track: each.codec for track, each in templates.items()}
        for codec in self._codecs.values():
            check_codec(path, codec)
        options = {**FORMATS[path.suffix.lower()][0], **ALWAYS}
        try:
            path.touch()  # FFmpeg would find out at the first packet only
            self._container = av.open(str(path), "w", options=options)
        except OSError as error:
            raise self._failed(error) from None
        self._streams = {
            track: self._container.add_stream_from_template(each.stream, opaque=True)
            for track, each in templates.items()
        }
        self._kinds = {track: each.stream.type for track, each in templates.items()}

    def takes(self, track: int, codec: str) -> bool:
        """Whether that track with that codec is in the file."""
        return self._codecs.get(track) == codec

    def write(self, track: int, frame: Frame, time_s: float) -> None:
        """One frame at its time, which never falls within a track."""
        packet = av.Packet(frame.data)
        packet.pts = packet.dts = round(time_s / CLOCK)
        packet.time_base = CLOCK
        packet.is_keyframe = frame.key
        packet.stream = self._streams[track]
        try:
            self._container.mux_one(packet)
        except OSError as error:
            raise self._failed(error) from None
        kind = self._kinds[track]
        self.frames[kind] = self.frames.get(kind, 0) + 1

    def close(self) -> None:
        """Write what is due at the end: the length, and an index for seeking."""
        try:
            self._container.close()
        except OSError as error:
            raise self._failed(error) from None

    def _failed(self, error: OSError) -> StateError:
        said = (error.strerror or str(error)).lower()
        return StateError(
            f"{self.path} cannot be written: {said}; what was recorded can be played"
            if self.frames
            else f"{self.path} cannot be written: {said}"
        )
