"""Runs a real node: start `meshnode run`, publish and view with light clients."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import aiohttp

from bench import load, measure
from bench.doors import Door
from bench.naive_run import Cost
from bench.shapes import Shape
from meshproto.wire import rtp
from support.light_client import LightClient
from support.node import KEY, RunningNode, running_node

LIMITS = (
    "--limit",
    "sessions_per_address=4096",
    "--limit",
    "requests_per_minute=100000",
)
SAMPLING = 50
SETTLE_S = 1.0
PAYLOAD_TYPES = {"video": 96, "audio": 111}


@dataclass(frozen=True, slots=True)
class Bench:
    """A node, the doors of one stream on it, and the child's process id."""

    node: RunningNode
    publish: Door
    play: Door

    @property
    def pid(self) -> int:
        """The process whose cost is counted."""
        return self.node.process.pid


@contextlib.asynccontextmanager
async def bench_node() -> AsyncIterator[Bench]:
    """A node with limits wide enough for a benchmark from one address."""
    with running_node(*LIMITS) as node:
        async with aiohttp.ClientSession() as http:
            publish = Door(http, node.whip("bench"), KEY)
            yield Bench(node, publish, Door(http, node.whep("bench")))


async def publisher(bench: Bench, shape: Shape) -> tuple[LightClient, load.Publisher]:
    """A connected publisher whose stream the node knows after a first second."""
    ssrc = load.SEND_SSRC - (1 if shape.kind == "audio" else 0)
    client, _ = await bench.publish.enter("sendonly", ssrc=ssrc)

    def send(packets: Sequence[bytes]) -> None:
        for packet in packets:
            client.send_rtp(packet)

    source = load.Publisher(shape, send, PAYLOAD_TYPES[shape.kind])
    await source.run(SETTLE_S)
    return client, source


async def viewers(
    bench: Bench, count: int, ages: load.Ages
) -> list[tuple[LightClient, str]]:
    """Connected viewers that decrypt a sample and note its age."""
    joined = []
    for _ in range(count):
        client, session = await bench.play.enter("recvonly", decrypt_every=SAMPLING)

        def inspect(plain: bytes) -> None:
            ages.note(rtp.payload(plain, rtp.parse(plain)))

        client.on_rtp = inspect
        joined.append((client, session))
    return joined


async def run(shape: Shape, count: int, duration_s: float) -> Cost:
    """One publisher to `count` light viewers through a node of its own."""
    ages = load.Ages()
    async with bench_node() as bench:
        sending, source = await publisher(bench, shape)
        joined = await _join_while_live(bench, source, count, ages)
        await source.run(SETTLE_S)
        await asyncio.sleep(0.2)  # what is under way belongs to the warm-up
        ages.seconds.clear()
        before = sum(client.packets for client, _ in joined)
        cpu = measure.cpu_s(bench.pid)
        sent = await source.run(duration_s)
        await asyncio.sleep(0.2)
        cost = Cost(
            sum(client.packets for client, _ in joined) - before,
            sent * count,
            measure.cpu_s(bench.pid) - cpu,
            ages.quantile_ms(0.5),
            ages.quantile_ms(0.99),
        )
        for client, _ in joined:
            client.close()
        sending.close()
    return cost


async def _join_while_live(
    bench: Bench, source: load.Publisher, count: int, ages: load.Ages
) -> list[tuple[LightClient, str]]:
    """Viewers join while the stream goes on, as they do."""
    joining = asyncio.create_task(viewers(bench, count, ages))
    while not joining.done():
        await source.run(0.5)
    return joining.result()
