"""The packet path of a node panics under a live viewer and a live link: media goes on.

A real viewer (aiortc: ICE, DTLS, SRTP) watches at the second of two nodes what the
first publishes, one packet in 20 ms.  The worker fails in the midst of everything that
it does (`engine/faults.rs`), at the node of the viewer and at that of the publisher.
What comes back is the same session and the same link: nobody dials, checks or shakes
hands again.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshnode import MeshNode
from meshnode.media import native
from support.control_world import until
from support.mesh_nodes import knows, mesh_nodes, ready, source
from support.rtc import Viewer

BACK_S = 0.2
TRIES = 3
"""A busy machine may keep anybody waiting for so long: not in each try."""
PLACES = (
    "order",
    "flush",
    "opened",
    "sealed",
    "checked",
    "handed-up",
    "due",
    "leaving",
)
CHECKED_S = 20.0
"""A client of aiortc checks every five seconds."""
SOME = 15


class Arrivals:
    """When which packet came to the viewer, by its number."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, int]] = []

    def hear(self, viewer: Viewer) -> None:
        """Take over from aiortc's decoder, behind its ICE, DTLS and SRTP."""
        receiver = viewer.pc.getTransceivers()[0].receiver
        receiver._handle_rtp_packet = self._take

    async def _take(self, packet: Any, arrival_time_ms: int) -> None:
        del arrival_time_ms
        self.seen.append((time.monotonic(), packet.sequence_number))

    async def more(self, count: int) -> None:
        goal = len(self.seen) + count
        await until(lambda: len(self.seen) >= goal, f"{count} more packets")

    def worst_gap_s(self, first: int) -> float:
        """From the packet before `first` on, in the order in which they came."""
        times = [at for at, _ in self.seen[first - 1 :]]
        return max(later - sooner for sooner, later in itertools.pairwise(times))

    def missing(self) -> int:
        """Numbers between the first and the last that never came."""
        numbers = [number for _, number in self.seen]
        span = (max(numbers) - min(numbers) + 1) if numbers else 0
        return span - len(set(numbers))


def failures(node: MeshNode) -> int:
    plane = node._parts.port.plane
    drops: dict[str, int] = plane.stats()["drops"]
    return drops.get("internal-error", 0)


def transports(node: MeshNode) -> set[int]:
    """Which there are; none gets a number that another had."""
    return set(node._parts.port.plane._kinds)


def engine(node: MeshNode) -> Any:
    return node._parts.port.plane._engine


@contextlib.asynccontextmanager
async def watched() -> AsyncIterator[tuple[MeshNode, MeshNode, Viewer, Arrivals]]:
    """Publisher's node, viewer's node, viewer, and what comes to it."""
    async with mesh_nodes() as start:
        first = await start(plane="native")
        second = await start(first, plane="native")
        await until(lambda: ready(first) == ready(second) == 1, "a link")
        async with source(first):
            await until(lambda: knows(second, "cam"), "the stream is known")
            arrivals = Arrivals()
            async with Viewer(second.urls["whep"] + "cam", "audio") as viewer:
                arrivals.hear(viewer)
                await arrivals.more(SOME)
                yield first, second, viewer, arrivals


async def fail(node: MeshNode, place: str, arrivals: Arrivals) -> tuple[float, int]:
    """Fail once there; the worst gap until media is back, and packets lost."""
    known, missed, begin = failures(node), arrivals.missing(), len(arrivals.seen)
    engine(node).panic(place)
    await until(lambda: failures(node) > known, f"a fault at {place}", CHECKED_S)
    await arrivals.more(SOME)
    return arrivals.worst_gap_s(begin), arrivals.missing() - missed


@pytest.mark.timeout(180)
async def test_wherever_the_packet_path_fails_viewer_and_link_stay() -> None:
    if why := native.missing():
        pytest.skip(why)
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with watched() as (first, second, viewer, arrivals):
        before = [transports(node) for node in (first, second)]
        for node, place in [
            *((second, place) for place in PLACES),
            *((first, place) for place in PLACES if place not in ("checked", "opened")),
        ]:
            found = [await fail(node, place, arrivals)]
            while found[-1][0] >= BACK_S and len(found) < TRIES:
                found.append(await fail(node, place, arrivals))
            where = f"{place} at the {'viewer' if node is second else 'publisher'}"
            assert found[-1][0] < BACK_S, f"{where}: {found}"
            assert min(lost for _, lost in found) <= 1, f"{where}: {found}"
        assert viewer.pc.connectionState == "connected"
        assert [transports(node) for node in (first, second)] == before
        assert ready(first) == ready(second) == 1
