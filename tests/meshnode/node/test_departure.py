"""What of a published stream is told to the mesh, and how often."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from meshnode.node.departure import REFRESH_S, Departure
from meshnode.signalling.members import Layer, Publisher, Track
from meshproto.ids import ProducerId, StreamId, StreamName, TransportId
from meshproto.wire.control.directory import Media
from meshproto.wire.parameters import Codec, MediaKind

CAM = StreamName("cam")


@dataclass
class Mesh:
    told: list[tuple[Media, tuple[int, ...]]] = field(default_factory=list)

    def publish(
        self, name: StreamName, media: Media, rates: Any, secret: bytes | None = None
    ) -> StreamId:
        self.told.append((media, rates))
        return StreamId(bytes(16))


def departure() -> tuple[Departure, Mesh, Layer]:
    layer = Layer("vp8", bitrate_bps=1_000_000, width=640, height=360)
    codec = Codec(96, "vp8", 90_000)
    track = Track(ProducerId(1), MediaKind.VIDEO, "0", (codec,), layers={"": layer})
    found = Departure(StreamId(bytes(16)), CAM, None)
    found.publisher = Publisher(
        1, "whip", CAM, TransportId(1), lambda reason: None, 0.0, tracks=(track,)
    )
    mesh = Mesh()
    found.publish(mesh, 0.0)
    return found, mesh, layer


def test_nothing_new_is_not_told_again() -> None:
    found, mesh, _ = departure()
    found.refresh(mesh, 100.0)
    assert len(mesh.told) == 1


def test_a_rate_that_moves_is_told_to_trees_and_not_to_everybody() -> None:
    found, mesh, layer = departure()
    layer.bitrate_bps = 1_500_000
    found.refresh(mesh, REFRESH_S)
    (before, _), (after, rates) = mesh.told
    assert rates == (1_500_000,)
    assert after == before


def test_a_bitrate_far_off_and_another_size_are_told_to_everybody() -> None:
    found, mesh, layer = departure()
    layer.bitrate_bps = 2_500_000
    found.refresh(mesh, REFRESH_S)
    layer.width = 1_280
    found.refresh(mesh, 2 * REFRESH_S)
    media = [told[0].tracks[0].layers[0] for told in mesh.told]
    assert [(la.bitrate_bps, la.width) for la in media] == [
        (1_000_000, 640),
        (2_500_000, 640),
        (2_500_000, 1_280),
    ]


def test_changes_are_looked_at_only_now_and_then() -> None:
    found, mesh, layer = departure()
    layer.width = 1_280
    found.refresh(mesh, REFRESH_S / 2)
    assert len(mesh.told) == 1
    found.refresh(mesh, REFRESH_S)
    assert len(mesh.told) == 2
