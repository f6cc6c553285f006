"""Sound that comes over two parents all the time, with real links, in one process."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from meshnode import MeshNode
from meshnode.node.local import LocalSubscriber
from support.control_world import until
from support.mesh_nodes import (
    Start,
    apart,
    bring,
    knows,
    mesh,
    mesh_nodes,
    ready,
    source,
)

SOME = 25


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a node that joins by those given."""
    async with mesh_nodes() as begin:
        yield begin


async def diamond(start: Start, dual: tuple[str, ...]) -> tuple[MeshNode, ...]:
    """An origin, two relays, and a node that has links to the relays alone."""
    first = await start()
    relays = [await start(first), await start(first)]
    await until(lambda: all(ready(relay) for relay in relays), "links to the origin")
    last = await start(*relays, dual=dual)
    apart(first, last)
    await until(lambda: ready(last) == 2, "links to the relays")
    return first, *relays, last


def tree(node: MeshNode) -> tuple[str | None, str | None]:
    """Parent and second parent of the one stream."""
    trees = mesh(node).trees
    return (trees[0].parent, trees[0].second) if trees else (None, None)


def relayed(node: MeshNode) -> int:
    """Packets to other nodes."""
    return int(node._parts.port.plane.stats()["relayed"]["packets"])


async def numbers(subscriber: LocalSubscriber, count: int) -> list[int]:
    """Of the next packets."""
    found: list[int] = []
    async with asyncio.timeout(40):
        async for packet in subscriber:
            found.append(int.from_bytes(packet.data[2:4], "big"))
            if len(found) == count:
                return found
    raise AssertionError("the stream ended")


@contextlib.asynccontextmanager
async def watched(
    start: Start, dual: tuple[str, ...]
) -> AsyncIterator[tuple[MeshNode, MeshNode, MeshNode, LocalSubscriber]]:
    """Parent and second parent of the last node, that node, and who watches there."""
    first, *relays, last = await diamond(start, dual)
    async with source(first):
        await until(lambda: knows(last, "cam"), "the stream is known")
        await bring(last)
        with last.subscribe("cam") as subscriber:
            names = {mesh(relay).node: relay for relay in relays}
            await until(lambda: set(tree(last)) == set(names), "two parents", 60)
            parent, spare = (names[name or ""] for name in tree(last))
            yield parent, spare, last, subscriber


@pytest.mark.parametrize("dual", [("cam",), ("*",), ("other",)])
async def test_both_parents_send_only_what_is_to_come_over_both(
    start: Start, dual: tuple[str, ...]
) -> None:
    async with watched(start, dual) as (_, spare, _, subscriber):
        before = relayed(spare)
        got = await numbers(subscriber, SOME)
        if dual == ("other",):
            assert relayed(spare) == before
        else:
            await until(lambda: relayed(spare) >= before + SOME, "a second copy")
        assert got == list(range(got[0], got[0] + SOME)), "each of them once"


async def test_the_death_of_a_parent_costs_no_packet(start: Start) -> None:
    async with watched(start, ("cam",)) as (parent, spare, last, subscriber):
        before = relayed(spare)
        await until(lambda: relayed(spare) > before, "a second copy")
        first_of_them = (await numbers(subscriber, 1))[0]
        assert parent._control is not None
        parent._control._driver.close()
        await parent._parts.port.plane.close()
        got = await numbers(subscriber, 4 * SOME)
        assert got == [first_of_them + 1 + one for one in range(4 * SOME)]
        await until(lambda: tree(last)[0] == mesh(spare).node, "the other parent")
