"""The stories behind the vectors of RFC 0003, told with a `Rig`.

Small packets and few frames: a person must be able to read the files.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from meshproto.forwarding.table import Selection, SetSelection
from meshproto.ids import ConsumerId
from meshproto.wire import rtcp
from support.forwarding import OPUS, VIEWER_VP8, VP8, Camera, Rig
from support.forwarding_vectors import Drawing, Recorder

PUBLISHER, VIEWER, LATE = 1, 2, 3
FRAME_S = 0.1


@dataclass
class SmallCamera(Camera):
    """Ten frames a second of one packet, key frames of four that differ by an octet."""

    fps: int = 10
    size: int = 120
    mtu: int = 300

    def packet(
        self, size: int, first: bool, last: bool, key: bool = False, tid: int = 0
    ) -> bytes:
        """Every other packet is shorter by an octet, as libwebrtc's are."""
        return super().packet(size - self.serial % 2, first, last, key, tid)


def sound_and_picture(rig: Rig) -> None:
    """Both kinds under the viewer's payload types and ids; sender reports."""
    video, audio = _camera(), Camera(ssrc=0x2222, codec=OPUS, mid="1", size=40, fps=10)
    rig.publish(1, PUBLISHER, VP8, mid="0")
    rig.publish(2, PUBLISHER, OPUS, mid="1")
    rig.watch(1, 1, VIEWER, VIEWER_VP8, sequence=700, timestamp=9_000)
    rig.watch(2, 2, VIEWER, OPUS, rtx=False, sequence=20, timestamp=1)
    for number in range(12):
        if number == 3:
            reports = (video.report(3e9), audio.report(3e9))
            rig.tell(PUBLISHER, *reports)
        rig.send(PUBLISHER, *video.frame(), *audio.frame())
        rig.pass_time(FRAME_S)


def simulcast_switch(rig: Rig) -> None:
    """From the low layer to the high one, at the high one's key frame."""
    low = SmallCamera(ssrc=0x1111, mid="0", rid="l", timestamp=50_000)
    high = SmallCamera(
        ssrc=0x3333, mid="0", rid="h", timestamp=777_000, size=200, picture_id=9_000
    )
    rig.publish(1, PUBLISHER, VP8, mid="0", rids=("l", "h"))
    rig.watch(1, 1, VIEWER, VIEWER_VP8, selection=Selection("l"), sequence=100)
    for number in range(10):
        if number == 1:
            rig.tell(PUBLISHER, low.report(3e9), high.report(3e9 + 0.05))
        if number == 4:
            _select(rig, Selection("h"))
        rig.send(PUBLISHER, *low.frame(), *high.frame(key=number in {0, 7}))
        rig.pass_time(FRAME_S)


def nack(rig: Rig, *, rtx: bool) -> None:
    """The viewer lost packets, and asks again too soon, and for one never sent."""
    camera = _camera()
    rig.publish(1, PUBLISHER, VP8, mid="0")
    ssrc = rig.watch(1, 1, VIEWER, VIEWER_VP8, rtx=rtx, sequence=500)
    rig.roll(PUBLISHER, camera, 0.5)
    lost = rtcp.Nack.of(9, ssrc, [501, 503])
    rig.tell(VIEWER, lost)
    rig.pass_time(0.01)
    rig.tell(VIEWER, lost, rtcp.Nack.of(9, ssrc, [499, 9_999]))
    rig.pass_time(FRAME_S)
    rig.tell(VIEWER, lost)
    rig.roll(PUBLISHER, camera, 0.2)


def late_joiner(rig: Rig) -> None:
    """A second viewer begins with the key frame of 0.8 s ago and catches up."""
    camera = _camera()
    rig.publish(1, PUBLISHER, VP8, mid="0")
    rig.watch(1, 1, VIEWER, VIEWER_VP8)
    rig.roll(PUBLISHER, camera, 0.8)
    rig.client(LATE)
    rig.watch(2, 1, LATE, VIEWER_VP8, sequence=300, timestamp=1_000)
    rig.drain()
    rig.roll(PUBLISHER, camera, 1.2)


def wrap_around(rig: Rig) -> None:
    """Every number wraps: sequence and timestamp on both sides, VP8's own."""
    camera = SmallCamera(
        mid="0", sequence=65_533, timestamp=2**32 - 15_000, picture_id=0x7FFD, tl0=253
    )
    rig.publish(1, PUBLISHER, VP8, mid="0")
    first = {"sequence": 65_531, "timestamp": 2**32 - 30_000}
    ssrc = rig.watch(1, 1, VIEWER, VIEWER_VP8, **first)
    rig.roll(PUBLISHER, camera, 0.8)
    rig.tell(VIEWER, rtcp.Nack.of(9, ssrc, [65_535, 0]))


def temporal_layer(rig: Rig) -> None:
    """The upper temporal layer is left out for a while; no number is missing."""
    camera = SmallCamera(mid="0", temporal=2)
    rig.publish(1, PUBLISHER, VP8, mid="0")
    rig.watch(1, 1, VIEWER, VIEWER_VP8, sequence=40)
    rig.roll(PUBLISHER, camera, 0.5)
    _select(rig, Selection(max_temporal=0))
    rig.roll(PUBLISHER, camera, 0.6)
    _select(rig, Selection())
    rig.roll(PUBLISHER, camera, 0.5)


def _camera() -> Camera:
    return SmallCamera(mid="0")


def _select(rig: Rig, selection: Selection) -> None:
    rig.forwarder.program(SetSelection(ConsumerId(1), selection), rig.now)
    rig.drain()


STORIES: dict[str, Callable[[Rig], None]] = {
    "sound-and-picture": sound_and_picture,
    "simulcast-switch": simulcast_switch,
    "nack-rtx": partial(nack, rtx=True),
    "nack-plain": partial(nack, rtx=False),
    "late-joiner": late_joiner,
    "wrap-around": wrap_around,
    "temporal-layer": temporal_layer,
}


def record(story: Callable[[Rig], None], seed: int) -> dict[str, Any]:
    """The vector of one story."""
    drawing = Drawing(seed)
    rig = Rig()
    rig.forwarder = recorder = Recorder(rig.config, drawing)
    rig.client(PUBLISHER)
    rig.client(VIEWER)
    story(rig)
    about = (story.func if isinstance(story, partial) else story).__doc__
    return {
        "about": f"RFC 0003: {about}",
        "config": {},
        "random": drawing.drawn,
        "steps": recorder.steps,
    }


CASES = {
    name: partial(record, story, seed)
    for seed, (name, story) in enumerate(STORIES.items(), 1)
}
