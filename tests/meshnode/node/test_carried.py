"""Streams that legs bring: only the layers that somebody here has use for."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshnode import LocalTrack, MeshNode
from meshnode.node.local import LocalPublisher
from meshproto.wire import rtcp
from meshproto.wire.parameters import MediaKind
from support.control_world import until
from support.forwarding import OPUS, PUBLISHER_EXTENSIONS, VP8, Camera
from support.mesh_nodes import (
    Start,
    bring,
    chain,
    knows,
    mesh,
    mesh_nodes,
    ready,
)

RIDS = ("f", "h", "q")
FRAME_S = 1 / 30


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with mesh_nodes() as begin:
        yield begin


class Simulcast:
    """Publishes three layers and sound; each makes a key frame when asked to."""

    def __init__(self, node: MeshNode) -> None:
        picture = LocalTrack(MediaKind.VIDEO, VP8, PUBLISHER_EXTENSIONS, RIDS)
        tracks = [LocalTrack(MediaKind.AUDIO, OPUS), picture]
        self.publisher: LocalPublisher = node.publish("cam", tracks, owner="key")
        self.cameras = {
            rid: Camera(ssrc=10 + place, mid="1", rid=rid, size=size)
            for place, (rid, size) in enumerate(
                {"f": 4000, "h": 1500, "q": 400}.items()
            )
        }
        self._sound = Camera(ssrc=9, codec=OPUS, mid="0", fps=50, size=80)
        self.publisher.on_feedback(self._asked)

    def _asked(self, compound: bytes) -> None:
        for packet in rtcp.parse(compound):
            if isinstance(packet, rtcp.PictureLossIndication):
                for camera in self.cameras.values():
                    camera.asked |= camera.ssrc == packet.media_ssrc

    async def run(self) -> None:
        while not self.publisher.closed:
            self.publisher.send_rtp(0, *self._sound.frame())
            for camera in self.cameras.values():
                self.publisher.send_rtp(1, *camera.frame())
            await asyncio.sleep(FRAME_S)


@contextlib.asynccontextmanager
async def simulcast(node: MeshNode) -> AsyncIterator[Simulcast]:
    found = Simulcast(node)
    task = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        task.cancel()
        found.publisher.close()


def crossed(node: MeshNode) -> dict[str, int]:
    """Packets of each picture layer that came over the link to this node."""
    figures: Any = node._parts.port.plane.producer_stats()
    return {
        rid: layer["packets"]
        for producer in figures.values()
        for rid, layer in producer["layers"].items()
        if rid
    }


async def test_only_layers_that_a_viewer_has_use_for_cross_the_links(
    start: Start,
) -> None:
    first, middle, last = await chain(start)
    async with simulcast(first):
        await until(lambda: knows(last, "cam"), "the stream is known")
        await bring(last)
        with last.subscribe("cam") as viewer:
            await until(lambda: crossed(last)["q"] > 60, "the low layer comes")
            (tree,) = mesh(last).trees
            for node in (middle, last):
                assert crossed(node)["h"] == crossed(node)["f"] == 0
            viewer.select(1, "h")
            await until(lambda: crossed(last)["h"] > 60, "the layer that was chosen")
            assert crossed(last)["f"] == crossed(middle)["f"] == 0
            await until(lambda: _shown(last) == "h", "and is shown")
            await until(Rest(last, "q"), "the low one is let go")
            viewer.select(1, "q")
            await until(lambda: _shown(last) == "q", "it comes back")
        if ready(last) == 1:
            assert tree.parent == mesh(middle).node


def _shown(node: MeshNode) -> str | None:
    (stream,) = node._parts.streams
    (viewer,) = stream.viewers.values()
    return viewer.legs[1].layer


class Rest:
    """Whether nothing of a layer came while many packets of others did."""

    def __init__(self, node: MeshNode, rid: str) -> None:
        self._node = node
        self._rid = rid
        self._before = self._now()

    def _now(self) -> tuple[int, int]:
        counts = crossed(self._node)
        own = counts.pop(self._rid)
        return own, sum(counts.values())

    def __call__(self) -> bool:
        own, others = self._now()
        if own != self._before[0]:
            self._before = own, others
        return others - self._before[1] > 60
