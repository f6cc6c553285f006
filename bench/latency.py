"""What a plane adds to a packet's way, at half of the load that it can bear.

Single packets come evenly apart, so that nothing waits for the rest of a frame, and go
to `CHILDREN` viewers.  The rate is the one at which the native plane is busy half of
the time, found by a run before; it is the same for all.  Beside them a plain echo: one
socket, one datagram in, the same one out.  Times are the kernel's at arrival
(SO_TIMESTAMPNS) less the sender's clock before the call; a run is cut into pieces that
the receive buffers hold, and read between them.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench import crowd, measure
from bench.child import Child, child
from bench.compare import Scale
from bench.crowd_load import Crowd, gathered
from bench.load import drain
from bench.record import Record
from bench.shapes import Shape
from meshnode.media import native
from meshnode.media.srtp import make_outbound
from meshproto.wire import rtp

CHILDREN = 8
SINGLE = Shape("single packets", "audio", 1, (1158,))
"""Sound by name: pictures would be held to the rate that a path proved to carry."""
PIECE = 1_000
LOW_HZ, MOST_HZ = 4_000.0, 25_000.0
ASKED_S = 0.05
GIVEN_UP_S = 1.0


@dataclass(slots=True)
class Delays:
    """Of every copy, in microseconds; copies that never came; CPU seconds and wall."""

    us: list[float] = field(default_factory=list)
    lost: int = 0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    packets: int = 0

    def quantile_us(self, share: float) -> float:
        """The delay that `share` of the copies did not exceed."""
        ordered = sorted(self.us)
        return ordered[int((len(ordered) - 1) * share)]

    @property
    def load(self) -> float:
        """Share of one core."""
        return self.cpu_s / self.wall_s


class Source:
    """Single packets at a rate, numbered from call to call."""

    def __init__(self, out: socket.socket, address: tuple[str, int]) -> None:
        self._out, self._address = out, address
        self._outbound = make_outbound(crowd.keys(crowd.PUBLISHER, client=True))
        self._sent = 0

    def ready(self, count: int) -> list[bytes]:
        """The next packets, protected."""
        made = []
        for number in range(self._sent, self._sent + count):
            packet = rtp.build(
                payload_type=111,
                sequence=number & 0xFFFF,
                timestamp=number * 960 & 0xFFFFFFFF,
                ssrc=0x0BE7C5,
                marker=True,
                payload=bytes(SINGLE.sizes[0]),
            )
            made.append(packet[:12] + self._outbound.protect(packet[:12], packet[12:]))
        self._sent += count
        return made

    def send(self, packets: Sequence[bytes], rate_hz: float) -> list[float]:
        """Send them evenly apart, by a busy clock; the time of each."""
        stamps, due, step = [], time.perf_counter(), 1 / rate_hz
        for packet in packets:
            while time.perf_counter() < due:
                pass
            stamps.append(time.time())
            self._out.sendto(packet, self._address)
            due += step
        return stamps


def is_rtp(data: bytes) -> bool:
    """Neither STUN nor RTCP (RFC 5761 section 4)."""
    return 128 <= data[0] < 192 and not 192 <= data[1] < 224


async def piece(source: Source, group: Crowd, rate_hz: float, into: Delays) -> None:
    """One run between two readings."""
    packets = source.ready(PIECE)
    stamps = source.send(packets, rate_hz)
    until = time.monotonic() + GIVEN_UP_S
    for sock in group.viewers:
        arrived: list[float] = []
        while len(arrived) < len(stamps) and time.monotonic() < until:
            came = drain(sock, is_rtp)
            arrived += [at for _, at in came]
            await asyncio.sleep(0 if came else 0.002)
        if len(arrived) == len(stamps):
            both = zip(stamps, arrived, strict=True)
            into.us += [(came - left) * 1e6 for left, came in both]
        else:
            into.lost += len(stamps) - len(arrived)


async def measured(
    server: Child, source: Source, group: Crowd, rate_hz: float, pieces: int
) -> Delays:
    """Warm up with one piece, then measure."""
    await piece(source, group, rate_hz, Delays())
    found = Delays()
    for _ in range(pieces):
        before = measure.cpu_s(server.pid)
        await piece(source, group, rate_hz, found)
        found.cpu_s += measure.cpu_s(server.pid) - before
        found.wall_s += PIECE / rate_hz
        found.packets += PIECE
    return found


async def through(plane: str, rate_hz: float, pieces: int) -> Delays:
    """Through one plane to all children."""
    with gathered(CHILDREN, None) as group:
        async with child("bench.plane_child") as server:
            order = {"plane": plane, "kind": SINGLE.kind, "viewers": CHILDREN}
            await server.tell(order)
            address = ("127.0.0.1", (await server.hear())["port"])
            await group.enter(address, asyncio.create_task(server.hear()))
            source = Source(group.publisher, address)
            return await measured(server, source, group, rate_hz, pieces)


async def echoed(rate_hz: float, pieces: int) -> Delays:
    """Through the plain echo."""
    with gathered(1, None) as group:
        async with child("bench.copies") as server:
            address = ("127.0.0.1", (await server.hear())["port"])
            await server.tell({"viewers": group.addresses, "how": "sendto"})
            source = Source(group.publisher, address)
            return await measured(server, source, group, rate_hz, pieces)


async def latency(scale: Scale) -> None:
    """The table: delays of each, and what the planes add."""
    if why := native.missing():
        print(f"left out: {why}; `make native` builds it")
        return
    pieces = max(1, int(scale.duration_s * 5))
    tried = await through("native", LOW_HZ, 1)
    rate_hz = min(MOST_HZ, 0.5 * tried.packets / max(tried.cpu_s, 1e-9))
    print(f"{rate_hz:.0f} packets of {SINGLE.sizes[0]} octets a second, singly,")
    print(f"to {CHILDREN} viewers; one way, us")
    runs: dict[str, list[Delays]] = {"echo": [], "native": []}
    for _ in range(scale.repeats):
        runs["echo"].append(await echoed(rate_hz, pieces))
        runs["native"].append(await through("native", rate_hz, pieces))
    record = Record("latency")
    record.facts["rate_hz"] = rate_hz
    for name, each in runs.items():
        p50 = measure.Spread.of([run.quantile_us(0.5) for run in each])
        p99 = measure.Spread.of([run.quantile_us(0.99) for run in each])
        load = measure.Spread.of([run.load for run in each])
        lost = sum(run.lost for run in each)
        print(f"{name:>8}: p50 {p50}  p99 {p99}  load {load.median:.0%}  lost {lost}")
        record.facts[name] = {
            "p50_us": [run.quantile_us(0.5) for run in each],
            "p99_us": [run.quantile_us(0.99) for run in each],
            "load": load.median,
            "lost": lost,
        }
    record.write()
