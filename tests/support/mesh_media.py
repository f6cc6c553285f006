"""Media as the directory tells it, for tests."""

from __future__ import annotations

from meshproto.wire.control.directory import Layer, Media, Track, TrackKind


def media(codec: str = "vp8") -> Media:
    layer = Layer("", 1_000_000, 640, 360, 30.0)
    return Media(False, (Track("0", TrackKind.VIDEO, codec, 90_000, "", (layer,)),))
