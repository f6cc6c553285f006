"""What one more viewer costs in memory, of the plane alone and of both planes.

Two children carry the same stream, one to a few viewers and one to many; the difference
of their resident sets, after what the allocator holds for nobody was given back, is the
viewers'.  The whole node's figure, with its handshakes and sessions, is in `joins`.
"""

from __future__ import annotations

import asyncio

from bench import measure
from bench.child import child
from bench.compare import Scale
from bench.crowd_load import gathered, sealed
from bench.load import Publisher
from bench.record import Record
from bench.shapes import VIDEO_LOW
from meshnode.media import native

FEW = 10
HISTORY_S = 3.0
"""Longer than the history and the sent logs, so that both are full."""


async def resident(plane: str, viewers: int) -> int:
    """Octets of a plane's process that serves so many."""
    with gathered(viewers, VIDEO_LOW.kind) as crowd:
        async with child("bench.plane_child") as server:
            order = {"plane": plane, "kind": VIDEO_LOW.kind, "viewers": viewers}
            await server.tell(order)
            address = ("127.0.0.1", (await server.hear())["port"])
            await crowd.enter(address, asyncio.create_task(server.hear()))
            source = Publisher(VIDEO_LOW, sealed(crowd.publisher, address))
            await source.run(HISTORY_S)
            await server.tell({})
            await server.hear()
            return measure.rss_bytes(server.pid)


async def memory(scale: Scale) -> None:
    """KiB per viewer of each plane."""
    many = max(scale.crowds) + FEW
    record = Record("memory")
    planes = ["reference"] if native.missing() else ["reference", "native"]
    for plane in planes:
        each = []
        for _ in range(scale.repeats):
            grown = await resident(plane, many) - await resident(plane, FEW)
            each.append(grown / (many - FEW) / 1024)
        record.facts[plane] = {"viewers": many, "kib_per_viewer": each}
        print(f"KiB per viewer, of {many}, plane {plane:>9} {measure.Spread.of(each)}")
    record.write()
