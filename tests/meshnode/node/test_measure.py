"""Figures of the packet path in status and metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from support.control_world import until
from support.mesh_nodes import (
    Start,
    bring,
    knows,
    mesh_nodes,
    source,
)

LOSS, QUEUE = "leg_loss_ratio_max", "leg_queue_seconds_max"


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with mesh_nodes() as begin:
        yield begin


async def test_what_children_report_of_their_legs_is_in_the_figures(
    start: Start,
) -> None:
    first = await start()
    second = await start(first, plane="reference")  # it is made to lose below
    assert first.status().gauges[LOSS] == first.status().gauges[QUEUE] == 0
    async with source(first):
        await until(lambda: knows(second, "cam"), "the stream is known")
        await bring(second)
        with second.subscribe("cam"):
            await until(lambda: first.status().gauges[QUEUE] > 0, "a report came")
            ingress = second._parts.port.plane._ingress  # type: ignore[attr-defined]
            media, seen = ingress._media, 0

            def lossy(datagram: bytes, remote: object, is_rtcp: bool) -> None:
                nonlocal seen
                seen += 1
                if is_rtcp or seen % 3:
                    media(datagram, remote, is_rtcp)

            ingress._media = lossy
            await until(lambda: first.status().gauges[LOSS] > 0.1, "losses are seen")
    assert second.status().gauges[LOSS] == 0
