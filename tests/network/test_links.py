"""Links between nodes behind real address translators (nftables in namespaces)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from meshnode.media.link_transport import LinkState, LinkTransport
from meshproto.errors import StateError
from meshproto.ice.events import MappedSeen
from support.lab.namespaces import require_root
from support.links import LinkNode, open_node
from support.media import until
from support.nats import House, Street

OPEN, FULL, ADDRESS, PORT, SYMMETRIC = House
TREE_S = 0.25


@asynccontextmanager
async def street(*kinds: House) -> AsyncIterator[tuple[Street, list[LinkNode]]]:
    """A node in each house, and one more in the open from which they all know how they
    look from outside.
    """
    require_root()
    with Street(*kinds, OPEN) as made:
        others: dict = {}
        nodes: list[LinkNode] = []
        for number in range(len(kinds) + 1):
            with made.within(number):
                node = await open_node(
                    number + 1, others, hosts=[made.host(number)], port=5000
                )
            nodes.append(node)
        *asking, mirror = nodes
        for node in asking:
            await learn_mapping(node, mirror)
        try:
            yield made, asking
        finally:
            for node in nodes:
                await node.port.close()


async def learn_mapping(node: LinkNode, mirror: LinkNode) -> None:
    seen: list[MappedSeen] = []
    node.port.on_event(lambda e: isinstance(e, MappedSeen) and seen.append(e))
    node.port.plane.probe(mirror.candidates[0], 1)
    await until(lambda: seen)
    node.candidates = (*node.candidates, seen[0].address)


async def linked(one: LinkNode, two: LinkNode) -> tuple[LinkTransport, LinkTransport]:
    link = await one.dial(two)
    await until(lambda: two.links)
    for end in (link, two.links[0][0]):
        end.pace(TREE_S)
    return link, two.links[0][0]


async def talk(link: LinkTransport, other: LinkTransport) -> None:
    """A frame each way."""
    got: list[bytes] = []
    link.on_frame(got.append)
    other.on_frame(got.append)
    link.send(b"there")
    other.send(b"back")
    await until(lambda: sorted(got) == [b"back", b"there"])


@pytest.mark.parametrize(
    ("one", "two"),
    [
        *[(PORT, PORT), (PORT, OPEN), (SYMMETRIC, OPEN), (SYMMETRIC, FULL)],
        *[(SYMMETRIC, ADDRESS), (ADDRESS, PORT), (FULL, FULL)],
    ],
    ids=lambda house: house.value,
)
async def test_nodes_behind_translators_meet(one, two) -> None:
    async with street(one, two) as (_, (first, second)):
        await talk(*await linked(first, second))


@pytest.mark.parametrize("two", [PORT, SYMMETRIC], ids=lambda house: house.value)
async def test_nodes_behind_symmetric_ones_do_not_and_say_so(two) -> None:
    async with street(SYMMETRIC, two) as (_, (first, second)):
        with pytest.raises(StateError, match="timeout"):
            await first.dial(second)


async def test_a_cut_is_noticed_by_both_ends_and_its_end_too() -> None:
    async with street(PORT, PORT) as (made, nodes):
        ends = await linked(*nodes)
        made.cut(0)
        await until(lambda: {end.state for end in ends} == {LinkState.SILENT})
        made.mend(0)
        await until(lambda: {end.state for end in ends} == {LinkState.RESUMED})
        await talk(*ends)


@pytest.mark.parametrize("dialled", [0, 1], ids=["dialler", "dialled"])
async def test_the_path_follows_a_translator_with_a_new_address(dialled) -> None:
    async with street(PORT, OPEN) as (made, nodes):
        mover, still = nodes
        if dialled:
            there, moving = await linked(still, mover)
        else:
            moving, there = await linked(mover, still)
        assert there.address[0] == made.outside(0)
        renewed = made.renumber(0)
        await until(lambda: there.address[0] == renewed)
        await talk(moving, there)
        assert LinkState.CLOSED not in {moving.state, there.state}
