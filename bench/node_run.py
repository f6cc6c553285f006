"""Runs a real node: start `meshnode run`, publish and view with light clients."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import aiohttp

from bench.cost import Cost, measure_cost
from bench.doors import Door, Session
from bench.load import Ages, Publisher
from bench.shapes import Shape
from support.light_client import LightClient
from support.node import KEY, RunningNode, running_node

LIMITS = (
    *("--limit", "sessions_per_address=4096"),
    *("--limit", "requests_per_minute=100000"),
)
FIRST_S = 1.0
"""How long a stream goes on before anybody watches."""


@dataclass(frozen=True, slots=True)
class BenchNode:
    """A node and the doors of one stream on it."""

    node: RunningNode
    publish: Door
    play: Door

    @property
    def pid(self) -> int:
        """The process whose cost is counted."""
        return self.node.process.pid


def _free_endpoints(count: int) -> list[str]:
    """Loopback endpoints for TCP that nobody has: several benches may run."""
    with contextlib.ExitStack() as held:
        names = []
        for _ in range(count):
            sock = held.enter_context(socket.socket())
            sock.bind(("127.0.0.1", 0))
            names.append(f"127.0.0.1:{sock.getsockname()[1]}")
    return names


@contextlib.asynccontextmanager
async def bench_node(plane: str = "auto") -> AsyncIterator[BenchNode]:
    """A node with limits wide enough for a benchmark from one address."""
    page, admin = _free_endpoints(2)
    flags = (*LIMITS, "--plane", plane)
    with running_node(*flags, http=page, admin=admin, port=0) as node:
        async with aiohttp.ClientSession() as http:
            publish = Door(http, node.whip("bench"), KEY)
            yield BenchNode(node, publish, Door(http, node.whep("bench")))


def sender(client: LightClient) -> Callable[[Sequence[bytes]], None]:
    """How a connected publisher sends frames: protected first, then back to back."""

    def send(packets: Sequence[bytes]) -> None:
        outbound = client.outbound
        assert outbound is not None
        heads = [packet[:12] for packet in packets]
        for datagram in [
            head + outbound.protect(head, packet[12:])
            for head, packet in zip(heads, packets, strict=True)
        ]:
            client.send(datagram)

    return send


async def run(
    shape: Shape,
    viewers: int,
    duration_s: float,
    *,
    feedback: bool = False,
    plane: str = "auto",
) -> Cost:
    """One publisher to `viewers` light viewers through a node of its own."""
    ages = Ages()
    async with bench_node(plane) as bench:
        publisher = await bench.publish.publish()
        source = Publisher(shape, sender(publisher.client))
        await source.run(FIRST_S)
        joined = await join_while_live(bench, source, viewers, ages, feedback)
        cost = await measure_cost(
            bench.pid,
            source,
            lambda: sum([session.client.packets for session in joined]),
            ages,
            viewers,
            duration_s,
        )
        for session in (*joined, publisher):
            session.client.close()
    return cost


async def join_while_live(
    bench: BenchNode, source: Publisher, count: int, ages: Ages, feedback: bool
) -> list[Session]:
    """Viewers join while the stream goes on, as they do."""

    async def join() -> list[Session]:
        return [await bench.play.view(ages, feedback=feedback) for _ in range(count)]

    joining = asyncio.create_task(join())
    while not joining.done():
        await source.run(0.5)
    return joining.result()
