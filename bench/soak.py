"""Minutes at seven tenths of the rate at which loss begins: nothing lost or grown.

The rate is that of frames; the stream is otherwise the one asked for.  It is raised by
a quarter at a time until a run loses packets, and again in a second try, so that a
moment in which others had the machine is no limit.  Where the highest rate loses
nothing there are twice as many viewers, from the lowest rate on.  Then the space
between the last clean rate and the first lossy one is halved twice.  Generator and
receivers are on this machine and may be what gives in first.

Viewers report nothing and ask for nothing again, so every packet that is missing in the
end was lost.  Resident memory is read every second; its growth is the line of least
squares through all readings but those of the first tenth, in which histories fill.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench import measure, plane_run
from bench.child import Child, child
from bench.compare import Scale
from bench.cost import LINGER_S
from bench.crowd_load import Crowd, gathered, sealed
from bench.load import Publisher
from bench.record import Record
from bench.shapes import Shape
from meshnode.media import native

PLANE = "native"
SHARE = 0.7
FIRST_HZ, MOST_HZ = 60, 400
"""Frames a second; above the last congestion control would hold a viewer's picture."""
MOST_VIEWERS = 3_200
HALVINGS = 2
READING_S, READINGS_MIN = 1.0, 40
PIECE_S = 60.0
"""Between two lines that tell how it goes."""
GROWTH_MAX_MB_H = 1.0
HOUR_S = 3_600.0


