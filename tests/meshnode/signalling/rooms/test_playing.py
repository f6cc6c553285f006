"""How much of a picture is of use: by its size, by choice, and under loss."""

from __future__ import annotations

import pytest

from meshnode.signalling.members import Layer, Track
from meshnode.signalling.rooms.playing import LOSS_MAX, Playing
from meshnode.signalling.stream import Stream
from meshnode.signalling.tracks import Outlet, Source
from meshproto.ids import ConsumerId, ProducerId, StreamName
from meshproto.wire.parameters import Codec, MediaKind

VP8 = (Codec(96, "vp8", 90000),)
SIZES = {"l": (320, 180), "m": (640, 360), "h": (1280, 720)}


def stream(sizes: dict[str, tuple[int, int]]) -> Stream:
    layers = {
        rid: Layer("vp8", bitrate_bps=100_000 * (n + 1), width=width, height=height)
        for n, (rid, (width, height)) in enumerate(sizes.items())
    }
    track = Track(ProducerId(1), MediaKind.VIDEO, "0", VP8, tuple(sizes), layers)
    return Stream(StreamName("green~ann~v0"), 0.0, tracks=(track,))


def playing(size: tuple[int, int] | None) -> Playing:
    outlet = Outlet(ConsumerId(1), Source(MediaKind.VIDEO, VP8, "ann", "ann-v0"))
    return Playing("ann", "v0", outlet, size=size)


@pytest.mark.parametrize(
    ("size", "chosen", "loss", "rid"),
    [
        (None, None, 0.0, None),
        (None, "m", 0.0, "m"),
        ((374, 210), None, 0.0, "l"),
        ((374, 210), "h", 0.0, "l"),
        ((374, 210), None, 0.5, "l"),
        ((700, 394), None, 0.0, "m"),
        ((700, 394), "l", 0.0, "l"),
        ((700, 394), None, LOSS_MAX * 1.1, None),
        ((1600, 900), None, 0.0, None),
        ((1600, 900), "m", 0.5, "m"),
    ],
)
def test_the_best_layer_that_is_of_use(
    size: tuple[int, int] | None, chosen: str | None, loss: float, rid: str | None
) -> None:
    assert playing(size).most(stream(SIZES), chosen, loss) == rid


def test_without_layers_there_is_nothing_to_choose() -> None:
    assert playing((10, 10)).most(stream({"": (640, 360)}), None, 0.0) is None
    assert playing((10, 10)).most(None, None, 0.0) is None


def test_who_never_said_a_size_sees_all() -> None:
    assert not playing(None).hidden
    assert not playing((1, 1)).hidden
    assert playing((0, 0)).hidden
