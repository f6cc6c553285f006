"""A recording: sessions of a stream, one after the other, into one file.

A session is what lies between two interruptions: a publisher that comes back may have
other tracks, sizes and clocks.  Sizes may change within a file, codecs and the number
of tracks may not, so where those differ the recording goes on in a second file whose
name says so (`talk.mkv`, `talk-2.mkv`), on the same time line.

Nothing is written before the tracks and the time line are known.  What comes meanwhile
is held, within limits; a track that is later than that is another reason for a next
file, but for sound, which has a place in every file.

A node begins with the key frame that it has kept and lets the viewer catch up, all of
that dated as it leaves: right to look at, and wrong to the sound (RFC 0003 section
6.2).  So where a second key frame comes while things are held, which is asked for,
pictures of a session begin with that one.

Everything here may block on the disk: call it from a thread, one call at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from meshnode.recording.formats import check_codec, check_name
from meshnode.recording.frames import Frame, Frames
from meshnode.recording.payloads import joiner
from meshnode.recording.reorder import Packet
from meshnode.recording.timeline import SETTLE_S, Timeline
from meshproto.errors import StateError
from meshproto.wire.parameters import MediaKind

if TYPE_CHECKING:
    from meshnode.recording.container import MediaWriter

HELD_BYTES_MAX = 32 << 20


@dataclass(frozen=True, slots=True)
class TrackInfo:
    """A track of a session: its kind, codec in lower case, and clock rate."""

    kind: MediaKind
    codec: str
    clock_rate_hz: int


class Report(NamedTuple):
    """What a sender report says of a track: 64 bit NTP time, and its timestamp."""

    ntp_time: int
    timestamp: int


class Held(NamedTuple):
    """A frame that waits for the file to begin."""

    slot: int
    frame: Frame


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a recording; `frames` by kind, `left_out` those with holes."""

    files: tuple[Path, ...]
    frames: dict[str, int]
    duration_s: float
    left_out: int
    lost: int


