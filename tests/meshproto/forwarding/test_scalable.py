"""Parts of a scalable stream."""

from __future__ import annotations

import pytest

from meshproto.forwarding.packet import Packet
from meshproto.forwarding.scalable import LayerFilter
from meshproto.wire.descriptor import FrameFacts


def packet(**facts: bool | int) -> Packet:
    return Packet(
        1,
        1,
        b"x",
        payload_type=98,
        codec="vp9",
        marker=False,
        carried=(),
        facts=FrameFacts(**({"start": True} | facts)),  # type: ignore[arg-type]
        arrival=0.0,
    )


def takes(layers: LayerFilter, **facts: bool | int) -> bool:
    return layers.takes(packet(**facts))


def test_without_caps_everything_passes() -> None:
    layers = LayerFilter(None, None)
    assert layers.idle
    assert takes(layers, spatial=2, temporal=2)


def test_temporal_layers_are_dropped_at_the_next_frame() -> None:
    layers = LayerFilter(None, 0)
    assert takes(layers, temporal=2, start=False)
    assert takes(layers, temporal=0)
    assert not takes(layers, temporal=1)
    assert not takes(layers, temporal=1, start=False)


def test_temporal_layers_are_entered_where_a_frame_starts_one() -> None:
    layers = LayerFilter(None, 0)
    takes(layers, temporal=0)
    layers.cap(None, None)
    assert not takes(layers, temporal=2)
    assert takes(layers, temporal=1, switch_up=True)
    assert not takes(layers, temporal=2)
    assert takes(layers, temporal=2, switch_up=True)
    assert not layers.idle
    assert takes(layers, keyframe=True)
    assert layers.idle


def test_a_cap_bounds_where_a_frame_could_lead() -> None:
    layers = LayerFilter(None, 0)
    takes(layers, temporal=0)
    layers.cap(None, 1)
    assert not takes(layers, temporal=2, switch_up=True)
    assert takes(layers, temporal=1, switch_up=True)


@pytest.mark.parametrize("opening", ["keyframe", "spatial_switch"])
def test_spatial_layers_are_entered_at_a_picture_that_depends_on_none(
    opening: str,
) -> None:
    layers = LayerFilter(0, None)
    assert takes(layers, spatial=1)  # within a picture nothing changes
    assert takes(layers, spatial=0)
    assert not takes(layers, spatial=1)
    layers.cap(1, None)
    assert layers.needs_key
    assert not takes(layers, spatial=1)
    assert takes(layers, **{opening: True})
    assert not layers.needs_key
    assert takes(layers, spatial=1)
    assert not takes(layers, spatial=2)


def test_the_last_packet_of_a_cut_picture_is_marked() -> None:
    layers = LayerFilter(1, None)
    takes(layers, spatial=0)
    assert not layers.ends_picture(packet(spatial=0, end=True))
    assert not layers.ends_picture(packet(spatial=1, end=False))
    assert layers.ends_picture(packet(spatial=1, end=True))