@dataclass(slots=True)
class Soaked:
    """What became of the process and its packets; `rss` is (second, octets)."""

    expected: int = 0
    delivered: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    rss: list[tuple[float, int]] = field(default_factory=list)
    drops: dict[str, int] = field(default_factory=dict)
    closed_s: float = 0.0
    status: int | None = None

    @property
    def lost(self) -> int:
        """Packets that nobody got."""
        return self.expected - self.delivered

    @property
    def growth_mb_h(self) -> float | None:
        """Of resident memory, 10^6 octets an hour; None: it was too short to tell."""
        settled = self.rss[len(self.rss) // 10 :]
        if len(settled) < READINGS_MIN:
            return None
        return slope(settled) * HOUR_S / 1e6

    @property
    def is_fine(self) -> bool:
        """Nothing lost, no growth to speak of, and a clean end."""
        grown = self.growth_mb_h
        held = grown is None or grown < GROWTH_MAX_MB_H
        return self.lost == 0 and held and self.status == 0


def slope(points: Sequence[tuple[float, int]]) -> float:
    """Of the least squares line through at least two points."""
    mean_t = sum(t for t, _ in points) / len(points)
    mean_v = sum(v for _, v in points) / len(points)
    over = sum((t - mean_t) ** 2 for t, _ in points)
    return sum((t - mean_t) * (v - mean_v) for t, v in points) / over


async def onset(
    shape: Shape, viewers: int, duration_s: float
) -> tuple[int, int | None]:
    """Viewers, and the least rate of those tried that loses packets, None if none."""
    while viewers < MOST_VIEWERS:
        if rate_hz := await _onset_of(shape, viewers, duration_s):
            return viewers, rate_hz
        viewers *= 2
    return viewers, await _onset_of(shape, viewers, duration_s)


async def _onset_of(shape: Shape, viewers: int, duration_s: float) -> int | None:
    async def loses(rate_hz: int) -> bool:
        faster = dataclasses.replace(shape, frames_hz=rate_hz)
        for _ in range(2):
            cost = await plane_run.run(PLANE, faster, viewers, duration_s)
            if cost.delivered >= cost.expected:
                return False
        return True

    clean, lossy = 0, FIRST_HZ
    while not await loses(lossy):
        if lossy == MOST_HZ:
            return None
        clean, lossy = lossy, min(MOST_HZ, lossy * 5 // 4)
    for _ in range(HALVINGS):
        between = (clean + lossy) // 2
        if await loses(between):
            lossy = between
        else:
            clean = between
    return lossy


async def soaked(shape: Shape, viewers: int, duration_s: float) -> Soaked:
    """Load the plane for so long, and end it."""
    found = Soaked()
    with gathered(viewers, shape.kind) as crowd:
        async with child("bench.plane_child") as server:
            await server.tell({"plane": PLANE, "kind": shape.kind, "viewers": viewers})
            address = ("127.0.0.1", (await server.hear())["port"])
            await crowd.enter(address, asyncio.create_task(server.hear()))
            source = Publisher(shape, sealed(crowd.publisher, address))
            async with asyncio.TaskGroup() as beside:
                tasks = [
                    beside.create_task(_read(server.pid, found.rss)),
                    beside.create_task(crowd.consent(address)),
                ]
                await _load(server, source, crowd, duration_s, found)
                for task in tasks:
                    task.cancel()
            await server.tell({})
            found.drops = (await server.hear())["drops"]
            ending = time.monotonic()
    found.closed_s = time.monotonic() - ending
    found.status = server.process.returncode
    return found


async def _load(
    server: Child, source: Publisher, crowd: Crowd, duration_s: float, found: Soaked
) -> None:
    began, used_s = time.monotonic(), measure.cpu_s(server.pid)
    while (left_s := duration_s - (time.monotonic() - began)) > LINGER_S:
        sent = await source.run(min(PIECE_S, left_s))
        await asyncio.sleep(LINGER_S)
        found.expected += sent * len(crowd.viewers)
        found.delivered = crowd.total()
        found.wall_s = time.monotonic() - began
        found.cpu_s = measure.cpu_s(server.pid) - used_s
        print(_progress(found), flush=True)


async def _read(pid: int, into: list[tuple[float, int]]) -> None:
    while True:
        into.append((time.monotonic(), measure.rss_bytes(pid)))
        await asyncio.sleep(READING_S)


def _progress(found: Soaked) -> str:
    load = found.cpu_s / found.wall_s
    mib = found.rss[-1][1] / 2**20
    return (
        f"{found.wall_s:6.0f} s: {found.delivered} delivered, {found.lost} lost,"
        f" {load:.0%} of a core, {mib:.2f} MiB"
    )


def _verdict(found: Soaked) -> Iterator[str]:
    yield f"lost {found.lost} of {found.expected}"
    grown = found.growth_mb_h
    told = "for too short to tell" if grown is None else f"by {grown:.2f} MB an hour"
    yield f"resident memory grows {told}"
    yield f"ended in {found.closed_s:.2f} s with status {found.status}"
    counted = ", ".join(f"{name} {count}" for name, count in found.drops.items())
    yield f"drops: {counted or 'none'}"
    yield "fine" if found.is_fine else "not as it should be"


async def soak(scale: Scale) -> None:
    """Find the rate, hold seven tenths of it, and tell what came of it."""
    if why := native.missing():
        print(f"left out: {why}; `make native` builds it")
        return
    shape = scale.shapes[0]
    viewers, found_hz = await onset(shape, max(scale.crowds), scale.duration_s)
    begins_hz = found_hz or MOST_HZ
    held = dataclasses.replace(shape, frames_hz=max(1, int(SHARE * begins_hz)))
    where = "at" if found_hz else "above"
    print(
        f"{viewers} viewers, packets of {shape.name}; loss begins {where}"
        f" {begins_hz * len(shape.sizes) * viewers} packets a second,"
        f" held are {held.packets_hz * viewers}",
        flush=True,
    )
    found = await soaked(held, viewers, scale.minutes * 60)
    for line in _verdict(found):
        print(line)
    record = Record("soak")
    record.facts = {
        "viewers": viewers,
        "shape": shape.name,
        "loss_begins_hz": begins_hz * len(shape.sizes) * viewers,
        "held_hz": held.packets_hz * viewers,
        "growth_mb_h": found.growth_mb_h,
        "fine": found.is_fine,
        **dataclasses.asdict(found),
    }
    record.write()
