"""Streams that go from node to node, with real links, in one process."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator

import aiohttp
import pytest

from meshnode import MeshNode
from meshnode.node import relaying
from meshnode.node.local import LocalPublisher
from meshnode.node.relaying import ARRIVE_S
from meshnode.signalling.problems import Refused
from meshproto.errors import MeshError
from support.control_world import until
from support.mesh_nodes import (
    FRAME_S,
    OPUS,
    Start,
    apart,
    bring,
    chain,
    knows,
    mesh,
    mesh_nodes,
    ready,
)


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a node that joins by those given."""
    async with mesh_nodes() as begin:
        yield begin


class Source:
    """Publishes numbered packets for as long as the block lasts."""

    def __init__(self, publisher: LocalPublisher, first: int = 0) -> None:
        self.publisher = publisher
        self.number = first

    async def run(self) -> None:
        while not self.publisher.closed:
            number = self.number
            head = struct.pack("!BBHII", 0x80, 111, number & 0xFFFF, number * 960, 7)
            self.publisher.send_rtp(0, head + b"%d" % number)
            self.number += 1
            await asyncio.sleep(FRAME_S)


@contextlib.asynccontextmanager
async def source(
    node: MeshNode, secret: bytes | None = None, first: int = 0
) -> AsyncIterator[Source]:
    found = Source(node.publish("cam", [OPUS], owner="key", secret=secret), first)
    task = asyncio.create_task(found.run())
    try:
        yield found
    finally:
        task.cancel()
        found.publisher.close()


async def watch(node: MeshNode, count: int, name: str = "cam") -> list[int]:
    """The numbers of `count` packets, as a viewer at `node` gets them."""
    await until(lambda: knows(node, name), "the stream is known")
    await bring(node, name)
    numbers: list[int] = []
    with node.subscribe(name) as subscriber:
        async with asyncio.timeout(40):
            async for packet in subscriber:
                numbers.append(int(packet.data[12:]))
                if len(numbers) >= count:
                    break
    return numbers


async def test_every_packet_comes_once_and_in_order(start: Start) -> None:
    first = await start()
    second = await start(first)
    async with source(first):
        numbers = await watch(second, 60)
    assert numbers == list(range(numbers[0], numbers[0] + 60))


async def test_a_node_in_the_middle_passes_a_stream_on(start: Start) -> None:
    first, middle, last = await chain(start)
    async with source(first):
        numbers = await watch(last, 60)
        if ready(last) == 1:
            (tree,) = mesh(last).trees
            assert tree.parent == mesh(middle).node
    assert numbers == list(range(numbers[0], numbers[0] + 60))


async def test_a_node_that_relays_already_serves_its_first_viewer(start: Start) -> None:
    first, middle, last = await chain(start)
    async with source(first):
        await until(lambda: knows(last, "cam"), "the stream is known")
        await bring(last)
        with last.subscribe("cam"):
            if ready(last) == 1:
                assert mesh(middle).trees
            assert len(await watch(middle, 5)) == 5


async def test_a_stream_nobody_watches_any_more_is_let_go(start: Start) -> None:
    first = await start()
    second = await start(first)
    async with source(first):
        await watch(second, 5)
        assert mesh(second).trees
        await until(lambda: not mesh(second).trees, "it is let go")
        assert await watch(second, 5)


async def test_a_publisher_that_moves_takes_its_viewers_along(start: Start) -> None:
    first = await start()
    second = await start(first)
    await until(lambda: ready(second) == 1, "a link")
    secret = bytes(range(32))
    seen: list[int] = []

    async def view() -> None:
        await until(lambda: knows(second, "cam"), "the stream is known")
        await bring(second)
        with second.subscribe("cam") as subscriber:
            async for packet in subscriber:
                seen.append(int(packet.data[12:]))  # noqa: PERF401

    async with source(first, secret) as there:
        viewer = asyncio.create_task(view())
        await until(lambda: len(seen) > 20, "packets come")
        second._relaying.arriving("cam", "key", secret)
        async with source(second, secret, first=10_000):
            await until(lambda: seen[-1] > 10_020, "packets of the second come")
            await until(lambda: there.publisher.closed, "the first is told")
        viewer.cancel()


async def test_a_stream_that_does_not_come_is_refused_in_time(start: Start) -> None:
    first = await start()
    second = await start(first)
    async with source(first) as it:
        await until(lambda: knows(second, "cam"), "the stream is known")
        second._relaying._mesh_or_none.watch = lambda *wish: None
        with pytest.raises(Refused, match="does not come"):
            await second.bring("cam")
        assert it.number


async def test_an_unknown_stream_is_not_waited_for(start: Start) -> None:
    node = await start()
    async with asyncio.timeout(ARRIVE_S):
        await node.bring("nothing")
    with pytest.raises(MeshError):
        node.subscribe("nothing")


async def test_viewers_wait_for_the_node_of_the_origin_and_are_hung_up_in_the_end(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relaying, "UNREACHABLE_S", 2.0)
    first = await start()
    second = await start(first)
    async with source(first):
        await until(lambda: knows(second, "cam"), "the stream is known")
        await bring(second)
        with second.subscribe("cam") as subscriber:
            await anext(aiter(subscriber))
            assert first._control is not None
            first._control._driver.close()
            await first._parts.port.plane.close()
            ((_, member),) = second._relaying.fetched()
            arrival = next(iter(second._relaying._arrivals.values()))
            await until(lambda: not arrival.fed.is_set(), "its packets stopped", 60)
            assert arrival.member is member, "nobody said that it has ended"
            async with asyncio.timeout(60):
                async for _ in subscriber:
                    pass
        await until(lambda: not second.streams(), "nothing is left of it")


async def test_the_list_names_streams_of_other_nodes(start: Start) -> None:
    first = await start()
    second = await start(first)
    async with source(first):
        await until(lambda: knows(second, "cam"), "the stream is known")
        (entry,) = second._parts.list.listed()
        assert (entry["name"], entry["elsewhere"]) == ("cam", True)
        assert entry["codecs"] == ["opus"] or entry["codecs"] == ["Opus"]
        (own,) = first._parts.list.listed()
        assert "elsewhere" not in own


async def test_a_relay_serves_no_clients(start: Start) -> None:
    relay = await start(role="relay")
    async with aiohttp.ClientSession() as http:
        for door in ("whip", "whep"):
            async with http.post(f"{relay.urls['local']}{door}/cam") as answer:
                assert answer.status == 403


async def test_an_edge_passes_nothing_on(start: Start) -> None:
    first = await start()
    edge = await start(first, role="edge")
    await until(lambda: ready(edge) == 1, "a link")
    last = await start(edge)
    apart(first, last)
    async with source(first):
        await until(lambda: knows(last, "cam"), "the stream is known")
        assert await watch(edge, 5)
        with pytest.raises(Refused):
            await last.bring("cam")


async def test_an_edge_feeds_what_is_published_at_it(start: Start) -> None:
    first = await start()
    edge = await start(first, role="edge")
    async with source(edge):
        assert await watch(first, 5)