class Recording:
    """Writes a stream to `path`.  Raises `StateError` when that does not work."""

    def __init__(self, path: Path) -> None:
        check_name(path)
        self._path = path
        self._timeline = Timeline()
        self._slots: list[int] = []
        self._tracks: dict[int, TrackInfo] = {}
        self._frames: dict[int, Frames] = {}
        self._keys: dict[int, Frame] = {}
        self._begins: dict[int, int] = {}
        self._awaited: set[int] = set()
        self._held: list[Held] = []
        self._held_bytes = 0
        self._began_s: float | None = None
        self._writer: MediaWriter | None = None
        self._files: list[Path] = []
        self._written: dict[str, int] = {}
        self._left_out = 0
        self._lost = 0

    # -- a session ---------------------------------------------------------------------

    def begin(self, tracks: Sequence[TrackInfo]) -> None:
        """A session begins with these tracks, in the order of the stream's."""
        usable = [track for track in tracks if joiner(track.codec) is not None]
        for track in usable:
            check_codec(self._path, track.codec)
        if not usable:
            names = ", ".join(track.codec for track in tracks) or "no track"
            raise StateError(f"the stream has nothing that can be recorded: {names}")
        self._slots = _slots(tracks)
        self._tracks = {
            slot: track
            for slot, track in zip(self._slots, tracks, strict=True)
            if track in usable
        }
        self._frames = {slot: Frames(t.kind) for slot, t in self._tracks.items()}
        self._keys.clear()
        self._begins = {
            slot: 0 for slot, t in self._tracks.items() if t.kind is MediaKind.VIDEO
        }
        self._began_s = None
        self._timeline.begin({s: t.clock_rate_hz for s, t in self._tracks.items()})

    def packet(self, track: int, packet: Packet) -> None:
        """A packet of a track came."""
        slot = self._slots[track]
        if slot in self._frames:
            for frame in self._frames[slot].push(packet):
                self._came(slot, frame)

    def report(self, track: int, report: Report) -> None:
        """A sender report about a track came."""
        slot = self._slots[track]
        if slot in self._frames:
            timestamp = self._frames[slot].extend(report.timestamp)
            self._timeline.report(slot, report.ntp_time, timestamp)

    def wants_key(self, track: int) -> bool:
        """Whether nothing can be recorded of that track before a key frame."""
        slot = self._slots[track]
        return (
            slot in self._awaited
            or self._begins.get(slot) == 1
            or (slot in self._frames and self._frames[slot].wants_key)
        )

    def end(self) -> None:
        """The session is over; another may begin."""
        for slot, frames in self._frames.items():
            for frame in frames.flush():
                self._came(slot, frame)
            self._left_out += frames.left_out
            self._lost += frames.lost
        self._frames = {}
        if self._held:
            self._drain(self._held[-1].frame.at_s, last=True)

    def close(self) -> Summary:
        """Complete the file."""
        try:
            self.end()
        finally:
            self._close_file()
        return Summary(
            tuple(self._files),
            dict(self._written),
            self._timeline.end_s,
            self._left_out,
            self._lost,
        )

    @property
    def end_s(self) -> float:
        """How long the recording is."""
        return self._timeline.end_s

    @property
    def began_at_s(self) -> float | None:
        """When its first picture arrived, None before that."""
        return self._timeline.began_at_s

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first picture; (0, 0) while there is none."""
        return (0, 0) if self._writer is None else self._writer.size

    # -- inside ------------------------------------------------------------------------

    def _came(self, slot: int, frame: Frame) -> None:
        if self._began_s is None:
            self._began_s = frame.at_s
        if frame.key:
            self._keys[slot] = frame
            if slot in self._begins:
                self._again(slot)
        self._timeline.arrived(slot, frame.timestamp, frame.at_s)
        self._held.append(Held(slot, frame))
        self._held_bytes += len(frame.data)
        self._drain(frame.at_s, last=self._held_bytes > HELD_BYTES_MAX)

    def _again(self, slot: int) -> None:
        """A key frame early in a session: with the second one it begins anew."""
        self._begins[slot] += 1
        if self._begins[slot] == 2:
            self._held = [held for held in self._held if held.slot != slot]
            self._held_bytes = sum(len(held.frame.data) for held in self._held)

    def _drain(self, now_s: float, *, last: bool = False) -> None:
        """Write what is held as soon as everything is known; `last`: at all events."""
        if not last and not (self._complete(now_s) and self._timeline.ready(now_s)):
            return
        held, self._held, self._held_bytes = self._held, [], 0
        if held:
            self._begins = {}
        if held and not self._timeline.started:
            slot, frame = held[0] if self._files else self._first_picture(held)
            self._timeline.start(slot, frame.timestamp, frame.at_s)
        self._timeline.settle()
        for slot, frame in held:
            self._write(slot, frame)

    def _complete(self, now_s: float) -> bool:
        """Whether every picture that a new file should have is here."""
        writer = self._writer
        if writer and all(writer.takes(s, frame.codec) for s, frame in self._held):
            return True
        videos = [s for s, t in self._tracks.items() if t.kind is MediaKind.VIDEO]
        began_s = now_s if self._began_s is None else self._began_s
        return all(s in self._keys for s in videos) or now_s - began_s >= SETTLE_S

    def _first_picture(self, held: list[Held]) -> Held:
        """What a recording begins with: sound before that has a time below zero."""
        for each in held:
            if self._tracks[each.slot].kind is MediaKind.VIDEO:
                return each
        return held[0]

    def _write(self, slot: int, frame: Frame) -> None:
        if self._writer is None or not self._writer.takes(slot, frame.codec):
            self._writer = self._next_file()
        if slot in self._awaited:
            if not frame.key:
                self._left_out += 1
                return
            self._awaited.discard(slot)
        time_s = self._timeline.at(slot, frame.timestamp, frame.at_s)
        if time_s >= 0:
            self._writer.write(slot, frame, time_s)

    def _next_file(self) -> MediaWriter:
        """A file for the tracks that are there, and for all sound.

        Pictures wait for their next key frame, unless it is the one at hand.
        """
        # why here: FFmpeg is 16 MB, and this runs in a thread
        from meshnode.recording.container import (  # noqa: PLC0415
            MediaWriter,
            Template,
        )

        self._close_file()
        firsts = dict(self._keys)
        for slot, track in self._tracks.items():
            if track.kind is MediaKind.AUDIO:
                firsts.setdefault(slot, Frame(track.codec, b"", True, 0, 0.0))
        templates = {slot: Template(firsts[slot]) for slot in sorted(firsts)}
        self._awaited = {s for s in firsts if self._tracks[s].kind is MediaKind.VIDEO}
        path, number = self._path, len(self._files) + 1
        if number > 1:
            path = path.with_name(f"{path.stem}-{number}{path.suffix}")
        writer = MediaWriter(path, templates)
        self._files.append(path)
        return writer

    def _close_file(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        for kind, count in writer.frames.items():
            self._written[kind] = self._written.get(kind, 0) + count
        writer.close()


def _slots(tracks: Sequence[TrackInfo]) -> list[int]:
    """A number for each track by kind and place among its kind: the second video of
    one session is the second video of the next, whatever lies between.
    """
    counts = {MediaKind.VIDEO: 0, MediaKind.AUDIO: 1}
    slots = []
    for track in tracks:
        slots.append(counts[track.kind])
        counts[track.kind] += 2
    return slots
