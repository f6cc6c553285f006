"""Runs a plane by itself, or a loop beside it, under the same publisher and crowd."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from bench.child import child
from bench.cost import Cost, measure_cost
from bench.crowd_load import Crowd, gathered, sealed
from bench.load import Ages, Publisher
from bench.shapes import Shape

SEAL = "seal"
TAG = bytes(16)
"""As long as what the planes' packets have behind them."""


async def run(plane: str, shape: Shape, viewers: int, duration_s: float) -> Cost:
    """One publisher to `viewers` through plane `plane` (reference or native)."""
    with gathered(viewers, shape.kind) as crowd:
        async with child("bench.plane_child") as server:
            order = {"plane": plane, "kind": shape.kind, "viewers": viewers}
            await server.tell(order)
            address = ("127.0.0.1", (await server.hear())["port"])
            live = asyncio.create_task(server.hear())
            await crowd.enter(address, live)
            source = Publisher(shape, sealed(crowd.publisher, address))
            return await _measured(server.pid, source, crowd, duration_s)


async def copies(how: str, shape: Shape, viewers: int, duration_s: float) -> Cost:
    """The same through a loop that copies in a way (see `_native.Copies`)."""
    with gathered(viewers, shape.kind) as crowd:
        async with child("bench.copies") as server:
            address = ("127.0.0.1", (await server.hear())["port"])
            await server.tell({"viewers": crowd.addresses, "how": how})

            def send(packets: Sequence[bytes]) -> None:
                for packet in packets:
                    crowd.publisher.sendto(packet + TAG, address)

            source = Publisher(shape, send)
            # what is only sealed arrives nowhere, and all of it was
            sealed = (lambda: source.sequence * viewers) if how == SEAL else None
            return await _measured(server.pid, source, crowd, duration_s, sealed)


async def _measured(
    pid: int,
    source: Publisher,
    crowd: Crowd,
    duration_s: float,
    count: Callable[[], int] | None = None,
) -> Cost:
    viewers = len(crowd.viewers)
    return await measure_cost(
        pid, source, count or crowd.total, Ages(), viewers, duration_s
    )
